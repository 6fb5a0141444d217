import { posix } from 'node:path';

/** The rooms of scripts/ by floor, lowest first. */
export const FLOORS: readonly (readonly string[])[] = [
  ['base'],
  ['cvd', 'http'],
  ['verify'],
  ['files', 'host'],
  ['rebuild', 'engine', 'setup'],
  ['upstream'],
  ['store', 'proof', 'conf', 'extras'],
  ['mirror', 'changes'],
  ['probe', 'page'],
  ['cycle'],
  ['notify', 'client', 'bundle', 'stats'],
  ['watch', 'status', 'doctor', 'daemon'],
  ['settings'],
  ['wiring'],
  ['cli', 'action'],
  ['the entries'],
];

/** The most files directly in a folder, and the most files and folders directly in scripts/. */
const MOST_IN_FOLDER = 16;
const MOST_AT_TOP = { entries: 37, files: 8 };

/** Source text by path below scripts/, other files with any text. */
export type Sources = ReadonlyMap<string, string>;

/**
 * Finds what breaks the order of the house: an import that leads to a higher floor or to another room on the same one, a
 * circle of files, two rooms that import each other, a room that has no floor, and folders that hold too much. Each
 * sentence names the files.
 */
export function breaksIn(sources: Sources): string[] {
  const imports = [...sources].flatMap(([from, text]) =>
    importsOf(from, text)
      .filter((to) => sources.has(to))
      .map((to) => ({ from, to })),
  );
  return [
    ...undeclared(sources),
    ...imports.flatMap(upwards),
    ...mutual(imports),
    ...circles(imports),
    ...crowded([...sources.keys()]),
  ];
}

/** Everything that a module imports or starts: packages by name, modules by their path below scripts/. */
export function importsOf(name: string, text: string): string[] {
  return [...text.matchAll(/(?:\bfrom|\bimport\(?|new URL\()\s*'([^']+)'/g)].map(([, what = '']) =>
    what.startsWith('.') ? posix.normalize(posix.join(posix.dirname(name), what)) : what,
  );
}

interface Import {
  readonly from: string;
  readonly to: string;
}

function roomOf(name: string): string {
  const [room = '', inside] = name.split('/');
  return inside === undefined ? 'the entries' : room;
}

function floorOf(name: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(roomOf(name)));
}

function undeclared(sources: Sources): string[] {
  const modules = [...sources.keys()].filter((name) => /\.[jt]s$/.test(name));
  return modules
    .filter((name) => floorOf(name) === -1)
    .map((name) => `${name} is in a room without a floor: ${roomOf(name)}`);
}

function upwards({ from, to }: Import): string[] {
  if (roomOf(from) === roomOf(to)) return [];
  const [here, there] = [floorOf(from), floorOf(to)];
  if (here > there || here === -1 || there === -1) return [];
  return [`${from} imports ${to}, ${here === there ? 'another room on its floor' : 'which is higher'}`];
}

function mutual(imports: readonly Import[]): string[] {
  const first = new Map(imports.toReversed().map((one) => [`${roomOf(one.from)} → ${roomOf(one.to)}`, one]));
  return [...first.values()].flatMap(({ from, to }) => {
    const [here, there] = [roomOf(from), roomOf(to)];
    const back = here < there ? first.get(`${there} → ${here}`) : undefined;
    if (back === undefined) return [];
    return [`${here} and ${there} import each other: ${from} → ${to}, ${back.from} → ${back.to}`];
  });
}

/** One circle for each file that leads to itself and is not in one that was found before. */
function circles(imports: readonly Import[]): string[] {
  const next = Map.groupBy(imports, ({ from }) => from);
  const seen = new Set<string>();
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    const at = path.indexOf(name);
    if (at !== -1) {
      const circle = path.slice(at);
      if (!circle.some((one) => seen.has(one))) found.push(`a circle: ${fromFirst(circle).join(' → ')}`);
      for (const one of circle) seen.add(one);
      return;
    }
    if (done.has(name)) return;
    for (const { to } of next.get(name) ?? []) visit(to, [...path, name]);
    done.add(name);
  };
  for (const name of next.keys()) visit(name, []);
  return found;
}

/** A circle from the first of its names in the alphabet, and back to it. */
function fromFirst(circle: readonly string[]): string[] {
  const first = circle.indexOf([...circle].sort()[0] ?? '');
  return [...circle.slice(first), ...circle.slice(0, first + 1)];
}

function crowded(names: readonly string[]): string[] {
  const folders = Map.groupBy(names, (name) => posix.dirname(name));
  const found = [...folders]
    .filter(([folder, inside]) => folder !== '.' && inside.length > MOST_IN_FOLDER)
    .map(([folder, inside]) => `${folder}/ holds ${inside.length} files, at most ${MOST_IN_FOLDER}`);
  const files = folders.get('.')?.length ?? 0;
  const entries = new Set(names.map((name) => name.split('/')[0])).size;
  if (files > MOST_AT_TOP.files) found.push(`scripts/ holds ${files} files, at most ${MOST_AT_TOP.files}`);
  if (entries > MOST_AT_TOP.entries)
    found.push(`scripts/ holds ${entries} entries, at most ${MOST_AT_TOP.entries}`);
  return found;
}
