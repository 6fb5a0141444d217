import { MirrorError } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { MANIFEST_BYTES } from '../base/limits/manifest.ts';
import { lasting } from '../base/words.ts';
import { cdiffName, cvdName } from '../cvd/names.ts';
import { formatOf, type Manifest, parseManifest } from '../mirror/manifest.ts';
import { TIMESTAMP } from '../mirror/pages.ts';
import { MANIFEST } from '../store/store.ts';
import { type Finding, Findings } from './finding.ts';
import type { ProbeClient } from './http-client.ts';
import { guarded, type Served, type Site } from './target.ts';

const DAY_MS = 86_400_000;

/** A mirror's description of itself. */
export interface Description {
  /** Manifest; `undefined` if there is none that we understand. */
  readonly manifest: Manifest | undefined;
  /** Error in a manifest of our own format. */
  readonly error: MirrorError | undefined;
  readonly findings: readonly Finding[];
}

/** Reads the manifest, if the mirror has one. Throws `ProbeError` if nothing answers. */
export async function readManifest(client: ProbeClient): Promise<Description> {
  const findings = new Findings('mirror', 'manifest');
  const { status, body, ended } = await client.ask(MANIFEST, { keep: MANIFEST_BYTES });
  const text = body.toString('utf8');
  if (status !== 200 || ended !== 'whole' || !/^\s*\{/.test(text)) {
    const list = findings.good('none: this mirror was made by another program').list;
    return { manifest: undefined, error: undefined, findings: list };
  }
  try {
    return { manifest: parseManifest(text, client.url), error: undefined, findings: [] };
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    if (!isOurs(text)) {
      const what = `there is a ${MANIFEST} in an unknown format`;
      findings.warning(what, 'Serve the mirror under a URL of its own');
      return { manifest: undefined, error: undefined, findings: findings.list };
    }
    if (error.code === 'store/newer') findings.warning(error.message, 'Update this tool');
    else findings.fault(error.message, 'Publish it again: clamav-mirror client takes nothing from there');
    return { manifest: undefined, error, findings: findings.list };
  }
}

/** True for a manifest of ours or of a later version: other programs have files of this name too. */
function isOurs(text: string): boolean {
  try {
    return formatOf(parseJson(text, MANIFEST_BYTES)) !== undefined;
  } catch {
    return true; // cut short, or too large for anybody
  }
}

/** Compares a database and its CDIFFs with the manifest, by headers and sizes. */
export async function checkManifest(
  { manifest }: Site,
  { database, header, size }: Served,
  cdiffs: ReadonlyMap<number, number | undefined>,
): Promise<Finding[]> {
  const record = manifest?.databases[database];
  if (manifest === undefined) return [];
  return await guarded(database, 'manifest', async (findings) => {
    if (record === undefined) {
      findings.warning(
        `${cvdName(database)} is not in the manifest`,
        'Remove it, or mirror it: nothing keeps this file up to date',
      );
    } else if (header.version > record.version) {
      findings.warning(
        `version ${header.version} is served, the manifest still says ${record.version}`,
        'A publication is under way, or was cut short. Probe again in a minute, then run a sync',
      );
    } else if (header.version < record.version) {
      findings.fault(
        `version ${header.version} is served, the manifest says ${record.version}`,
        'Purge the cache in front of the host, or publish again',
      );
    } else {
      const sizes = new Map([...cdiffs].map(([version, found]) => [cdiffName(database, version), found]));
      const wrong = [...sizes.set(cvdName(database), size)].find(([name, found]) => {
        const said = manifest.files[name]?.size;
        return found !== undefined && said !== found;
      });
      if (wrong === undefined && Date.parse(record.built) === header.stime * 1000) {
        findings.good('version, build time and sizes are those of the manifest');
      } else {
        findings.fault(
          wrong === undefined
            ? `built ${record.built} according to the manifest only`
            : `${wrong[0]} has ${wrong[1]} bytes, the manifest says ${manifest.files[wrong[0]]?.size ?? 'nothing of it'}`,
          'Another program has changed what sync published. Verify the store, then publish again',
        );
      }
    }
  });
}

/** Checks the age of a mirror. The official mirrors called one old after a day and dropped it after two (field-notes.md). */
export async function checkTimestamp({ client, manifest, now }: Site): Promise<Finding[]> {
  return await guarded('mirror', 'timestamp', async (findings) => {
    const { status, body } = await client.ask(TIMESTAMP, { keep: 200 });
    const seconds = /^(\d{1,12})\b/.exec(body.toString('latin1'))?.[1];
    if (status !== 200 || seconds === undefined) {
      if (manifest !== undefined)
        findings.warning(`${TIMESTAMP} is not served`, 'Serve it: monitors read it');
      return;
    }
    const checked = manifest === undefined ? 0 : Date.parse(manifest.checked);
    const age = now.getTime() - Math.max(checked, Number(seconds) * 1000);
    const what = `upstream was last checked ${lasting(age)} ago`;
    if (age > 2 * DAY_MS) findings.fault(what, STALE_ADVICE);
    else if (age > DAY_MS) findings.warning(what, STALE_ADVICE);
    else if (age < -DAY_MS)
      findings.warning(
        `${what}, which is in the future`,
        'Set the clock of the machine that syncs, or of this one',
      );
    else findings.good(what);
  });
}

const STALE_ADVICE = 'Find out why sync does not run, or why it fails: read its last report';
