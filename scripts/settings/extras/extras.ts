import { dirname } from 'node:path';
import * as v from 'valibot';
import { EXTRA_BYTES, EXTRA_MINUTES } from '../../base/limits/extras.ts';
import { EXTRAS } from '../../base/limits/manifest.ts';
import type { ExtraSource } from '../../extras/extra.ts';
import { FilePath } from '../fields.ts';
import { wordsIn } from '../form.ts';
import type { Option } from '../option.ts';
import { type Given, named, SettingError, validated } from '../read.ts';
import { type Entry, located, Name, Source } from './fields.ts';
import { readExtrasList } from './list.ts';

const MINUTE = 60_000;
const MEGABYTE = 1024 ** 2;

/** An entry of `--extra`. */
const Pair = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const [, name = '', url = ''] = /^([^=]+)=(.*)$/s.exec(dataset.value) ?? [];
    const parsed = v.safeParse(v.object({ name: Name, url: Source }), { name, url });
    if (parsed.success) return parsed.output;
    const [{ message, path }] = parsed.issues;
    addIssue({
      message:
        name === '' ? 'takes NAME=URL, such as own.ndb=https://…' : `has a ${path?.[0]?.key} that ${message}`,
    });
    return NEVER;
  }),
);

/** Sources of extras. A URL may hold a password or a token. */
export const EXTRAS_OPTIONS = [
  {
    name: 'extra',
    value: '<name=url>',
    help: 'file that ClamAV loads and Talos did not make, to prove and publish beside the databases, and where it comes from: a URL, a file or a folder; may stand several times. It is kept secret, for a URL may hold a token',
    secret: true,
    isRepeatable: true,
    example: 'own.ndb=https://feeds.example/own.ndb',
    schema: v.pipe(
      v.string(),
      v.transform((text) => wordsIn(text, '\n')),
      v.array(Pair),
    ),
  },
  {
    name: 'extras',
    value: '<file>',
    help: 'list of such files with intervals, hashes and signatures: see site/extras.md',
    example: '/etc/clamav-mirror-extras.json',
    schema: FilePath,
  },
] as const satisfies readonly Option[];

/** The sources that flags and a list name, each name once. Throws `setting/invalid`, never with an address. */
export function extrasFrom(from: Given): readonly ExtraSource[] {
  const { extra = [], extras: list } = validated(EXTRAS_OPTIONS, from);
  const flags = extra.map((entry) => sourceOf(entry, process.cwd()));
  const listed =
    list === undefined ? [] : readExtrasList(list).map((entry) => sourceOf(entry, dirname(list)));
  const all = [...flags, ...listed];
  const again = all.find(({ name }, at) => all.findIndex((other) => other.name === name) < at);
  if (again !== undefined) throw twice(again.name, from);
  if (all.length <= EXTRAS) return all;
  throw new SettingError('setting/invalid', `there are more than ${EXTRAS} extras`, {
    advice: 'Leave some out',
  });
}

function sourceOf(entry: Pick<Entry, 'name' | 'url'> & Partial<Entry>, folder: string): ExtraSource {
  const { name, url, interval, maxSize, sha256, sha256Url, minisign, minisignUrl, gpg, gpgUrl } = entry;
  const at = (source: string | undefined) => (source === undefined ? undefined : located(source, folder));
  return {
    name,
    from: located(url, folder),
    interval: (interval ?? EXTRA_MINUTES.usual) * MINUTE,
    maxSize: maxSize === undefined ? EXTRA_BYTES.usual : maxSize * MEGABYTE,
    ...(sha256 !== undefined && { sha256 }),
    ...(sha256Url !== undefined && { sha256From: located(sha256Url, folder) }),
    ...(minisign !== undefined && { minisign: { key: minisign, from: at(minisignUrl) } }),
    ...(gpg !== undefined && { gpg: { keys: located(gpg, folder), from: at(gpgUrl) } }),
  };
}

function twice(name: string, from: Given): SettingError {
  return new SettingError(
    'setting/invalid',
    `${named('extra', from)} and the list of extras name ${name} twice`,
    {
      advice: 'Leave one of them out: each extra has one source',
    },
  );
}
