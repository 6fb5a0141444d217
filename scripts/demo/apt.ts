import { SetupError } from './error.ts';
import { findProgram, lastWords, type Places, run } from './programs.ts';

const TIMEOUT = 15 * 60_000;

export interface AptOptions extends Places {
  /** Where invoke-rc.d(8) looks for the policy on services; tests have one of their own. */
  readonly policy?: string;
}

/** Packages that could be installed. */
export interface Installation {
  /** What a person would type, as root. */
  readonly command: string;
  /** Throws `setup/apt-failed`. */
  run(): Promise<void>;
}

/**
 * Finds out how to install packages: as root, or by `sudo` where that asks for no password. Changes nothing yet.
 *
 * No service that comes with the packages is started, now or by the next boot: freshclam's would ask ClamAV's CDN
 * for everything, and then again several times a day.
 *
 * Throws `setup/not-debian`, `setup/no-root`.
 */
export async function prepareInstallation(
  packages: readonly string[],
  options: AptOptions,
): Promise<Installation> {
  const apt = await findProgram('apt-get', options);
  if (apt === undefined) {
    throw new SetupError('setup/not-debian', `there is no apt-get here to install ${packages.join(' ')}`, {
      advice: 'Install what is missing by other means, so that it is on the PATH',
    });
  }
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const asRoot = await findRoot(options);
  if (asRoot === undefined) {
    throw new SetupError('setup/no-root', 'only root can install packages, and sudo wants a password', {
      advice: `Type this, then try again: sudo ${command}`,
    });
  }
  const { policy = '/usr/sbin/policy-rc.d' } = options;
  const shell = [...asRoot, '/bin/sh', '-c', INSTALL, 'install', apt, policy, ...packages];
  return {
    command,
    run: async () => {
      const result = await run(shell, { ...options, timeout: TIMEOUT });
      if (result.exitCode === 0) return;
      throw new SetupError('setup/apt-failed', `cannot install ${packages.join(' ')}: ${lastWords(result)}`, {
        advice: `Try by hand, as root: apt-get update && ${command}`,
      });
    },
  };
}

/** What to put before a command so that root runs it; `undefined`: nothing helps. */
async function findRoot(places: Places): Promise<string[] | undefined> {
  if (process.geteuid?.() === 0) return [];
  const sudo = await findProgram('sudo', places);
  if (sudo === undefined) return undefined;
  const { exitCode } = await run([sudo, '-n', 'true'], { ...places, timeout: 10_000 });
  return exitCode === 0 ? [sudo, '-n'] : undefined;
}

/**
 * For `sh -c`, as root: $1 is apt-get, $2 the policy, the packages follow.
 *
 * While it runs, the policy says no to every service whose name starts with that of a package, and yes to all others.
 * It does so only while this shell lives, so that one left behind by a power cut has no effect. A machine that has
 * a policy already, as container images do, keeps it; if that allows the services, they are stopped afterwards.
 */
const INSTALL = String.raw`
  apt=$1 policy=$2; shift 2
  export LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
  if (set -C; : > "$policy") 2>/dev/null; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    {
      echo '#!/bin/sh'
      echo '# Of clamav-mirror: services that it is just installing are not to start. Has no effect later.'
      echo "[ -d /proc/$$ ] || exit 0"
      for name; do echo "case \" \$* \" in *\" $name\"*) exit 101 ;; esac"; done
    } > "$policy"
    chmod 755 "$policy"
  fi
  options='-q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold'
  install() { "$apt" $options install --no-install-recommends "$@"; }
  install "$@" || { "$apt" $options update; install "$@"; } || exit
  for name; do
    update-rc.d "$name" disable
    invoke-rc.d "$name" stop
    dpkg -L "$name" | sed -n 's,.*/systemd/system/,,p' |
      while read -r unit; do systemctl disable --now "$unit"; done
  done >/dev/null 2>&1
  exit 0
`;
