import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type SourceSuite, type SourcesFormat, sourceSuites } from './apt-sources.ts';
import { findProgram, lastWords, type Places, run } from './programs.ts';

const APT_MS = 10 * 60_000;

/** Result of one attempt to get a source package: the upstream tarball, or the problem. */
export interface Attempt {
  readonly suite: string;
  readonly tarball: string | undefined;
  readonly problem: string;
}

/**
 * Downloads the upstream tarball of a source package from one suite of this machine after the other, until the caller
 * stops. apt checks the signature of the archive. Lists and downloads stay below `folder`, the configuration of this
 * machine stays as it is, and no root is needed.
 */
export async function* downloadSource(name: string, folder: string, places: Places): AsyncGenerator<Attempt> {
  const apt = await findProgram('apt-get', places);
  const aptConfig = await findProgram('apt-config', places);
  if (apt === undefined || aptConfig === undefined) return;
  for (const [index, source] of sourceSuites(await readSources(aptConfig, places)).entries()) {
    const own = join(folder, String(index));
    const config = await configure(own, source);
    const options = { ...places, folder: own, timeout: APT_MS };
    let result = await run([apt, '-q', '-c', config, 'update'], options);
    if (result.exitCode === 0) {
      const command = ['source', '--download-only', '--tar-only', name];
      result = await run([apt, '-q', '-c', config, ...command], options);
    }
    const tarball = (await readdir(own)).find((file) => /\.orig\.tar\.\w+$/.test(file));
    const complete = result.exitCode === 0 && tarball !== undefined;
    yield {
      suite: source.suite,
      tarball: complete ? join(own, tarball) : undefined,
      problem: complete ? '' : lastWords(result),
    };
  }
}

/** Reads the files of sources.list(5), wherever this machine has them. */
async function readSources(
  aptConfig: string,
  places: Places,
): Promise<{ format: SourcesFormat; text: string }[]> {
  const keys = ['LIST', 'Dir::Etc::sourcelist/f', 'PARTS', 'Dir::Etc::sourceparts/d'];
  const { stdout } = await run([aptConfig, 'shell', ...keys], { ...places, timeout: 60_000 });
  const [list, parts] = ['LIST', 'PARTS'].map((key) => new RegExp(`^${key}='(.*)'$`, 'm').exec(stdout)?.[1]);
  const names = parts === undefined ? [] : await readdir(parts).catch(() => []);
  const paths = [
    ...(list === undefined ? [] : [list]),
    ...names.sort().map((name) => join(parts ?? '', name)),
  ];
  const files: { format: SourcesFormat; text: string }[] = [];
  for (const path of paths) {
    const format = /\.(list|sources)$/.exec(path)?.[1];
    if (format !== 'list' && format !== 'sources') continue;
    const text = await readFile(path, 'utf8').catch(() => ''); // most machines have only one of the two
    files.push({ format, text });
  }
  return files;
}

/**
 * Writes the configuration that apt reads after that of the machine. A hook of the machine (`APT::Update::Post-Invoke`)
 * would work on its lists instead of ours, and fail without root.
 */
async function configure(folder: string, { extension, text }: SourceSuite): Promise<string> {
  const [list, config] = [join(folder, `archive.${extension}`), join(folder, 'apt.conf')];
  for (const part of ['lists', 'cache']) await mkdir(join(folder, part), { recursive: true });
  await writeFile(list, text);
  const lines = [
    `Dir::Etc::sourcelist "${list}";`,
    'Dir::Etc::sourceparts "-";',
    `Dir::State::lists "${join(folder, 'lists')}";`,
    `Dir::Cache "${join(folder, 'cache')}";`,
    '#clear APT::Update;',
    'APT::Update::Error-Mode "any";',
    'Acquire::Retries "3";',
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  return config;
}
