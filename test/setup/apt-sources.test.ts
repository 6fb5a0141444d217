import { expect, test } from 'vitest';
import { type SourcesFormat, sourceSuites } from '../../scripts/setup/apt-sources.ts';

const read = (format: SourcesFormat, text: string) => sourceSuites([{ format, text }]);
const texts = (format: SourcesFormat, text: string) => read(format, text).map((source) => source.text);

test('each suite of a deb822 stanza becomes a place for source packages, Signed-By kept', () => {
  const stanza = `Types: deb
# a comment
URIs: http://deb.example.org/debian
Suites: bookworm-security bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;
  const [plain, updates, security] = read('sources', stanza);
  expect(plain).toEqual({
    suite: 'bookworm',
    extension: 'sources',
    text: `Types: deb-src
Suites: bookworm
Targets: Sources
uris: http://deb.example.org/debian
components: main contrib
signed-by: /usr/share/keyrings/debian-archive-keyring.gpg
`,
  });
  expect([updates?.suite, security?.suite]).toEqual(['bookworm-updates', 'bookworm-security']);
});

test('a key that stands in the stanza itself is kept, line by line', () => {
  const key =
    ' -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEY865UxYJKwYB\n -----END PGP PUBLIC KEY BLOCK-----';
  const stanza = `types: deb\nuris: http://a\nsuites: noble\ncomponents: main universe\nsigned-by:\n${key}\n`;
  expect(texts('sources', stanza)).toEqual([expect.stringContaining(`signed-by:\n${key}\n`)]);
});

test('stanzas are apart', () => {
  const stanza = (suite: string) => `Types: deb\nURIs: http://a\nSuites: ${suite}\nComponents: main\n`;
  const two = read('sources', `# head\n\n${stanza('one')}\n \n\n${stanza('two')}`);
  expect(two.map(({ suite, text }) => [suite, text.match(/Suites: .*/g)])).toEqual([
    ['one', ['Suites: one']],
    ['two', ['Suites: two']],
  ]);
});

test('a stanza that is switched off counts for nothing', () => {
  const stanza = 'Types: deb\nURIs: http://a\nSuites: s\nComponents: main\n';
  expect(texts('sources', `Enabled: no\n${stanza}`)).toEqual([]);
  expect(texts('sources', `Enabled: yes\n${stanza}`)).toHaveLength(1);
});

test('a one-line entry becomes a place for source packages, options kept', () => {
  const line = 'deb [ arch=amd64 signed-by=/a.gpg ] https://deb.example.org/ubuntu noble main universe # why';
  expect(read('list', line)).toEqual([
    {
      suite: 'noble',
      extension: 'list',
      text: 'deb-src [arch=amd64 signed-by=/a.gpg target=Sources] https://deb.example.org/ubuntu noble main universe\n',
    },
  ]);
});

test('"deb" and "deb-src" of the same archive are one place, comments are none', () => {
  const lines =
    '# deb http://b s main\ndeb http://a s main\n  deb-src http://a s main\n\nrpm http://a s main\n';
  expect(texts('list', lines)).toEqual(['deb-src [target=Sources] http://a s main\n']);
});

test('archives without the component main are not asked', () => {
  expect(texts('list', 'deb http://a bookworm stable\ndeb http://b ./\n')).toEqual([]);
  expect(texts('sources', 'Types: deb\nURIs: http://a\nSuites: bookworm\nComponents: stable\n')).toEqual([]);
  expect(texts('sources', 'Types: deb\nURIs: http://a\nSuites: ./\n')).toEqual([]);
});

test('plain suites come first, odd ones last', () => {
  const suites = ['sid-backports', 'noble-security', 'buster/updates', 'noble-updates', 'noble'];
  const lines = suites.map((suite) => `deb http://a ${suite} main`).join('\n');
  expect(read('list', lines).map(({ suite }) => suite)).toEqual([
    'noble',
    'noble-updates',
    'noble-security',
    'sid-backports',
    'buster/updates',
  ]);
});
