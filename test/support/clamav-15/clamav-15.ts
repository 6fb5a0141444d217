import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { findNativeEngine } from '../../../scripts/engine/native.ts';
import { findProgram } from '../../../scripts/files/find-program.ts';
import type { TrustedRoot } from '../../../scripts/verify/roots.ts';
import { TALOS } from '../../../scripts/verify/trust.ts';
import { SETTINGS_FILE, type Settings, VERSION } from './settings.ts';

export interface Clamav15Options {
  /** A PATH with the real programs. */
  readonly path?: string;
  /** What the stand-in trusts for `.sign` files: certificates, or a folder of them. Default: Talos' root. */
  readonly roots?: readonly TrustedRoot[] | string;
  /** A file with the ISO time by which it judges certificates; it may change, or not be there: then it is now. */
  readonly clock?: string;
}

/** A stand-in for ClamAV 1.5, with programs of its own. */
export interface Clamav15 extends AsyncDisposable {
  readonly version: string;
  /** The folder of `freshclam`, `clamscan` and `clamd`. */
  readonly folder: string;
  /** Their paths. */
  readonly programs: Readonly<Record<(typeof PROGRAMS)[number], string>>;
  /** A PATH on which they come first. */
  readonly path: string;
}

const PROGRAMS = ['freshclam', 'clamscan', 'clamd'] as const;
const CACHE = join(import.meta.dirname, '..', '..', '..', '.cache', 'node');

/** Makes a stand-in for ClamAV 1.5 of the real programs on a PATH; see README.md. Throws if they are not there. */
export async function clamav15(options: Clamav15Options = {}): Promise<Clamav15> {
  const { path = process.env.PATH ?? '', roots = TALOS.roots, clock } = options;
  const realPath = path
    .split(delimiter)
    .filter((place) => !isStandIn(place))
    .join(delimiter);
  const { fLevel: realFLevel, tools } = await findNativeEngine(realPath);
  const folder = await mkdtemp(join(tmpdir(), 'clamav-15-'));
  const certificates = typeof roots === 'string' ? roots : join(folder, 'certs');
  if (typeof roots !== 'string') {
    await mkdir(certificates);
    for (const [index, { certificate }] of roots.entries())
      await writeFile(join(certificates, `${index}.crt`), new X509Certificate(certificate).toString());
  }
  const real = { freshclam: '', clamscan: '', clamd: '' };
  for (const program of PROGRAMS)
    real[program] = (await findProgram(program, realPath, ['/usr/sbin'])) ?? program;
  const settings: Settings = { real, realFLevel, certificates, clock };
  await writeFile(join(folder, SETTINGS_FILE), JSON.stringify(settings));
  const bin = join(folder, 'bin');
  await mkdir(bin);
  for (const program of PROGRAMS.filter((program) => tools.has(program))) {
    const script = join(import.meta.dirname, `${program}.ts`);
    const lines = [
      '#!/bin/sh',
      `export NODE_COMPILE_CACHE='${CACHE}'`,
      `exec '${process.execPath}' '${script}' '${join(folder, SETTINGS_FILE)}' "$@"`,
    ];
    await writeFile(join(bin, program), `${lines.join('\n')}\n`);
    await chmod(join(bin, program), 0o755);
  }
  return {
    version: VERSION,
    folder: bin,
    programs: {
      freshclam: join(bin, 'freshclam'),
      clamscan: join(bin, 'clamscan'),
      clamd: join(bin, 'clamd'),
    },
    path: [bin, path].join(delimiter),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** One does not stand on another. */
function isStandIn(place: string): boolean {
  return existsSync(join(dirname(place), SETTINGS_FILE));
}
