import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const FOLDERS = ['scripts', 'test', 'site', 'fixtures', '.github'];
const NOTES = { formats: 'scripts/cvd/clamav-formats.md', field: 'test/field-notes.md' } as const;

/** All files of the project by their path below its root. */
const files = [
  ...readdirSync(ROOT, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : [])),
  ...FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [join(entry.parentPath, entry.name).slice(ROOT.length + 1)] : [],
    ),
  ),
];
const known = new Set(files);
const basenames = new Set(files.map((file) => basename(file)));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

interface Text {
  readonly file: string;
  readonly text: string;
}

/** What people read: documents whole, and the comments of everything else, each as one line. */
const texts: readonly Text[] = files.flatMap((file) => {
  const found = commentsOf(file);
  return found === '' ? [] : [{ file, text: found }];
});

describe('what comments and documents cite', () => {
  test('is looked for in all kinds of files', () => {
    const kinds = new Set(texts.map(({ file }) => file.split('.').at(-1)));
    expect([...kinds]).toEqual(expect.arrayContaining(['md', 'sh', 'ts', 'yml']));
    expect(texts.length).toBeGreaterThan(300);
  });

  test('are documents and sources of this project', () => {
    // A path or a bare name; not what stands behind https:// or in a path of other software.
    const cited = /(?<![\w/.@:*{}<>-])(?:\.{1,2}\/)*(?:[\w.-]+\/)*[\w.-]+\.(?:md|ts)\b(?![\w/*])/g;
    const lost = texts.flatMap(({ file, text }) =>
      [...text.matchAll(cited)].flatMap(([name]) => (leadsSomewhere(name, file) ? [] : [`${file}: ${name}`])),
    );
    expect(lost).toEqual([]);
  });

  test('are files of whatever kind that are there, where a path of this project is given', () => {
    const cited = /(?<![\w/.-])(?:scripts|test|site|fixtures|\.github)\/[\w./-]*[\w-]\.\w+/g;
    const lost = texts.flatMap(({ file, text }) =>
      [...text.matchAll(cited)].flatMap(([name]) => (leadsSomewhere(name, file) ? [] : [`${file}: ${name}`])),
    );
    expect(lost).toEqual([]);
  });

  test("are sections that the notes on ClamAV's formats have", () => {
    const sections = sectionsOf(read(NOTES.formats));
    const cited = citationsOf(/clamav-formats\.md`? ((?:§[\d.]*\d(?:, | and )?)+)/g, /§([\d.]+)/g);
    expect(cited.length).toBeGreaterThan(50);
    expect(cited.filter(({ what }) => !sections.has(what))).toEqual([]);
  });

  test('are defects and incidents that the notes from the field have', () => {
    const notes = read(NOTES.field);
    const defects = new Set([...notes.matchAll(/^(\d+)\. /gm)].map(([, number]) => number));
    const numbered = citationsOf(/field-notes\.md, defects? ((?:\d+(?:, | and )?)+)/g, /(\d+)/g);
    expect(numbered.length).toBeGreaterThan(5);
    expect(numbered.filter(({ what }) => !defects.has(what))).toEqual([]);
    const issues = citationsOf(/field-notes\.md, ((?:c[lu]#\d+(?:, | and )?)+)/g, /(c[lu]#\d+)/g);
    expect(issues.length).toBeGreaterThan(1);
    expect(issues.filter(({ what }) => !new RegExp(`${what}\\b`).test(notes))).toEqual([]);
  });
});

/** A citation leads from the folder of whoever cites, from the root, or is the name of one file somewhere. */
function leadsSomewhere(name: string, from: string): boolean {
  if (known.has(normalize(name)) || known.has(normalize(join(dirname(from), name)))) return true;
  return name.includes('/') ? files.some((file) => file.endsWith(`/${name}`)) : basenames.has(name);
}

function citationsOf(whole: RegExp, each: RegExp): { file: string; what: string }[] {
  return texts.flatMap(({ file, text }) =>
    [...text.matchAll(whole)].flatMap(([, list = '']) =>
      [...list.matchAll(each)].map(([, what = '']) => ({ file, what })),
    ),
  );
}

/** `0.3` is item 3 of the list in section 0, or the heading 0.3. */
function sectionsOf(document: string): ReadonlySet<string> {
  const found = new Set<string>();
  let section = '';
  for (const line of document.split('\n')) {
    const [, heading] = /^#{2,3} (\d+(?:\.\d+)?)[. ]/.exec(line) ?? [];
    const [, item] = /^(\d+)\. /.exec(line) ?? [];
    if (heading !== undefined) section = heading;
    if (heading !== undefined) found.add(heading);
    else if (item !== undefined) found.add(`${section}.${item}`);
  }
  return found;
}

function commentsOf(file: string): string {
  if (file.endsWith('.md')) return read(file);
  if (/\.(ts|js|mjs|jsonc)$/.test(file)) {
    const comments = read(file).matchAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*/g);
    return [...comments].map(([comment]) => comment.replaceAll(/\s*\n\s*(?:\*|\/\/)? ?/g, ' ')).join('\n');
  }
  if (/\.(ya?ml|sh|conf|toml)$|Caddyfile|Dockerfile/.test(file)) {
    const comments = read(file).matchAll(/^\s*#.*(?:\n\s*#.*)*/gm);
    return [...comments].map(([comment]) => comment.replaceAll(/\s*\n\s*# ?/g, ' ')).join('\n');
  }
  return '';
}
