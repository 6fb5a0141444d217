import { type AptOptions, prepareInstallation } from './apt.ts';
import { SetupError } from './error.ts';
import { findProgram, type Places, run } from './programs.ts';

/** Paths of the programs of ClamAV on this machine. */
export interface ClamavPrograms {
  /** Version according to freshclam, such as `1.4.6`. */
  readonly version: string;
  readonly freshclam: string;
  readonly clamscan: string;
  readonly sigtool: string;
  /** Path of clamd, if it was requested. */
  readonly clamd?: string;
}

export interface ClamavOptions extends AptOptions {
  /** Called before an installation, with a question that names the packages. `true` allows it. */
  readonly ask: (question: string) => boolean | Promise<boolean>;
  readonly log: (line: string) => void;
  /** True if clamd is needed too. */
  readonly daemon?: boolean;
}

/** Packages of Debian and Ubuntu, by program. */
const PACKAGES = {
  freshclam: 'clamav-freshclam',
  clamscan: 'clamav',
  sigtool: 'clamav',
  clamd: 'clamav-daemon',
} as const;
type Program = keyof typeof PACKAGES;

/**
 * Finds ClamAV, and installs missing programs if `ask` agrees. Leaves none of its services running.
 *
 * Throws `setup/declined`, `setup/clamav-broken`, `setup/not-debian`, `setup/no-root`, `setup/apt-failed`.
 */
export async function ensureClamav(options: ClamavOptions): Promise<ClamavPrograms> {
  const missing = await missingPrograms(options);
  if (missing.length > 0) {
    options.log(`not found on this machine: ${missing.join(', ')}`);
    await install([...new Set(missing.map((program) => PACKAGES[program]))].sort(), options);
  }
  const freshclam = await find('freshclam', options);
  return {
    version: await versionOf(freshclam, options),
    freshclam,
    clamscan: await find('clamscan', options),
    sigtool: await find('sigtool', options),
    ...(options.daemon ? { clamd: await find('clamd', options) } : {}),
  };
}

async function missingPrograms(options: ClamavOptions): Promise<Program[]> {
  const missing: Program[] = [];
  for (const program of ['freshclam', 'clamscan', 'sigtool', 'clamd'] as const) {
    if (program === 'clamd' && !options.daemon) continue;
    if ((await findProgram(program, options)) === undefined) missing.push(program);
  }
  return missing;
}

async function find(program: Program, places: Places): Promise<string> {
  const path = await findProgram(program, places);
  if (path !== undefined) return path;
  throw new SetupError(
    'setup/clamav-broken',
    `${PACKAGES[program]} is installed, but ${program} is missing`,
    {
      advice: `Reinstall it, as root: apt-get install --reinstall ${PACKAGES[program]}`,
    },
  );
}

async function install(packages: readonly string[], options: ClamavOptions): Promise<void> {
  const { ask, log } = options;
  const names = packages.join(', ');
  const installation = await prepareInstallation(packages, options);
  if (!(await ask(`Install ${names} (${installation.command}; their services stay off)?`))) {
    throw new SetupError('setup/declined', `you declined to install ${names}, which this needs`, {
      advice: `Install ClamAV yourself (as root: ${installation.command}), or answer yes`,
    });
  }
  log(`installing ${names} ...`);
  await installation.run();
  log(`installed ${names}`);
}

/**
 * Version according to freshclam. With a database installed, the answer goes on with its version and date: `ClamAV
 * 1.4.6/27500/...`.
 */
async function versionOf(freshclam: string, places: Places): Promise<string> {
  const answer = await run([freshclam, '--version'], { ...places, timeout: 60_000 });
  const version = /^ClamAV (\d+\.\d+[^/\s]*)/m.exec(answer.stdout)?.[1];
  if (answer.exitCode === 0 && version !== undefined) return version;
  const said = JSON.stringify((answer.stderr || answer.stdout).trim().slice(0, 300));
  throw new SetupError('setup/clamav-broken', `${freshclam} cannot tell its version: ${said}`, {
    advice: 'Reinstall ClamAV',
  });
}
