import type { ConfOption } from '../files/clamav-conf.ts';
import type { Machine } from './machines.ts';

/** Port that clamd listens on where it is asked over a network. */
export const CLAMD_PORT = 3310;

/** Megabytes that clamd takes and unpacks: ClamAV's defaults from 1.0 on, which are four times those of 0.103. */
const MEGABYTES = { stream: 100, file: 100, scan: 400 } as const;

/** Seconds after which clamd looks for databases that another container put into its folder. */
const SELF_CHECK_SECONDS = 600;

/** Makes the options of a `clamd.conf`, for the databases that freshclam keeps on the same machine. */
export function clamdConf(machine: Machine, { fips }: { readonly fips: boolean }): readonly ConfOption[] {
  const { databases, clamd } = machine;
  return [
    ['DatabaseDirectory', databases],
    ...(clamd.user === undefined ? [] : [['User', clamd.user] as const]),
    ...listening(machine),
    ...(clamd.isShared ? [['SelfCheck', SELF_CHECK_SECONDS] as const] : []),
    ['StreamMaxLength', `${MEGABYTES.stream}M`],
    ['MaxFileSize', `${MEGABYTES.file}M`],
    ['MaxScanSize', `${MEGABYTES.scan}M`],
    ...(fips ? [['FIPSCryptoHashLimits', true] as const] : []),
  ];
}

/** Makes the options by which clamdscan and other clients of clamd find it on another host. */
export function clamdscanConf(host: string): readonly ConfOption[] {
  return [
    ['TCPSocket', CLAMD_PORT],
    ['TCPAddr', host],
    ['StreamMaxLength', `${MEGABYTES.stream}M`],
  ];
}

function listening({ clamd: { socket, group, address } }: Machine): ConfOption[] {
  const options: ConfOption[] = [];
  if (socket !== undefined) options.push(['LocalSocket', socket], ['FixStaleSocket', true]);
  if (group !== undefined) options.push(['LocalSocketGroup', group], ['LocalSocketMode', '660']);
  if (address !== undefined) options.push(['TCPSocket', CLAMD_PORT], ['TCPAddr', address]);
  return options;
}
