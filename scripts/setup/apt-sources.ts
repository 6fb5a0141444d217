/** One suite of one archive that this machine uses, written as a source for source packages. */
export interface SourceSuite {
  /** Name, such as `bookworm-security`. */
  readonly suite: string;
  /** Extension of the file for apt, which tells apt the format. */
  readonly extension: SourcesFormat;
  readonly text: string;
}

/** Formats of sources.list(5): `list` has one line for each entry, `sources` is deb822. */
export type SourcesFormat = 'list' | 'sources';

/**
 * Sources for source packages from the archives of this machine: one for each suite of each enabled entry with the
 * component `main`. Everything else in an entry is kept, above all `Signed-By`, by which apt checks the signatures.
 * Plain suites come first, because every mirror has their sources; then -updates, -security and the rest.
 */
export function sourceSuites(files: Iterable<{ format: SourcesFormat; text: string }>): SourceSuite[] {
  const suites = new Map<string, SourceSuite>(); // "deb" and "deb-src" of the same archive give the same text
  for (const { format, text } of files) {
    for (const suite of format === 'sources' ? fromStanzas(text) : fromLines(text))
      suites.set(suite.text, suite);
  }
  return [...suites.values()].sort((a, b) => rank(a.suite) - rank(b.suite));
}

function rank(suite: string): number {
  if (suite.endsWith('-updates')) return 1;
  if (suite.endsWith('-security')) return 2;
  return /[-/]/.test(suite) ? 3 : 0;
}

/** Line such as `deb [signed-by=/a.gpg] http://deb.example.org/debian bookworm main contrib # a comment`. */
const LINE = /^\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)/;

/**
 * Suites from the lines of a `list`. `target=Sources` keeps apt from fetching further, very large indexes for apt-file
 * and the like.
 */
function* fromLines(text: string): Generator<SourceSuite> {
  for (const line of text.split('\n')) {
    const [, options = '', uri = '', suite = '', components = ''] = LINE.exec(line) ?? [];
    if (!words(components).includes('main')) continue;
    const bracket = [...words(options), 'target=Sources'].join(' ');
    const entry = `deb-src [${bracket}] ${uri} ${suite} ${words(components).join(' ')}\n`;
    yield { suite, extension: 'list', text: entry };
  }
}

function* fromStanzas(text: string): Generator<SourceSuite> {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  for (const stanza of lines.join('\n').split(/\n\s*\n/)) {
    const fields = parseStanza(stanza);
    const kept = [...fields].filter(([name]) => !['types', 'suites', 'targets', 'enabled'].includes(name));
    if (!/^(|yes|true|with|on|enable|1)$/i.test(fields.get('enabled')?.trim() ?? '')) continue;
    if (!words(fields.get('components')).includes('main')) continue;
    for (const suite of words(fields.get('suites'))) {
      const own = [`Types: deb-src`, `Suites: ${suite}`, 'Targets: Sources'];
      const entry = [...own, ...kept.map(([name, value]) => `${name}:${value}`)].join('\n');
      yield { suite, extension: 'sources', text: `${entry}\n` };
    }
  }
}

/** Fields of a stanza by lower-case name. A value continues on lines that start with a blank. */
function parseStanza(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = '';
  for (const line of stanza.split('\n')) {
    const [, name, value = ''] = /^([^\s:]+):(.*)$/.exec(line) ?? [];
    if (name !== undefined) last = name.toLowerCase();
    if (name !== undefined) fields.set(last, value);
    else if (/^\s/.test(line)) fields.set(last, `${fields.get(last) ?? ''}\n${line}`);
  }
  return fields;
}

function words(text = ''): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
