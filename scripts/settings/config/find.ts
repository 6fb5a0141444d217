import { lstat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { CONFIG_BYTES } from '../../base/limits/machine.ts';
import { bytes } from '../../base/words.ts';
import { openRegular } from '../../files/open.ts';
import { FOREIGN, OPEN, othersMayWrite, requireSafeWay, unsafe } from '../../files/safe-path.ts';
import { type TrustedOwners, trustedOwners } from '../../files/trusted-owners.ts';
import { type Given, SettingError, textOf, variableOf } from '../read.ts';
import { CONFIG_OPTION, NO_FILE } from './option.ts';

const NAME = 'clamav-mirror.json';
const WHAT = 'the settings file';

/** A settings file that we trust. */
export interface Found {
  readonly path: string;
  readonly text: string;
  /** True if other accounts of the machine can read it. */
  readonly isOpen: boolean;
}

/**
 * Reads the file that --config or its variable names, else that of the user, else that of the machine. It decides what is
 * run, fetched and deleted, so nobody but us and root may be able to change it, and none is looked for where we stand:
 * that may be the very folder of a stranger that is to be scanned. For the same reason the action reads none that is not
 * named. Throws `setting/invalid` and `setting/unsafe-folder`.
 */
export async function findConfig(from: Given, owners?: TrustedOwners): Promise<Found | undefined> {
  const named = textOf(CONFIG_OPTION.name, from);
  if (named === NO_FILE) return undefined;
  const path = named === undefined ? await usualFile(from) : resolve(named);
  if (path === undefined) return undefined;
  return { path, ...(await readTrusted(path, owners ?? (await trustedOwners()))) };
}

async function usualFile({ environment, kind }: Given): Promise<string | undefined> {
  if (kind === 'input') return undefined;
  const { XDG_CONFIG_HOME = '', HOME = '' } = environment;
  const folders = [XDG_CONFIG_HOME || join(HOME, '.config'), '/etc'].filter(isAbsolute);
  for (const folder of folders) {
    const path = join(folder, NAME);
    if (await lstat(path).then(() => true, unlessMissing)) return path;
  }
  return undefined;
}

/** A folder that is closed to us, such as that of another user, is none of ours. */
function unlessMissing(error: unknown): boolean {
  if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(codeOf(error) ?? '')) return false;
  throw error;
}

async function readTrusted(path: string, owners: TrustedOwners): Promise<Omit<Found, 'path'>> {
  await using file = await openRegular(path, { follow: true }).catch((cause) => {
    throw unreadable(`${path} cannot be read`, ANOTHER, cause);
  });
  const { handle, stats } = file;
  await requireSafeWay(path, WHAT, owners);
  if (!owners.owns(stats.uid)) throw unsafe(WHAT, path, path, stats, FOREIGN);
  if (othersMayWrite(stats, owners.isOurGroup)) throw unsafe(WHAT, path, path, stats, OPEN);
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(CONFIG_BYTES + 1), 0, CONFIG_BYTES + 1, 0);
  if (bytesRead > CONFIG_BYTES) throw unreadable(`${path} has more than ${bytes(CONFIG_BYTES)}`, ANOTHER);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, bytesRead));
    return { text, isOpen: (stats.mode & OTHERS_READ) !== 0 };
  } catch (cause) {
    throw unreadable(`${path} is not UTF-8`, 'Save it as UTF-8', cause);
  }
}

const OTHERS_READ = 0o004;

function unreadable(message: string, advice: string, cause?: unknown): SettingError {
  return new SettingError('setting/invalid', message, { advice, ...(cause !== undefined && { cause }) });
}

const ANOTHER = `Name another one by --config or ${variableOf(CONFIG_OPTION.name)}, or "${NO_FILE}" to do without`;
