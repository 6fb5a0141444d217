import { OPEN_ENGINE_MS } from '../base/limits/doctor.ts';
import { isS3Address } from '../store/s3/address.ts';
import { checkAdopted } from './adopted-folder.ts';
import { checkAlerts } from './check-alerts.ts';
import { checkExtras } from './check-extras.ts';
import { checkCertificates } from './checks/certificates.ts';
import { checkClock } from './checks/clock.ts';
import { checkContainers } from './checks/containers.ts';
import { checkDns } from './checks/dns.ts';
import { checkEngine, checkWhatIsThere } from './checks/engine.ts';
import { checkNode } from './checks/node.ts';
import { checkProxies } from './checks/proxies.ts';
import { checkPublicUrl } from './checks/public-url.ts';
import { checkReadable } from './checks/readable.ts';
import { checkSettingsFile } from './checks/settings-file.ts';
import { checkStoreFolder } from './checks/store-folder.ts';
import { checkUpstream } from './checks/upstream.ts';
import { checkWork } from './checks/work.ts';
import type { Check } from './context.ts';
import { skipped } from './finding.ts';
import type { DoctorSettings } from './settings.ts';

/**
 * Lists the checks for these settings, in reading order. Slow modules are loaded here, so that loading does not count
 * against the time of a check.
 */
export async function checksFor(settings: DoctorSettings): Promise<Check[]> {
  const { sync } = settings;
  return [
    { name: 'node', run: checkNode },
    ...fileChecks(settings),
    ...engineChecks(settings),
    { name: 'work', run: checkWork },
    ...(isS3Address(sync.store) ? await bucketChecks() : FOLDER),
    ...(sync.adopt === undefined ? [] : [{ name: 'adopt', run: checkAdopted }]),
    ...(sync.extras === undefined || sync.extras.length === 0 ? [] : [{ name: 'extras', run: checkExtras }]),
    { name: 'dns', run: checkDns },
    ...upstreamChecks(settings),
    { name: 'clock', run: checkClock },
    { name: 'proxies', run: checkProxies },
    { name: 'certificates', run: checkCertificates },
    { name: 'public-url', run: checkPublicUrl },
    { name: 'alerts', run: checkAlerts },
    ...(await gitHubChecks(settings)),
  ];
}

function fileChecks({ file }: DoctorSettings): Check[] {
  return file === undefined ? [] : [{ name: 'settings', run: async () => await checkSettingsFile(file) }];
}

function engineChecks({ sync: { engines } }: DoctorSettings): Check[] {
  const timeout = OPEN_ENGINE_MS;
  if (engines === undefined) return [{ name: 'clamav', timeout, run: checkWhatIsThere }];
  const inContainers = engines.some(({ kind }) => kind !== 'native');
  return [
    ...(inContainers ? [{ name: 'containers', run: checkContainers }] : []),
    ...engines.map((spec): Check => {
      return {
        name: `clamav ${spec.name}`,
        timeout,
        run: async (context) => await checkEngine(spec, context),
      };
    }),
  ];
}

function upstreamChecks({ sync: { upstreams } }: DoctorSettings): Check[] {
  return upstreams.map((url, index) => ({
    name: index === 0 ? 'upstream' : `upstream ${index + 1}`,
    run: async (context) => await checkUpstream(url, context),
  }));
}

const FOLDER: readonly Check[] = [
  { name: 'store', run: checkStoreFolder },
  { name: 'readable', run: checkReadable },
];

async function bucketChecks(): Promise<Check[]> {
  const { checkBucket, checkConditions } = await import('./checks/bucket.ts');
  return [
    { name: 'bucket', run: checkBucket },
    { name: 'conditions', run: checkConditions },
  ];
}

async function gitHubChecks({ github }: DoctorSettings): Promise<Check[]> {
  if (typeof github === 'string') return [{ name: 'github', run: async () => skipped(github) }];
  const { checkToken, checkIssues, checkSchedule } = await import('./checks/github.ts');
  return [
    { name: 'github', run: async () => await checkToken(github) },
    { name: 'issues', run: async () => await checkIssues(github) },
    { name: 'schedule', run: async () => await checkSchedule(github) },
  ];
}
