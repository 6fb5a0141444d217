import { PIN_GONE } from '../engine/images/pin-gone.ts';
import type { Failure, FailureClass } from './run-report.ts';

interface ClassTexts {
  readonly title: string;
  /** Consequence for those who use the mirror. */
  readonly meaning: string;
  /** Next step for the operator. */
  readonly advice: string;
}

/** Texts of an issue, by class: Markdown of our own, without a word from outside. */
export const TEXTS: Readonly<Record<FailureClass, ClassTexts>> = {
  upstream: {
    title: 'ClamAV mirror: upstream cannot be read',
    meaning: 'Upstream was not reachable or did not answer as it should. Clients keep what is published.',
    advice:
      'Mostly it passes by itself. If it does not, check the network and proxy of the runner, and the DNS record and ' +
      'the upstream in the settings. Do not run more often: upstream blocks clients that ask too much.',
  },
  integrity: {
    title: 'ClamAV mirror: upstream offers something that is not genuine',
    meaning: 'A signature, checksum or format was wrong. Nothing of it was published.',
    advice:
      'Take it seriously. Either a transfer or a cache on the way is broken, or somebody has tampered with the ' +
      'database. If the next runs do not mend it, run `resync` by hand. If that fails too, download the same file ' +
      'from another network, compare, and tell the ClamAV team.',
  },
  engine: {
    title: 'ClamAV mirror: the ClamAV that proves does not work',
    meaning:
      'The engine fails with the published databases too, or this machine lacks something that it needs. No database ' +
      'is to blame, nothing was refused, and nothing was published.',
    advice:
      'Do what the message says: mostly it asks for more memory, more disk space, or another version of the engine. ' +
      'The next run then tries again by itself.',
  },
  proof: {
    title: 'ClamAV mirror: an engine refused a genuine database',
    meaning:
      'Upstream offers a signed database that real ClamAV could not load, update to, or scan with correctly, or that ' +
      'looks implausible. It was not published.',
    advice:
      'Read the proof table in the summary of the run. The version stays in quarantine for a day, or until the ' +
      'engines change. A newer version is tried at once. To try this one again, choose Run workflow, `sync`, with ' +
      '`retry` ticked. To take it knowingly, add a `reason`, which is published with the proof. In a step of your own, ' +
      'use the inputs `retry` and `accept`. Clients that have it already may need `rollback`.',
  },
  publication: {
    title: 'ClamAV mirror: publishing failed',
    meaning:
      'The run could not write what it proved to the store. The manifest moves last, so clients see no mixture.',
    advice:
      'Read the log of the run. Then check the store: credentials, permissions, disk space, and whether another run ' +
      'holds its lease. Nothing is lost: the next run starts over.',
  },
  host: {
    title: 'ClamAV mirror: clients are not served as they should be',
    meaning: 'The published mirror does not answer as ClamAV needs it.',
    advice:
      'Run `probe` against the public URL: it names each broken rule and how to mend it. Check the web server or CDN ' +
      'in front of the store, its certificate and its cache.',
  },
  stale: {
    title: 'ClamAV mirror: clients get old databases',
    meaning: 'The published databases are behind upstream.',
    advice:
      'Check whether the latest runs of the mirror failed, and whether its schedule is still on. GitHub turns a ' +
      'schedule off after 60 days without activity. Turn it on again on the page of the workflow.',
  },
  configuration: {
    title: 'ClamAV mirror: the settings are wrong',
    meaning: 'The run cannot work with these settings. Nothing is updated until they are corrected.',
    advice: 'Correct the input, variable or secret that is named above. The README lists them all.',
  },
  extras: {
    title: 'ClamAV mirror: extra signatures are not brought up to date',
    meaning:
      'An extra file was refused, or its source has given nothing for a day. Clients keep what is published of it. The ' +
      'databases of Talos do not depend on it.',
    advice:
      'Look at the source that is named above, and correct it in the list of extras, or take it out there. The first run ' +
      'that brings the file closes this issue.',
  },
};

/** Texts for codes of which those of their class are not true. */
const TEXTS_BY_CODE: Readonly<Record<string, ClassTexts>> = {
  [PIN_GONE]: {
    title: 'ClamAV mirror: a pinned image of ClamAV is gone',
    meaning:
      'The registry has deleted an image that is pinned by its digest. The mirror goes on with the newest image of the same ' +
      'feature release, and its digest is in the proof.',
    advice:
      'Update clamav-mirror to a release with new pins, or renew the pin in `scripts/engine/default-images.ts`, as the ' +
      'comment there describes. Or name an image that stays, in the variable `CLAMAV_MIRROR_NEWEST_IMAGE` or ' +
      '`CLAMAV_MIRROR_OLDEST_IMAGE`. The first run with a pin that is there closes this issue.',
  },
};

/** Texts for a failure: those of its code, else those of its class. */
export function textsFor({ class: failed, code }: Pick<Failure, 'class' | 'code'>): ClassTexts {
  return (Object.hasOwn(TEXTS_BY_CODE, code) && TEXTS_BY_CODE[code]) || TEXTS[failed];
}

/** Advice for codes that say more than their class. */
const BY_CODE: Readonly<Record<string, string>> = {
  'extra/unreachable':
    'The source of an extra cannot be reached, or its file cannot be read. What is published of it stays. Mostly it passes by ' +
    'itself; else check its address in the settings, the network and the proxy.',
  'extra/tls':
    'The certificate of the source of an extra is not trusted. If a proxy signs with a CA of its own, name that CA by ' +
    '`ca-file`; else tell who runs the source.',
  'extra/proxy':
    'A proxy on the way refuses, not the source of the extra. Let it pass requests to that host, or bypass it with `NO_PROXY`.',
  'extra/redirect':
    'The source of an extra redirects to where we do not follow. If it has moved, name the new address in the settings.',
  'extra/denied':
    'The source of an extra refuses us. It is asked again after pauses that grow to a day. Check the account, the token and ' +
    'the plan behind its address, and what its terms say of mirrors.',
  'extra/limited':
    'The source of an extra wants fewer requests. We wait as long as it says. If it goes on, raise the `interval` of all its ' +
    'files in the list of extras.',
  'extra/gone':
    'The source of an extra has no such file any more. What is published of it stays, and grows old. Find its new address, or ' +
    'take the extra out of the settings: then it is removed from the mirror.',
  'extra/status':
    'The source of an extra answers in a way that makes no sense. Look at what its address answers.',
  'extra/unavailable':
    'The source of an extra has a fault of its own. Mostly it passes by itself; else tell who runs it.',
  'extra/unasked':
    'What the source of an extra gave was not published, and is lost, or its turn did not come. It is asked in a later run, by ' +
    'its interval; `retry` asks now.',
  'extra/incomplete':
    'An extra did not come whole, or not in time. It is tried again by itself. If it lasts, check the line to its source.',
  'extra/too-large':
    'An extra is larger than its `maxSize` in the list of extras. Look at what it is; if it really has grown, raise that.',
  'extra/wrong-type':
    'The source of an extra gives what is no file of signatures, such as a page. Look at what its address answers: it may ' +
    'want a login, or another address.',
  'extra/hash':
    'An extra does not have the hash that it should. Where a source publishes the file before its hash, it passes by itself. ' +
    'If it lasts, compare the file from another network, and tell who runs the source.',
  'extra/signature':
    'The signature of an extra is not good. Where a source publishes the file before its signature, it passes by itself. If ' +
    'it lasts, check the key in the settings, compare the file from another network, and tell who runs the source.',
  'extra/keys':
    'The file with the public keys of an extra cannot be read. Export them with `gpg --armor --export KEY`.',
  'extra/damaged':
    'The store has other bytes of an extra than those that were published. It is published again as soon as its source gives it.',
  'extra/taken':
    'The store has a file of somebody else under the name of an extra. It stays as it is. Move it away; if it is yours, give it ' +
    'another name and publish it with `extra`, or put its lines on the allow list.',
  'upstream/doubted':
    'Upstream did not send the right files for this version. Later runs ask for them again, less and less often. To ask ' +
    'now, run `sync` with `retry`.',
  'upstream/cool-down':
    'Upstream asked us to wait, and we do. Nothing needs to be done before that time is over. `retry` asks once more. If ' +
    'ClamAV itself keeps refusing, ask its team to let your address in, and quote the `cf-ray` from above.',
  'upstream/proxy':
    'A proxy on the way refuses, not upstream. Let it pass requests to upstream, or bypass it with `NO_PROXY`.',
  'upstream/tls':
    'The certificate of upstream is not trusted. If a proxy signs with a CA of its own, name that CA by `ca-file`, in ' +
    '`NODE_EXTRA_CA_CERTS` or `SSL_CERT_FILE`, or add it to the certificates of the system.',
  'proof/waiting':
    'The version is genuine, but so unusual that it waits for a day from when it was first seen. Then it is taken by ' +
    'itself, if the engines prove it, and this issue is closed. Check whether ClamAV has announced it, such as a ' +
    'retirement of signatures. To take it now, run `sync` with `accept` and a reason. With `max-signature-drop`, a ' +
    'larger drop is refused until you take it. `rollback` undoes a version that was taken.',
  'upstream/spoilt':
    'Later runs ask for it again, less and less often. If it stays like this, something between upstream and the runner ' +
    'answers instead of upstream (a proxy, a login page, a cache, a host of Git LFS), or keeps a broken copy.',
  'upstream/mislabelled':
    'The file is genuine, but not the one that was asked for. Mostly a cache on the way has an older copy, and it passes. ' +
    'If it does not, check that the upstream in the settings serves each file under its own name.',
  'upstream/cld':
    'The upstream in the settings is a database folder that freshclam keeps for itself. Name a mirror that has CVDs.',
  'store/credentials':
    'The credentials of the store are missing or expired. With a role, check the variable `CLAMAV_MIRROR_AWS_ROLE` and ' +
    'the trust policy of that role. With keys, renew the secrets `CLAMAV_MIRROR_ACCESS_KEY_ID` and ' +
    '`CLAMAV_MIRROR_SECRET_ACCESS_KEY`. In a step of your own, set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` in ' +
    'its `env:`.',
  'store/denied':
    'The store does not let these credentials in. Grant them reading, writing and deleting below the prefix.',
  'file/full':
    'The disk of the runner is full. The message above says where, and how much is needed. Free disk space before this ' +
    'step, or use a larger runner.',
  'store/full': 'The store is full. Free space in it, or keep less with `archive` and `cdiffs`.',
  'run/ended':
    'The run ended before it could say why: it was cancelled, killed for want of memory, ran out of time, or lost its ' +
    'runner. Read its log. If it was killed (SIGKILL), give the machine more memory. If it ran out of time, find out ' +
    'what took long, then give the steps more minutes.',
};

/** Advice for a failure: that of its code, else that of its class. */
export function adviceFor({ class: failed, code }: Pick<Failure, 'class' | 'code'>): string {
  return Object.hasOwn(BY_CODE, code) ? (BY_CODE[code] ?? '') : textsFor({ class: failed, code }).advice;
}
