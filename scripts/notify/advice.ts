import type { Failure, FailureClass } from './run-report.ts';

interface ClassTexts {
  readonly title: string;
  /** What it means for those who use the mirror. */
  readonly meaning: string;
  /** What to do. */
  readonly advice: string;
}

/** All of it ours: Markdown, without a word of upstream's. */
export const TEXTS: Readonly<Record<FailureClass, ClassTexts>> = {
  upstream: {
    title: 'ClamAV mirror: upstream cannot be read',
    meaning: 'Upstream was not reachable or did not answer as it should. Clients keep what is published.',
    advice:
      'Mostly it passes by itself. If it does not: look at the network and proxy of the runner, and whether the ' +
      'DNS record and the upstream in the settings are right. Do not run more often: upstream blocks those who ' +
      'ask too much.',
  },
  integrity: {
    title: 'ClamAV mirror: upstream offers something that is not genuine',
    meaning: 'A signature, checksum or format was wrong. Nothing of it was published.',
    advice:
      'Take it seriously: either a transfer or a cache on the way is broken, or somebody has tampered with the ' +
      'database. If the next runs do not bring it right, run `resync` by hand; if that fails too, download the ' +
      'same file from another network, compare, and tell the ClamAV team.',
  },
  engine: {
    title: 'ClamAV mirror: the ClamAV that proves does not work',
    meaning:
      'It fails with what is published, too, or lacks something that this machine has to give. No database is to ' +
      'blame, nothing was refused, and nothing was published.',
    advice:
      'Do what the message says: mostly more memory, more room, or another version of the engine. Then nothing else ' +
      'is to be done: the next run tries again by itself.',
  },
  proof: {
    title: 'ClamAV mirror: an engine refused a genuine database',
    meaning:
      'What upstream offers is signed, but real ClamAV could not load it, update to it, or scan right with it, or ' +
      'it looks implausible. It was not published.',
    advice:
      'Look at the table of the proof in the summary of the run. The version stays in quarantine for a day, or until ' +
      'the engines change, and the next one is tried by itself. To try it again: Run workflow, `sync`, with `retry` ' +
      'ticked. To take it knowingly: the same with a `reason`, which is published with the proof (as a step of your ' +
      'own: the inputs `retry` and `accept`). Clients that have it already may need `rollback`.',
  },
  publication: {
    title: 'ClamAV mirror: publishing failed',
    meaning:
      'The run could not bring what it proved to the store. The manifest moves last: clients see no mixture.',
    advice:
      'Look at the log of the run, then at the store: credentials, permissions, space, and whether another run ' +
      'holds its lease. Nothing is lost: the next run does all of it anew.',
  },
  host: {
    title: 'ClamAV mirror: clients are not served as they should be',
    meaning: 'The published mirror did not answer as ClamAV needs it.',
    advice:
      'Run `probe` against the public URL: it names each rule that is broken and how to mend it. Look at the ' +
      'web server or CDN in front of the store, its certificate and its cache.',
  },
  stale: {
    title: 'ClamAV mirror: clients get old databases',
    meaning: 'What is served is behind what upstream published.',
    advice:
      'Look at the latest runs of the mirror: whether they fail, and whether its schedule is still on (GitHub ' +
      'turns it off after 60 days without activity; turn it on again on the page of the workflow).',
  },
  configuration: {
    title: 'ClamAV mirror: the settings are wrong',
    meaning: 'With these settings the run cannot do its work. Nothing is updated until this is mended.',
    advice: 'Mend the input, variable or secret that is named above. The README lists them all.',
  },
};

/** Where the code tells more than the class. */
const BY_CODE: Readonly<Record<string, string>> = {
  'upstream/doubted':
    'Upstream did not send the right files for this version. They are asked for again by themselves, less and less ' +
    'often; to ask now, run `sync` with `retry`.',
  'upstream/cool-down':
    'Upstream asked us to wait, and we do. There is nothing to do before that time is over; `retry` asks once more. If ' +
    'upstream is ClamAV itself and goes on refusing, ask its team to let the address in, with the `cf-ray` from above.',
  'upstream/proxy':
    'A proxy on the way refuses, not upstream: let it pass requests to upstream, or go past it by `NO_PROXY`.',
  'upstream/tls':
    'No certificate of upstream is believed. If a proxy signs for it with a CA of its own, name that by ' +
    '`NODE_EXTRA_CA_CERTS` or `SSL_CERT_FILE`, or put it into the store of the system.',
  'proof/waiting':
    'It is genuine, and so unusual that it waits for a day since it was first seen; then it is taken by itself, if the ' +
    'engines prove it, and this issue is closed. Look whether ClamAV has announced it, such as a retirement of ' +
    'signatures. To take it now run `sync` with `accept` and a reason. With `max-signature-drop` a fall beyond it is ' +
    'refused until you take it; a version that was taken can be undone by `rollback`.',
  'upstream/spoilt':
    'It is asked for again by itself, less and less often. If it does not come right: something between upstream and ' +
    'the runner answers in its place (a proxy, a login page, a cache, a host of Git LFS), or keeps a broken copy.',
  'upstream/mislabelled':
    'What came is genuine, and not what was asked for: mostly a cache on the way has an older copy, and it passes. If it ' +
    'does not: look whether the upstream in the settings serves each file under its own name.',
  'upstream/cld':
    'The upstream in the settings is a database folder that freshclam keeps for itself: name a mirror of CVDs.',
  'store/credentials':
    'The credentials of the store are missing or out of date. With a role: look at the variable ' +
    '`CLAMAV_MIRROR_AWS_ROLE` and at whom that role trusts. With keys: renew the secrets ' +
    '`CLAMAV_MIRROR_ACCESS_KEY_ID` and `CLAMAV_MIRROR_SECRET_ACCESS_KEY` (as a step of your own: ' +
    '`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` in its `env:`).',
  'store/denied': 'The store refuses our credentials: grant reading, writing and deleting below the prefix.',
  'file/full':
    'The disk of the runner is full: the message above says where, and how much is needed. Free room before this ' +
    'step, or take a larger runner.',
  'store/full': 'The store is full: make room, or keep less by `archive` and `cdiffs`.',
  'run/ended':
    'The run ended before it could tell why: it was cancelled, ran out of time, or lost its runner. Look at its ' +
    'log; if it ran out of time, look at what took long, then give the steps more minutes.',
};

export function adviceFor({ class: failed, code }: Pick<Failure, 'class' | 'code'>): string {
  return Object.hasOwn(BY_CODE, code) ? (BY_CODE[code] ?? '') : TEXTS[failed].advice;
}
