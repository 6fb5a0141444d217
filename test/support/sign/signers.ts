import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { describeWith } from '../setup/official.ts';
import { triedPart } from '../setup/real-part.ts';

/** Like `describe`, and skipped where there is no minisign. */
export const describeWithMinisign = describeWith(
  await triedPart('minisign', ['minisign', '-v'], 'minisign signs files'),
);
/** Like `describe`, and skipped where there is no gpg. */
export const describeWithGpg = describeWith(await triedPart('gpg', ['gpg', '--version'], 'gpg signs files'));

export interface MinisignSigner {
  /** The base64 line of the public key. */
  readonly key: string;
  sign(bytes: string | Buffer, ...args: string[]): string;
}

/** A new key of the real minisign, without a password. */
export function minisignSigner(): MinisignSigner {
  const folder = ownFolder();
  const [secret, open, file] = ['key', 'key.pub', 'file'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  execFileSync('minisign', ['-G', '-W', '-f', '-s', secret, '-p', open], { stdio: 'pipe' });
  return {
    key: readFileSync(open, 'utf8').trim().split('\n').at(-1) ?? '',
    sign: (bytes, ...args) => {
      writeFileSync(file, bytes);
      execFileSync('minisign', ['-S', '-s', secret, '-m', file, ...args], { stdio: 'pipe' });
      return readFileSync(`${file}.minisig`, 'utf8');
    },
  };
}

export interface GpgSigner {
  /** Paths of its public key, armored and binary. */
  readonly armored: string;
  readonly binary: string;
  sign(bytes: string | Buffer, ...args: string[]): Buffer;
}

/** A new key of the real gpg, of a kind such as `ed25519`, `rsa2048` or `dsa1024`. */
export function gpgSigner(kind: string): GpgSigner {
  const folder = ownFolder();
  const gpg = (...args: string[]) => {
    const all = [
      '--homedir',
      folder,
      '--batch',
      '--no-tty',
      '--yes',
      '--pinentry-mode',
      'loopback',
      '--passphrase',
      '',
    ];
    const { status, stderr } = spawnSync('gpg', [...all, ...args], { encoding: 'utf8', timeout: 60_000 });
    if (status !== 0) throw new Error(stderr);
  };
  onTestFinished(() => void spawnSync('gpgconf', ['--homedir', folder, '--kill', 'all']));
  gpg('--quick-gen-key', 'Feed <feed@example>', kind, 'sign', 'never');
  const [armored, binary, file, signature] = ['key.asc', 'key.gpg', 'file', 'file.sig'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  gpg('--output', armored, '--armor', '--export');
  gpg('--output', binary, '--export');
  return {
    armored,
    binary,
    sign: (bytes, ...args) => {
      writeFileSync(file, bytes);
      gpg('--output', signature, ...args, '--detach-sign', file);
      return readFileSync(signature);
    },
  };
}

function ownFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sign-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
