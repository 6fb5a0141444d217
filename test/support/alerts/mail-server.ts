import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { explain } from '../../../scripts/base/errors.ts';
import { ensureProgram, type InstallOptions } from '../setup/install.ts';
import { freePort } from '../web/ports.ts';

/** A mail or a login, as the server saw it. */
export interface Seen {
  readonly from?: string;
  readonly to?: readonly string[];
  readonly text?: string;
  readonly tls?: boolean;
  readonly authenticated?: boolean;
  readonly login?: string;
  readonly good?: boolean;
}

export interface MailServer extends AsyncDisposable {
  readonly port: number;
  /** Path of its certificate, which signs itself, for `localhost` and 127.0.0.1. */
  readonly certificate: string;
  readonly seen: readonly Seen[];
}

export const CREDENTIALS = { user: 'mirror@example.org', password: 'p@ss/word s3cr3t' } as const;

const PYTHON = '/usr/bin/python3'; // Debian's, which has its packages
const SCRIPT = join(import.meta.dirname, 'mail-server.py');

/** A real mail server of Debian's with STARTTLS and AUTH, which needs no rights. Throws if it does not run. */
export async function ensureMailServer(options: InstallOptions): Promise<true> {
  await ensureProgram('openssl', ['openssl'], options);
  await ensureProgram('aiosmtpd', ['python3-aiosmtpd'], options);
  try {
    await using _ = await startMailServer();
  } catch (error) {
    throw new Error(`aiosmtpd does not run here: ${explain(error)}`);
  }
  return true;
}

export async function startMailServer(): Promise<MailServer> {
  const folder = await mkdtemp(join(tmpdir(), 'mail-server-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  spawnSync('openssl', ['req', '-x509', ...made, ...names, '-keyout', key, '-out', certificate]);
  const port = await freePort();
  const { user, password } = CREDENTIALS;
  const child = spawn(PYTHON, [SCRIPT, certificate, key, user, password, String(port)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '' },
  });
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async () => {
    child.stdin.end();
    child.kill();
    await gone;
    await rm(folder, { recursive: true, force: true });
  };
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-2000);
  });
  const seen: Seen[] = [];
  const ready = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => reject(new Error(`it ended: ${said.trim()}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const one = JSON.parse(line);
      if (one.ready === true) resolve();
      else seen.push(one);
    });
  });
  try {
    await ready;
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, certificate, seen, [Symbol.asyncDispose]: stop };
}
