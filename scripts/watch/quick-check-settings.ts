import { mirrorId } from '../notify/mirror-id.ts';
import { OFFICIAL_UPSTREAM, USUAL_DATABASES, usualRecord } from '../upstream/official.ts';

/** What the quick look before a run needs to know; it stands without any package. */
export interface CheckSettings {
  /** `undefined` if no command or event asks for a run whatever upstream has. */
  readonly asked: string | undefined;
  readonly publicUrl: string | undefined;
  /** Without a final slash. */
  readonly upstream: string;
  readonly databases: readonly string[];
  /** The TXT record, or `undefined` to ask upstream itself. */
  readonly record: string | undefined;
  readonly nameservers: readonly string[];
  /** Where to look for open issues, and whose; `undefined` if nobody may. */
  readonly github: { readonly url: string; readonly token: string; readonly mirror: string } | undefined;
  /** The runner's files. */
  readonly output: string | undefined;
  readonly summary: string | undefined;
}

/** Reads the variables of the workflow. What makes no sense is left for the run itself to say. */
export function checkSettings(environment: NodeJS.ProcessEnv = process.env): CheckSettings {
  const of = (name: string) => environment[`CLAMAV_MIRROR_${name}`]?.trim() || undefined;
  const list = (text: string) => text.split(/\s*,\s*/).filter((one) => one !== '');
  const plain = (url: string) => url.replace(/\/+$/, '');
  const upstream = plain(of('UPSTREAM') ?? OFFICIAL_UPSTREAM);
  const record = of('DNS') ?? usualRecord(upstream);
  const publicUrl = of('PUBLIC_URL');
  const token = of('GITHUB_TOKEN');
  const repository = environment.GITHUB_REPOSITORY;
  const api = environment.GITHUB_API_URL ?? 'https://api.github.com';
  return {
    asked: askedBy(of('COMMAND') ?? 'sync', environment.GITHUB_EVENT_NAME),
    publicUrl: publicUrl === undefined ? undefined : plain(publicUrl),
    upstream,
    databases: list(of('DATABASES') ?? USUAL_DATABASES.join()),
    record: record === 'off' ? undefined : record,
    nameservers: list(of('NAMESERVERS') ?? ''),
    github:
      token && repository
        ? { url: `${plain(api)}/repos/${repository}`, token, mirror: mirrorId(environment) }
        : undefined,
    output: environment.GITHUB_OUTPUT,
    summary: environment.GITHUB_STEP_SUMMARY,
  };
}

function askedBy(command: string, event: string | undefined): string | undefined {
  if (command !== 'sync') return `the command is ${command}`;
  return event === 'schedule' ? undefined : `the event is ${event}`;
}
