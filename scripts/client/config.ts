import { explain } from '../base/errors.ts';
import { type ClientConf, type ClientWishes, clientConfs, withoutPasswords } from '../conf/client-confs.ts';
import {
  COSTS,
  type Cost,
  costOf,
  EXTRA_COSTS,
  FIXED,
  type Generation,
  type Occasion,
  type Sizes,
  sumOf,
  type Way,
} from '../conf/costs.ts';
import { MACHINES } from '../conf/machines.ts';
import { cdiffName, cdiffSignName, cvdName, cvdSignName } from '../cvd/names.ts';
import { confText } from '../files/clamav-conf.ts';
import type { Proxies } from '../http/proxies.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { ProbeClient } from '../probe/http-client.ts';
import { readManifest } from '../probe/read-manifest.ts';
import { USUAL_DATABASES } from '../upstream/official.ts';
import type { NamedExtras } from './folder-extras.ts';

/** Validated settings of the configurations of a client. */
export interface ConfigSettings extends ClientWishes {
  /** True to name what Talos signed alone, and no extras of the mirror. */
  readonly talosOnly: boolean;
  /** True to ask no mirror which databases it has. */
  readonly isOffline: boolean;
  /** Deadline of the questions to mirrors, in milliseconds. */
  readonly timeout: number;
  readonly userAgent: string;
  readonly proxies: Proxies;
}

/** Cost of an occasion for these databases together, for each kind of client. */
export interface Costs {
  readonly occasion: Occasion;
  readonly databases: readonly string[];
  readonly by: Readonly<Record<Generation, Cost>>;
}

export interface ConfigReport {
  /** Configurations as they are to be installed: with their passwords. */
  readonly confs: readonly (ClientConf & { readonly text: string })[];
  /** The same, to be shown: each password is `PASSWORD`. */
  readonly shown: readonly (ClientConf & { readonly text: string })[];
  /** Mirror that said which databases there are, without a password; `undefined`: none did. */
  readonly asked: string | undefined;
  readonly way: Way;
  readonly costs: readonly Costs[];
  readonly warnings: readonly string[];
  readonly advice: readonly string[];
}

/**
 * Makes the configurations of a client, and says what it will cost its mirror. The first mirror that can be read says which
 * databases there are, unless the settings do. Throws `ConfError` for what no configuration can hold.
 */
export async function configureClient(settings: ConfigSettings): Promise<ConfigReport> {
  const warnings: string[] = [];
  const found = settings.isOffline ? undefined : await firstManifest(settings, warnings);
  const { manifest } = found ?? {};
  const databases = settings.databases ?? namesIn(manifest);
  const extras = settings.talosOnly ? {} : (manifest?.extras?.files ?? {});
  const names = Object.keys(extras);
  const wishes: ClientWishes = {
    ...settings,
    databases,
    extras: found && { mirror: found.mirror, names },
  };
  const confs = withTexts(wishes);
  const way = settings.isPrivate ? 'PrivateMirror' : settings.record === undefined ? 'DatabaseMirror' : 'DNS';
  if (databases === undefined)
    warnings.push(
      `nobody said which databases the mirror has: clients ask for ${USUAL_DATABASES.join(', ')}. Name others with --databases`,
    );
  return {
    ...{ confs, shown: withTexts(withoutPasswords(wishes)), asked: found?.url, way, warnings },
    costs: costsOf(way, databases ?? USUAL_DATABASES, manifest, extras),
    advice: [...(names.length > 0 ? [EXTRAS_ADVICE] : []), ...MACHINES[settings.machine].advice],
  };
}

const EXTRAS_ADVICE =
  'Make it anew when the mirror has other extras: freshclam fails at one that is gone, once the databases are updated';

function withTexts(wishes: ClientWishes): ConfigReport['confs'] {
  return clientConfs(wishes).map((conf) => ({ ...conf, text: confText(conf.lines) }));
}

/** Databases of a mirror that has any. */
function namesIn(manifest: Manifest | undefined): readonly string[] | undefined {
  const names = Object.keys(manifest?.databases ?? {});
  return names.length === 0 ? undefined : names;
}

async function firstManifest(
  { mirrors, timeout, userAgent, proxies }: ConfigSettings,
  warnings: string[],
): Promise<{ readonly manifest: Manifest; readonly url: string; readonly mirror: string } | undefined> {
  for (const url of mirrors) {
    await using client = new ProbeClient({ url, timeout, userAgent, proxies });
    try {
      const { manifest, error } = await readManifest(client);
      if (manifest !== undefined) return { manifest, url: client.url, mirror: url };
      warnings.push(
        error === undefined ? `${client.url} does not say which databases it has` : explain(error),
      );
    } catch (error) {
      warnings.push(explain(error));
    }
  }
  return undefined;
}

/** A check and a start are about everything, an update is of the database that is updated most. */
function costsOf(
  way: Way,
  databases: readonly string[],
  manifest: Manifest | undefined,
  extras: NamedExtras,
): readonly Costs[] {
  const updated = databases.includes('daily') ? ['daily'] : databases.slice(0, 1);
  const occasions = [
    ['check', databases, Object.values(extras)],
    ['update', updated, []],
    ['start', databases, Object.values(extras)],
  ] as const;
  return occasions.map(([occasion, names, beside]) => {
    const by = (generation: Generation) =>
      sumOf([
        ...names.map((name) => costOf(COSTS[generation][way][occasion], sizesOf(name, manifest))),
        ...beside.map(({ size }) => costOf(EXTRA_COSTS[occasion], { extra: size })),
      ]);
    return { occasion, databases: names, by: { '0.103': by('0.103'), '1.5': by('1.5') } };
  });
}

/** Sizes of what the mirror has of a database. A file that it lacks is a 404. */
function sizesOf(database: string, manifest: Manifest | undefined): Sizes {
  const record = manifest?.databases[database];
  if (manifest === undefined || record === undefined) return {};
  const { version } = record;
  const sizeOf = (name: string) => manifest.files[name]?.size ?? FIXED.missing;
  return {
    cvd: sizeOf(cvdName(database)),
    'cvd.sign': sizeOf(cvdSignName(database, version)),
    cdiff: sizeOf(cdiffName(database, version)),
    'cdiff.sign': sizeOf(cdiffSignName(database, version)),
  };
}
