import { HEALTHCHECK_EVERY_HOURS } from '../base/clock.ts';
import type { PinnedImage } from '../engine/default-images.ts';
import { mirrorId } from '../notify/mirror-id.ts';
import { isOverHttps } from '../upstream/dns.ts';
import { OFFICIAL_UPSTREAM, USUAL_DATABASES, usualRecord } from '../upstream/official.ts';
import type { QuickNetwork } from './quick-network.ts';

/** Settings of the quick check before a run; this file works without any package. */
export interface CheckSettings {
  /** Command or event that asks for a run in any case; `undefined` if none does. */
  readonly asked: string | undefined;
  readonly publicUrl: string | undefined;
  /** In the order in which they are asked, without a final slash. */
  readonly upstreams: readonly string[];
  readonly databases: readonly string[];
  /** The TXT record, or `undefined` to ask upstream itself. */
  readonly record: string | undefined;
  readonly nameservers: readonly string[];
  /** Access to the open issues of this mirror; `undefined` without a token. */
  readonly github: { readonly url: string; readonly token: string; readonly mirror: string } | undefined;
  /** Images that take the place of the pinned ones. */
  readonly images: Readonly<Record<PinnedImage['role'], string | undefined>>;
  /** The healthcheck, a secret, and the age in milliseconds of the last good cycle from which this check pings it too. */
  readonly healthcheck: { readonly url: string; readonly every: number } | undefined;
  readonly network: QuickNetwork;
  /** Files of the runner for outputs and the summary. */
  readonly output: string | undefined;
  readonly summary: string | undefined;
}

/** Reads the variables of the workflow. Wrong values are left for the run itself to report. */
export function checkSettings(environment: NodeJS.ProcessEnv = process.env): CheckSettings {
  const of = (name: string) => environment[`CLAMAV_MIRROR_${name}`]?.trim() || undefined;
  const list = (text: string) => text.split(/\s*,\s*/).filter((one) => one !== '');
  const plain = (url: string) => url.replace(/\/+$/, '');
  const upstreams = list(of('UPSTREAM') ?? OFFICIAL_UPSTREAM).map(plain);
  const record = of('DNS') ?? usualRecord(upstreams);
  const nameservers = list(of('NAMESERVERS') ?? '');
  const publicUrl = of('PUBLIC_URL');
  const token = of('GITHUB_TOKEN');
  const healthcheck = of('HEALTHCHECK_URL');
  const repository = environment.GITHUB_REPOSITORY;
  const api = environment.GITHUB_API_URL ?? 'https://api.github.com';
  return {
    asked: askedBy(of('COMMAND') ?? 'sync', environment.GITHUB_EVENT_NAME),
    publicUrl: publicUrl === undefined ? undefined : plain(publicUrl),
    upstreams,
    databases: list(of('DATABASES') ?? USUAL_DATABASES.join()),
    // to ask over HTTPS takes packages, so the cycle does that
    record: record === 'off' || [record, ...nameservers].some(isOverHttps) ? undefined : record,
    nameservers,
    github:
      token && repository
        ? { url: `${plain(api)}/repos/${repository}`, token, mirror: mirrorId(environment) }
        : undefined,
    images: { newest: of('NEWEST_IMAGE'), oldest: of('OLDEST_IMAGE') },
    healthcheck:
      healthcheck === undefined ? undefined : { url: healthcheck, every: hours(of('HEALTHCHECK_EVERY')) },
    network: {
      proxy: of('PROXY'),
      noProxy: environment.no_proxy || environment.NO_PROXY || '',
      caFile: of('CA_FILE'),
    },
    output: environment.GITHUB_OUTPUT,
    summary: environment.GITHUB_STEP_SUMMARY,
  };
}

/** Milliseconds; one hour for what is no number. */
function hours(text: string | undefined): number {
  return (/^\d{1,3}$/.test(text ?? '') ? Number(text) : HEALTHCHECK_EVERY_HOURS) * 60 * 60_000;
}

function askedBy(command: string, event: string | undefined): string | undefined {
  if (command !== 'sync') return `the command is ${command}`;
  return event === 'schedule' ? undefined : `the event is ${event}`;
}
