import * as v from 'valibot';
import type { ExportSettings, ImportSettings } from '../../bundle/settings.ts';
import { BUNDLES } from '../../bundle/upstream.ts';
import type { CycleSettings } from '../../cycle/settings.ts';
import type { StoreSettings } from '../../store/settings.ts';
import { FilePath, megabytes, Switch } from '../fields.ts';
import { type Option, pick } from '../option.ts';
import { type Given, together, validated } from '../read.ts';
import { STORE_OPTIONS, storeSettings, workFolderOf } from './store.ts';
import { SYNC_OPTIONS, syncSettings } from './sync.ts';

const WORK = pick(SYNC_OPTIONS, ['work']);
const EXPORT = [
  {
    name: 'to',
    value: '<file>',
    help: 'path of the bundle; with --split, of its pieces without their number',
    isNeeded: true,
    schema: FilePath,
  },
  {
    name: 'since',
    value: '<what>',
    help: 'what the other side has: its manifest.json, a date, versions such as daily:28001,main:62, or "nothing"',
    usually: 'what the export before left it with; the first export holds everything',
    schema: v.pipe(v.string(), v.minLength(1, 'is empty')),
  },
  {
    name: 'split',
    value: '<megabytes>',
    help: 'write pieces of at most so many megabytes',
    usually: 'one file',
    schema: megabytes(1, 16_384),
  },
] as const satisfies readonly Option[];
const IMPORT = [
  {
    name: 'any-mirror',
    help: 'take bundles of another mirror than before',
    schema: Switch,
  },
] as const satisfies readonly Option[];

export const EXPORT_OPTIONS = [...EXPORT, ...STORE_OPTIONS, ...WORK] as const;
export const IMPORT_OPTIONS = [
  ...IMPORT,
  ...STORE_OPTIONS,
  ...pick(SYNC_OPTIONS, [
    ...(['work', 'cdiffs', 'max-size', 'engines', 'clean-samples', 'infected-samples', 'archive'] as const),
    ...(['max-mirror-size', 'public-url', 'max-signature-drop', 'accept', 'retry', 'dry-run'] as const),
  ]),
] as const;

/** Throws `setting/invalid`. */
export function exportSettings(from: Given): ExportSettings & StoreSettings {
  const { own, where } = together({
    own: () => validated([...EXPORT, ...WORK], from),
    where: () => storeSettings(from),
  });
  const { to, since, split, work } = own;
  return { ...where, to, since, split, work: work ?? workFolderOf(where.store) };
}

/** Settings of an import, and of the cycle that it is, which asks no upstream. Throws `setting/invalid`. */
export function importSettings(
  files: readonly string[],
  from: Given,
): { readonly bundles: ImportSettings; readonly cycle: CycleSettings } {
  const { own, cycle } = together({
    own: () => validated(IMPORT, from),
    cycle: () => syncSettings(from),
  });
  return {
    bundles: { files, anyMirror: own['any-mirror'], work: cycle.work },
    // the extras of this side stay: its own cycles ask their sources
    cycle: {
      ...cycle,
      upstreams: [BUNDLES],
      dns: undefined,
      restoreFrom: undefined,
      resync: false,
      extras: undefined,
    },
  };
}
