import { refreshLists } from './apt-lists.ts';
import { SetupError } from './error.ts';
import { findProgram, lastWords, type Places, run } from './programs.ts';

const INSTALL_MS = 15 * 60_000;

export interface AptOptions extends Places {
  /** Path at which invoke-rc.d(8) looks for the policy on services; tests use their own. */
  readonly policy?: string;
  /** Receives a line for each step that takes time. */
  readonly log?: ((line: string) => void) | undefined;
}

/** Installation that can be run. */
export interface Installation {
  /** Command that a person would type as root. */
  readonly command: string;
  /**
   * Refreshes the package lists, unless this process has done so, and installs the newest packages. Lists that cannot
   * be refreshed are used as they are. Throws `setup/apt-failed`.
   */
  run(): Promise<void>;
}

/**
 * Prepares to install packages, as root or by a `sudo` that asks for no password. Changes nothing yet.
 *
 * No service of the packages is started, now or at the next boot: that of freshclam would download everything from the
 * CDN of ClamAV, and then ask it several times a day.
 *
 * Throws `setup/not-debian`, `setup/no-root`.
 */
export async function prepareInstallation(
  packages: readonly string[],
  options: AptOptions,
): Promise<Installation> {
  const { policy = '/usr/sbin/policy-rc.d' } = options;
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const { apt, asRoot } = await findApt(options, `install ${packages.join(' ')}`, command);
  const shell = [...asRoot, '/bin/sh', '-c', INSTALL, 'install', apt, policy, ...packages];
  return {
    command,
    run: async () => {
      const stale = await refreshLists(apt, asRoot, options);
      const result = await run(shell, { ...options, timeout: INSTALL_MS });
      if (result.exitCode === 0) return;
      const why = `cannot install ${packages.join(' ')}: ${lastWords(result)}`;
      throw stale === undefined
        ? new SetupError('setup/apt-failed', why, { advice: `Try by hand, as root: ${command}` })
        : new SetupError(
            'setup/apt-failed',
            `${why}. The package lists cannot be refreshed either: ${stale}`,
            {
              advice: `Let apt reach its archives (network, proxy, sources.list). Then run as root: apt-get update && ${command}`,
            },
          );
    },
  };
}

/**
 * Refreshes the package lists of this machine, once in the life of this process. Returns `undefined`, or why some lists
 * are old. Throws `setup/not-debian`, `setup/no-root`.
 */
export async function refreshPackageLists(options: AptOptions): Promise<string | undefined> {
  const { apt, asRoot } = await findApt(options, 'refresh its package lists', 'apt-get update');
  return await refreshLists(apt, asRoot, options);
}

/** Finds apt-get, and the prefix of a command that makes root run it. */
async function findApt(
  options: Places,
  purpose: string,
  command: string,
): Promise<{ apt: string; asRoot: string[] }> {
  const apt = await findProgram('apt-get', options);
  if (apt === undefined) {
    throw new SetupError('setup/not-debian', `there is no apt-get here to ${purpose}`, {
      advice: 'Install the missing programs in another way, so that they are on the PATH',
    });
  }
  const asRoot = await findRoot(options);
  if (asRoot === undefined) {
    throw new SetupError('setup/no-root', `only root can ${purpose}, and sudo wants a password`, {
      advice: `Type this, then try again: sudo ${command}`,
    });
  }
  return { apt, asRoot };
}

/** Prefix of a command that makes root run it; `undefined` if there is no way. */
async function findRoot(places: Places): Promise<string[] | undefined> {
  if (process.geteuid?.() === 0) return [];
  const sudo = await findProgram('sudo', places);
  if (sudo === undefined) return undefined;
  const { exitCode } = await run([sudo, '-n', 'true'], { ...places, timeout: 10_000 });
  return exitCode === 0 ? [sudo, '-n'] : undefined;
}

/**
 * Script for `sh -c` as root: $1 is apt-get, $2 the policy, the packages follow.
 *
 * While it runs, the policy forbids every service whose name starts with that of a package, up to a dot, to start, and
 * allows all others. It holds only while this shell lives, so that one left behind by a power cut has no effect. A
 * machine with a policy of its own, such as a container image, keeps it; if that allows the services, they are stopped
 * afterwards.
 */
const INSTALL = String.raw`
  apt=$1 policy=$2; shift 2
  service_of() ( IFS=.; set -- $1; echo "$1" ) # docker.io brings docker
  export LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
  if (set -C; : > "$policy") 2>/dev/null; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    {
      echo '#!/bin/sh'
      echo '# Of clamav-mirror: services that it is just installing are not to start. Has no effect later.'
      echo "[ -d /proc/$$ ] || exit 0"
      for name; do echo "case \" \$* \" in *\" $(service_of "$name")\"*) exit 101 ;; esac"; done
    } > "$policy"
    chmod 755 "$policy"
  fi
  options='-q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold'
  "$apt" $options install --no-install-recommends "$@" || exit
  for name; do
    update-rc.d "$(service_of "$name")" disable
    invoke-rc.d "$(service_of "$name")" stop
    dpkg -L "$name" | sed -n 's,.*/systemd/system/,,p' |
      while read -r unit; do systemctl disable --now "$unit"; done
  done >/dev/null 2>&1
  exit 0
`;
