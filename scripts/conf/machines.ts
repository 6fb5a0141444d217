/** Places of ClamAV's files on a kind of machine, as its packages or the official images have them. */
export interface Machine {
  readonly title: string;
  /** Paths of the configurations. */
  readonly freshclamConf: string;
  readonly clamdConf: string;
  /** Folder of the databases. */
  readonly databases: string;
  /** The user that freshclam becomes; `undefined`: there are no such users. */
  readonly owner: string | undefined;
  readonly clamd: {
    readonly user: string | undefined;
    readonly socket?: string;
    /** Members may ask clamd; without one, everybody may. */
    readonly group?: string;
    /** Address to listen on for other hosts. */
    readonly address?: string;
    /** Its databases may be updated by another container, which cannot tell it. */
    readonly isShared?: true;
  };
  /** True if the files are mounted into containers, and not installed. */
  readonly isMounted?: true;
  /** Advice that no line of a configuration can give. */
  readonly advice: readonly string[];
}

const CONTAINERS = {
  freshclamConf: '/etc/clamav/freshclam.conf',
  clamdConf: '/etc/clamav/clamd.conf',
  databases: '/var/lib/clamav',
  owner: 'clamav',
  isMounted: true,
} as const;

const CHECKS_OF_IMAGES =
  'The entrypoint of the official images overrides Checks: set the variable FRESHCLAM_CHECKS of the container';

/** Kinds of machines, by the name that `--for` takes. */
export const MACHINES = {
  debian: {
    title: 'Debian and Ubuntu',
    freshclamConf: '/etc/clamav/freshclam.conf',
    clamdConf: '/etc/clamav/clamd.conf',
    databases: '/var/lib/clamav',
    owner: 'clamav',
    clamd: { user: 'clamav', socket: '/run/clamav/clamd.ctl', group: 'clamav' },
    advice: ['Then: systemctl restart clamav-freshclam clamav-daemon'],
  },
  redhat: {
    title: 'Fedora, and RHEL and its kin with EPEL',
    freshclamConf: '/etc/freshclam.conf',
    clamdConf: '/etc/clamd.d/scan.conf',
    databases: '/var/lib/clamav',
    owner: 'clamupdate',
    clamd: { user: 'clamscan', socket: '/run/clamd.scan/clamd.sock', group: 'virusgroup' },
    advice: ['Then: systemctl restart clamav-freshclam clamd@scan'],
  },
  alpine: {
    title: 'Alpine',
    freshclamConf: '/etc/clamav/freshclam.conf',
    clamdConf: '/etc/clamav/clamd.conf',
    databases: '/var/lib/clamav',
    owner: 'clamav',
    clamd: { user: 'clamav', socket: '/run/clamav/clamd.sock', group: 'clamav' },
    advice: ['Then: rc-service freshclam restart && rc-service clamd restart'],
  },
  freebsd: {
    title: 'FreeBSD',
    freshclamConf: '/usr/local/etc/freshclam.conf',
    clamdConf: '/usr/local/etc/clamd.conf',
    databases: '/var/db/clamav',
    owner: 'clamav',
    clamd: { user: 'clamav', socket: '/var/run/clamav/clamd.sock', group: 'clamav' },
    advice: ['Then: service clamav_freshclam restart && service clamav_clamd restart'],
  },
  docker: {
    title: 'the official images, by docker or podman',
    ...CONTAINERS,
    clamd: { user: 'clamav', socket: '/tmp/clamd.sock', address: '0.0.0.0' },
    advice: [
      CHECKS_OF_IMAGES,
      'The entrypoint waits for that very LocalSocket',
      'Mount both files read-only: --volume ./freshclam.conf:/etc/clamav/freshclam.conf:ro',
    ],
  },
  kubernetes: {
    title: 'the official images, in Kubernetes',
    ...CONTAINERS,
    clamd: { user: 'clamav', socket: '/tmp/clamd.sock', address: '0.0.0.0', isShared: true },
    advice: [
      CHECKS_OF_IMAGES,
      'NotifyClamd reaches the clamd of the same pod. One in another pod on the same volume looks by itself: SelfCheck',
      'clamdscan.conf is for pods that scan: clamdscan --config-file=clamdscan.conf --stream FILE',
    ],
  },
  windows: {
    title: 'Windows, with the installer of ClamAV',
    freshclamConf: 'C:\\Program Files\\ClamAV\\freshclam.conf',
    clamdConf: 'C:\\Program Files\\ClamAV\\clamd.conf',
    databases: 'C:\\Program Files\\ClamAV\\database',
    owner: undefined,
    clamd: { user: undefined, address: '127.0.0.1' },
    advice: ['Then, as administrator: freshclam.exe, and restart the service of clamd if there is one'],
  },
} as const satisfies Readonly<Record<string, Machine>>;

export type MachineName = keyof typeof MACHINES;

export const MACHINE_NAMES = Object.keys(MACHINES) as readonly MachineName[];
