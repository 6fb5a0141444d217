/** What a User-Agent says of a client. */
export interface Agent {
  /** `ClamAV 1.4.6`, the first word of another program, or `no User-Agent`. */
  readonly program: string;
  /** Name of the monitor that it is, whose requests are no client's. */
  readonly monitor: string | undefined;
}

/** Reads a User-Agent (clamav-formats.md §6). No pattern here can backtrack. */
export function parseAgent(text: string): Agent {
  const [, version] = /^ClamAV\/([0-9A-Za-z.+~-]{1,24})(?:$| )/.exec(text) ?? [];
  const [word = ''] = /^[A-Za-z][A-Za-z0-9._+-]{0,39}(?:\/[0-9A-Za-z._+-]{1,24})?/.exec(text) ?? [];
  const program =
    version !== undefined
      ? `ClamAV ${version}`
      : text === ''
        ? 'no User-Agent'
        : word.replace('/', ' ') || 'another program';
  return { program, monitor: MONITORS.find(([form]) => form.test(text))?.[1] };
}

/** Who asks to see whether the mirror is well. All that we send ourselves names this project (base/version.ts). */
const MONITORS: readonly (readonly [RegExp, string])[] = [
  [/\bclamav-mirror\//, 'clamav-mirror (probe, watch, client, sync)'],
  [/^ClamAV-MirrorCheck\b/i, 'ClamAV-MirrorCheck'],
];
