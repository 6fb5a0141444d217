import type { Command } from 'commander';
import { variableOf } from '../../settings/read.ts';
import { command, end, settingsFrom } from './command.ts';

export function addDoctor(program: Command): void {
  command(program, 'doctor')
    .description('check this machine and these settings, before the first sync or when something is wrong')
    .option('--json', 'print one JSON array of {check, ok | skipped, found, advice} instead of text')
    .addHelpText(
      'after',
      `
It takes the options of sync: give it the command line that you are about to run. It checks Node, ClamAV (each engine),
containers, the work folder and the store or bucket (rights, owner, free space), DNS, upstream (512 bytes of one
database), this machine's clock, proxies and certificates, and the public URL. In a workflow it also checks the token,
issues and the schedule. It downloads no database, proves nothing, needs no lock, and removes its test files. Each check
has ten seconds, an engine half a minute. A check that fails hides no other.

Exit codes: 0 fit to sync, 1 something is wrong, 2 wrong usage. The line with a cross says what is wrong, the line below
it what to type. With NO_COLOR, or where the locale is not UTF-8, words replace the marks.

Examples:
  clamav-mirror doctor --store /srv/clamav
  clamav-mirror doctor --store s3://our-bucket/clamav --public-url https://clamav.example
  clamav-mirror doctor --json | jq '.[] | select(.ok == false)'`,
    )
    .action(async (flags) => {
      const { doctor } = await import('../doctor.ts');
      return await end(doctor(await settingsFrom('doctor', flags), flags.json === true));
    });
}

export function addStatus(program: Command): void {
  command(program, 'status')
    .description(
      'show whether the mirror is well, what to do if not, what it serves, and how that was proven',
    )
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      `
The first line is the verdict. Below it, each problem comes with the command to type next.

  well       nothing to do
  attention  a version was refused, a database is pinned or damaged, upstream is cooling down, a foreign file is served ...
  stale      upstream was last checked with success more than --max-age hours ago
  first run  nothing was ever published

It changes nothing. Run it as the user that syncs: it also reads the work folder, which is closed to others.

Exit codes: 0 well, 1 anything else, or the store cannot be read.

Examples:
  clamav-mirror status --store /srv/clamav
  clamav-mirror status --store /srv/clamav --json | jq -r .verdict`,
    )
    .action(async (flags) => {
      const { status } = await import('../status.ts');
      return await end(status(await settingsFrom('status', flags), flags.json === true));
    });
}

export function addAlert(program: Command): void {
  command(program, 'alert')
    .description('send a test to each address of --alert, and say which took it')
    .option('--json', 'print one JSON array of {alert, kind, error} instead of text')
    .addHelpText(
      'after',
      `
Addresses are secrets: other accounts of this machine can read the arguments of a command, so give them in the variable
${variableOf('alert')}, one in a line. Nothing of an address is printed but its kind. At PagerDuty the test is a change,
which pages nobody. All addresses have ten seconds together.

Exit codes: 0 each address took the test, 1 one did not, 2 wrong usage.

Example:
  ${variableOf('alert')}=https://hooks.slack.com/services/T000/B000/XXXX clamav-mirror alert`,
    )
    .action(async (flags) => {
      const { alert } = await import('../alert.ts');
      return await end(alert(await settingsFrom('alert', flags), flags.json === true));
    });
}
