import { actionInputs, type Input } from '../action-inputs.ts';
import { SYNC_OPTIONS } from '../commands/sync.ts';
import type { Option } from '../option.ts';
import { variableOf } from '../read.ts';

const LINE = 120;

/** `action.yml` with the inputs that the rows make, and their way into the environment. */
export function withInputs(actionYml: string): string {
  const inputs = actionInputs();
  const told = between(
    actionYml,
    '  # inputs:begin\n',
    '  # inputs:end\n',
    inputs.map(descriptionOf).join(''),
  );
  const variables = inputs.map(({ name, handedOn }) => `        ${variableOf(name)}: ${handedOn}\n`);
  return between(told, '        # variables:begin\n', '        # variables:end\n', variables.join(''));
}

/** A README with the table of the settings of a cycle that the rows make. */
export function withTable(readme: string): string {
  const rows = SYNC_OPTIONS.map((option: Option) => `${tableRow(option)}\n`);
  const table = `| Option | Default | Meaning |\n|---|---|---|\n${rows.join('')}`;
  return between(readme, '<!-- settings:begin -->\n', '<!-- settings:end -->\n', table);
}

/** Throws if the text lacks one of the marks. */
function between(text: string, begin: string, end: string, content: string): string {
  const start = text.indexOf(begin) + begin.length;
  const stop = text.indexOf(end, start);
  if (start < begin.length || stop === -1) throw new Error(`there is no ${begin.trim()} … ${end.trim()}`);
  return `${text.slice(0, start)}${content}${text.slice(stop)}`;
}

function descriptionOf({ name, help, fallback }: Input): string {
  const lines = folded(`${help.slice(0, 1).toUpperCase()}${help.slice(1)}`, LINE - 6).map(
    (line) => `      ${line}\n`,
  );
  const own = name === 'github-token' ? `\${{ github.token }}` : `'${fallback}'`;
  return `  ${name}:\n    description: >-\n${lines.join('')}    default: ${own}\n`;
}

/** Words in lines of at most so many characters. */
function folded(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function tableRow({ name, value, help, fallback, usually = '' }: Option): string {
  const flag = value === undefined ? `--${name}` : `--${name} ${value}`;
  const otherwise = fallback === undefined ? usually : `\`${fallback}\``;
  return `| ${[`\`${flag}\``, otherwise, help].map(cell).join(' | ')} |`;
}

/** `<store>` would be HTML outside of code. */
function cell(text: string): string {
  const plain = text.startsWith('`') ? text : text.replaceAll('<', '&lt;');
  return plain.replaceAll('|', '\\|');
}
