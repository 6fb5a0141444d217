import { OFFICIAL_RECORD, OFFICIAL_UPSTREAM, USUAL_DATABASES } from '../upstream/official.ts';

/** One option: a flag `--name`, and an environment variable `CLAMAV_MIRROR_NAME`. */
export interface Option {
  readonly name: string;
  /** What the flag takes; without it the flag stands alone and the variable is `true` or `false`. */
  readonly value?: string;
  readonly help: string;
  /** What holds if neither the flag nor the variable is given. */
  readonly fallback?: string;
  /** It is no flag, but stands behind the name of the command. */
  readonly isArgument?: true;
}

/** The mirror that a command is about. */
export const URL_ARGUMENT: Option = { name: 'url', value: '<url>', help: 'the mirror', isArgument: true };

const FOLDER_OPTION: Option = {
  name: 'store',
  value: '<folder>',
  help: 'where the published mirror lives',
  fallback: './mirror',
};

const OBJECT_STORE: Option = {
  name: 'store',
  value: '<where>',
  help: 'where the published mirror lives: a folder, or s3://bucket/prefix',
  fallback: './mirror',
};

/** For a store that may be a bucket; credentials come from the usual variables, files, or OIDC. */
export const STORE_OPTIONS: readonly Option[] = [
  OBJECT_STORE,
  { name: 's3-endpoint', value: '<url>', help: "the object store's URL (default: AWS)" },
  {
    name: 's3-region',
    value: '<name>',
    help: 'its region (default: the usual variables and profile, else us-east-1 with an endpoint)',
  },
  {
    name: 's3-path-style',
    value: '<yes|no>',
    help: 'whether the bucket is part of the path (default: yes with an endpoint, else no)',
  },
  {
    name: 's3-encryption',
    value: '<kind>',
    help: 'server-side encryption: AES256 or aws:kms (default: as the bucket has it)',
  },
  { name: 's3-kms-key', value: '<id>', help: 'the key for aws:kms' },
  { name: 's3-storage-class', value: '<name>', help: 'such as STANDARD_IA (default: as the bucket has it)' },
  {
    name: 's3-acl',
    value: '<name>',
    help: 'a canned ACL such as public-read, where buckets still have them',
  },
];

export const SYNC_OPTIONS: readonly Option[] = [
  {
    name: 'upstream',
    value: '<url>',
    help: 'where databases come from: ClamAV itself or another mirror',
    fallback: OFFICIAL_UPSTREAM,
  },
  {
    name: 'databases',
    value: '<names>',
    help: 'which databases to mirror, separated by commas',
    fallback: USUAL_DATABASES.join(),
  },
  ...STORE_OPTIONS,
  {
    name: 'work',
    value: '<folder>',
    help: 'where unproven files and the state are kept (default: <store>.work, or ./mirror.work for a bucket)',
  },
  {
    name: 'dns',
    value: '<name>',
    help: `the TXT record that advertises versions, or "off" to ask the upstream itself (default: ${OFFICIAL_RECORD} for ClamAV's own upstream, else off)`,
  },
  {
    name: 'nameservers',
    value: '<addresses>',
    help: "nameservers to ask, separated by commas; the newest answer counts (default: the system's)",
  },
  { name: 'cdiffs', value: '<count>', help: 'how many CDIFFs to keep for each database', fallback: '30' },
  {
    name: 'max-size',
    value: '<megabytes>',
    help: 'the largest CVD or CDIFF to accept from upstream',
    fallback: '1024',
  },
  {
    name: 'user-agent',
    value: '<text>',
    help: "what upstream is told about us (default: cvdupdate's form, which ClamAV's servers let in, and who we are)",
  },
  {
    name: 'allow-private-redirects',
    help: 'follow a redirect from a public host to a private address too, for odd networks',
  },
  {
    name: 'engines',
    value: '<names>',
    help: 'ClamAV installations that must all prove a stage, separated by commas: native, docker:IMAGE, container:ID (default: native if it is installed, else the newest ClamAV and the oldest supported one by docker or podman)',
  },
  {
    name: 'clean-samples',
    value: '<path>',
    help: 'files of yours in which nothing may be found: a folder, or a list with one path a line',
  },
  {
    name: 'infected-samples',
    value: '<path>',
    help: 'files of yours in which something must be found: a folder, or a list whose lines may name what, as clamscan does ("path: Name FOUND")',
  },
  {
    name: 'archive',
    value: '<count>',
    help: 'how many earlier CVDs to keep of each database',
    fallback: '3',
  },
  {
    name: 'max-mirror-size',
    value: '<megabytes>',
    help: 'the most that all published files may take together: the archive gives way first, then the oldest CDIFFs (default: no limit)',
  },
  {
    name: 'public-url',
    value: '<url>',
    help: 'where clients find the mirror: what was published is read from there, and taken back if it is not served',
  },
  {
    name: 'restore-from',
    value: '<url>',
    help: 'where the mirror is served: a store without a manifest is filled from there first; only for a folder',
  },
  {
    name: 'max-signature-drop',
    value: '<percent>',
    help: 'what falls further is refused until you accept it; without it, a fall by more than 20 waits for a day, and is told of',
  },
  {
    name: 'accept',
    value: '<reason>',
    help: 'take what looks implausible or was refused before, for this reason, which the proof records; it must still be proven',
  },
  {
    name: 'retry',
    help: 'try versions again that were refused before, and ask an upstream once more that is to be left alone',
  },
  { name: 'resync', help: 'take everything anew from upstream, whole, whatever is published' },
  { name: 'dry-run', help: 'do everything but publish' },
];

/** What looking at a mirror and mirroring it have in common. */
const LOOKING = ['nameservers', 'max-size', 'user-agent', 'allow-private-redirects'];

/** For whatever looks at a mirror: it may be slow, or hostile. */
export const TIMEOUT_OPTION: Option = {
  name: 'timeout',
  value: '<minutes>',
  help: 'how long all of it may take',
  fallback: '60',
};

export const PROBE_OPTIONS: readonly Option[] = [
  {
    name: 'databases',
    value: '<names>',
    help: 'which databases to judge (default: those of its manifest, else main,daily,bytecode)',
  },
  {
    name: 'dns',
    value: '<name>',
    help: 'the TXT record to compare versions with, or "off"',
    fallback: OFFICIAL_RECORD,
  },
  ...SYNC_OPTIONS.filter(({ name }) => LOOKING.includes(name)),
  { name: 'cdiffs', value: '<count>', help: 'how many CDIFFs of each database to look for', fallback: '30' },
  { name: 'full', help: 'download everything and prove every byte' },
  {
    name: 'client',
    help: 'let the freshclam of this machine be its clients: fresh ones, ones that are behind, ones with FIPS limits',
  },
  TIMEOUT_OPTION,
];

/** Of those of `sync`, what a rollback needs too. */
export const PROOF_OPTIONS: readonly Option[] = SYNC_OPTIONS.filter(({ name }) =>
  ['work', 'engines', 'clean-samples', 'infected-samples', 'archive', 'max-mirror-size'].includes(name),
);

export const STATUS_OPTIONS: readonly Option[] = [
  ...STORE_OPTIONS,
  ...SYNC_OPTIONS.filter(({ name }) => name === 'work'),
  {
    name: 'max-age',
    value: '<hours>',
    help: 'how long ago upstream may have been checked with success, or the mirror counts as stale',
    fallback: '48',
  },
];

/** How much a run tells on stderr; not for machines, which have --json. */
export const LOG_OPTIONS: readonly Option[] = [
  { name: 'verbose', help: 'tell every detail, each line with its time' },
  { name: 'quiet', help: 'tell only what is new, and errors: nothing to mail where nothing happened' },
];

/** For a bucket that is verified: its address is an argument. */
export const VERIFY_OPTIONS: readonly Option[] = SYNC_OPTIONS.filter(
  ({ name }) => /^s3-/.test(name) || name === 'max-size',
);

export const ROLLBACK_OPTIONS: readonly Option[] = [
  { name: 'database', value: '<name>', help: 'the database to roll back' },
  { name: 'to', value: '<version>', help: 'the version to publish again; "status" shows which are kept' },
  {
    name: 'reason',
    value: '<text>',
    help: 'why, for the manifest and whoever reads it',
    fallback: 'rolled back',
  },
];

export const RELEASE_OPTIONS: readonly Option[] = [
  { name: 'database', value: '<name>', help: 'the database to release' },
];

export const SERVE_OPTIONS: readonly Option[] = [
  FOLDER_OPTION,
  {
    name: 'address',
    value: '<ip>',
    help: 'address to listen on; 0.0.0.0 for everybody',
    fallback: '127.0.0.1',
  },
  { name: 'port', value: '<number>', help: 'port to listen on; 0 for any free one', fallback: '8080' },
];
