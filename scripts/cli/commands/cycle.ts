import type { Command } from 'commander';
import { command, end, settingsFrom } from './command.ts';

export function addSync(program: Command): void {
  command(program, 'sync')
    .description('run one cycle: survey, acquire, prove, publish, read back')
    .option('--json', 'print one JSON object about the cycle instead of text')
    .addHelpText(
      'after',
      `
The five steps:
  survey     compare what is published with what upstream offers; if nothing is new, end here
  acquire    rebuild each new database from CDIFFs, else download it; check every signature
  prove      let real ClamAV update from the new mirror and scan with it
  publish    write the files to the store, the manifest last
  read back  fetch from --public-url what clients get, and compare it with what was proven

It prints one line for each database. --verbose prints every detail; proof.txt in the store holds the proof. For cron,
which mails whatever is printed, use --quiet. Without a terminal, each line begins with its time.

--wait-for is for those who are told that a version is out, as by the webhook of another mirror. It looks for that
version, at first after a minute and then less and less often, and runs the cycle once upstream has it, or time is over.

Exit codes:
  0  published, or nothing to do; with --wait-for: that version or a later one is published
  1  failed: no network, no engine, a full disk, a cool-down ...; the published mirror stays as it was
  2  wrong usage
  3  refused: a database that upstream offers could not be proven, and was not published

Examples:
  clamav-mirror sync --store /srv/clamav
  clamav-mirror sync --upstream http://mirror.example/clamav --databases daily,bytecode
  clamav-mirror sync --upstream http://mirror.example/clamav,https://database.clamav.net
  clamav-mirror sync --wait-for daily:28101 --wait-for-minutes 30
  clamav-mirror sync --store /srv/clamav --extra own.ndb=https://feeds.example/own.ndb
  clamav-mirror sync --store s3://our-bucket/clamav --public-url https://clamav.example
  clamav-mirror sync --engines native,docker:docker.io/clamav/clamav:1.4 --clean-samples ./our-files
  clamav-mirror sync --store /srv/clamav --adopt ~/.cvdupdate/database
  clamav-mirror sync --accept "Talos moved a million signatures from daily to main"
  clamav-mirror sync --json | jq .outcome`,
    )
    .action(async (flags) => {
      const { sync } = await import('../sync.ts');
      return await end(sync(await settingsFrom('sync', flags), flags.json === true));
    });
}

export function addRollback(program: Command): void {
  command(program, 'rollback')
    .description('publish an earlier version of a database again, and pin it there')
    .option('--json', 'print one JSON object about the result instead of text')
    .addHelpText(
      'after',
      `
The earlier CVD comes from the archive. It is proven again, together with the other databases, before it is published.
The database then stays at this version, whatever upstream offers, until you release it. Clients that already have the
newer version keep it: freshclam never goes back.

Exit codes: 0 rolled back, 1 failed, 2 wrong usage, 3 the earlier version could not be proven.

Example:
  clamav-mirror rollback --database daily --to 28000 --reason "28001 flags our own installer"
  clamav-mirror release --database daily`,
    )
    .action(async (flags) => {
      const { rollback } = await import('../rollback.ts');
      return await end(rollback(await settingsFrom('rollback', flags), flags.json === true));
    });
}

export function addRelease(program: Command): void {
  command(program, 'release')
    .description('unpin a database that was rolled back: the next sync may update it')
    .option('--json', 'print one JSON object about the result instead of text')
    .action(async (flags) => {
      const { release } = await import('../rollback.ts');
      return await end(release(await settingsFrom('release', flags), flags.json === true));
    });
}
