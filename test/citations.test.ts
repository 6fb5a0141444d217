import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FLOORS } from './support/house.ts';

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

describe('links of documents', () => {
  const documents = texts.filter(({ file }) => file.endsWith('.md'));
  const links = documents.flatMap(({ file, text }) =>
    linksIn(withoutCode(text)).map((target) => ({ file, target })),
  );
  const isOurs = ({ target }: { target: string }) => !/^[a-z]+:/.test(target);

  test('are found in more than a few documents', () => {
    expect(documents.length).toBeGreaterThan(10);
    expect(new Set(links.map(({ file }) => file)).size).toBeGreaterThan(5);
    expect(links.filter(isOurs).length).toBeGreaterThan(30);
  });

  test('lead to a file or a folder of this project, from the folder of the document', () => {
    const lost = links.filter(isOurs).filter(({ file, target }) => {
      const [path = ''] = target.split('#');
      return path !== '' && !isThere(normalize(join(dirname(file), path)));
    });
    expect(lost).toEqual([]);
  });

  test('lead to a heading that the document has', () => {
    const lost = links.filter(isOurs).filter(({ file, target }) => {
      const [path = '', anchor] = target.split('#');
      if (anchor === undefined) return false;
      const document = path === '' ? file : normalize(join(dirname(file), path));
      return !known.has(document) || !anchorsOf(read(document)).has(anchor);
    });
    expect(lost).toEqual([]);
  });

  test('outside this project go by https and name a host', () => {
    const others = links.filter((link) => !isOurs(link));
    expect(others.filter(({ target }) => !/^https:\/\/[\w-]+(\.[\w-]+)+(\/|$)/.test(target))).toEqual([]);
  });

  test('by a name are those that are defined', () => {
    const undefinedNames = documents.flatMap(({ file, text }) => {
      const prose = withoutCode(text);
      const defined = new Set([...prose.matchAll(/^\[([^\]]+)\]: /gm)].map(([, name]) => name));
      const used = [...prose.matchAll(/\[([a-z][\w -]*)\](?![(:[])/gi)].map(([, name]) => name);
      if (defined.size === 0) return []; // what stands in brackets there is no link
      return used.filter((name) => !defined.has(name)).map((name) => `${file}: ${name}`);
    });
    expect(undefinedNames).toEqual([]);
  });
});

describe('the map of the code', () => {
  const rows = [...read('scripts/README.md').matchAll(/^\| (\d+) \| ([^|]+) \|/gm)];

  test('has each room on the floor that it is held to', () => {
    const floors = rows.map(([, floor, rooms = '']) => [
      Number(floor),
      [...rooms.matchAll(/`([\w-]+)\/`/g)].map(([, name]) => name).sort(),
    ]);
    const expected = FLOORS.map((rooms, floor) => [
      floor,
      rooms.filter((room) => !room.includes(' ')).sort(),
    ]);
    expect(floors.reverse()).toEqual(expected);
  });

  test('names everything that is in scripts/, and nothing else', () => {
    const named = rows.flatMap(([, , rooms = '']) =>
      [...rooms.matchAll(/`([\w./-]+)`/g)].map(([, name = '']) => name),
    );
    const rooms = readdirSync(join(ROOT, 'scripts'), { withFileTypes: true }).flatMap((entry) => {
      if (entry.isDirectory()) return [`${entry.name}/`];
      return entry.name.endsWith('.ts') ? [entry.name] : [];
    });
    expect(named.sort()).toEqual(rooms.sort());
  });
});

describe("the README's table of dependencies", () => {
  test('has a reason for each', () => {
    const [, table = ''] = /^## Dependencies$([\s\S]*)/m.exec(read('README.md')) ?? [];
    const rows = [...table.matchAll(/^\| ([^|]+) \| [^|]+ \|$/gm)].map(([, names = '']) => names);
    const named = rows.filter((name) => name !== 'Package').flatMap((names) => names.split(', '));
    const { dependencies } = JSON.parse(read('package.json'));
    expect(named.filter((name) => !/^-+$/.test(name)).sort()).toEqual(Object.keys(dependencies).sort());
  });
});

/** Targets of links as Markdown has them: in the text, and those of names. */
function linksIn(prose: string): string[] {
  const inline = prose.matchAll(/\]\(([^()\s]+)\)/g);
  const byName = prose.matchAll(/^\[[^\]]+\]: (\S+)$/gm);
  return [...inline, ...byName].map(([, target = '']) => target);
}

/** A document without its examples: nothing in them is a link or a heading. */
function withoutCode(document: string): string {
  return document.replaceAll(/^ *```.*?^ *```/gms, '').replaceAll(/`[^`\n]*`/g, '``');
}

/** The anchors that GitHub gives headings: lower case, no punctuation, hyphens for spaces. */
function anchorsOf(document: string): ReadonlySet<string> {
  const headings = document.replaceAll(/^ *```.*?^ *```/gms, '').matchAll(/^#{1,6} (.+)$/gm);
  const anchors = new Set<string>();
  for (const [, heading = ''] of headings) {
    const anchor = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    let unique = anchor;
    for (let count = 1; anchors.has(unique); count++) unique = `${anchor}-${count}`;
    anchors.add(unique);
  }
  return anchors;
}

function isThere(path: string): boolean {
  const folder = path.endsWith('/') ? path : `${path}/`;
  return known.has(path) || files.some((file) => file.startsWith(folder));
}

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
