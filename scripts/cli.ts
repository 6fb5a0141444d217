#!/usr/bin/env node
import { Command, CommanderError, Option as Flag } from 'commander';
import { codeOf, explain } from './base/errors.ts';
import { endProgress, outliveReaders, print } from './base/log.ts';
import { VERSION } from './base/version.ts';
import { COMMANDS, type CommandName, optionsByName } from './settings/commands/commands.ts';
import { withConfig } from './settings/config/config.ts';
import { CONFIG_OPTION } from './settings/config/option.ts';
import { given, userFolder } from './settings/environment.ts';
import { formOf } from './settings/form.ts';
import { helpOf, type Option } from './settings/option.ts';
import { type Given, variableOf } from './settings/read.ts';
import { strangeVariables } from './settings/unknown.ts';
import { keepCompiled } from './wiring/compile-cache.ts';
import { EXIT, exitFor, type Verdict } from './wiring/exit-code.ts';

keepCompiled();
outliveReaders();
process.on('exit', endProgress);

/** Entry for a terminal: `npm run -s clamav-mirror -- <command>`. Wiring only; each command loads what it needs. */
const program = new Command('clamav-mirror')
  .description(
    'A private ClamAV mirror: fetches what ClamAV published, proves it with real ClamAV, and publishes what passed.',
  )
  .version(VERSION)
  .showHelpAfterError('(add --help to see all commands and options)')
  .exitOverride()
  .configureOutput({
    writeOut: (text) => print(process.stdout, text.trimEnd().split('\n')),
    writeErr: (text) => print(process.stderr, text.trimEnd().split('\n')),
  })
  .addHelpText(
    'after',
    `
Start with:
  clamav-mirror doctor                        check this machine, and say what to type next
  clamav-mirror sync                          mirror main, daily and bytecode into ./mirror
  clamav-mirror serve --address 0.0.0.0       serve ./mirror to freshclam clients
In the freshclam.conf of a client:
  DatabaseMirror http://<this machine>:8080

Every option can also be set by a variable, --max-size by ${variableOf('max-size')}, in which switches take true or false,
or in the settings file. A flag counts more than a variable, and that more than the file. "clamav-mirror config" shows what
holds, and its --help how to write the file.`,
  );

command('sync')
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
  clamav-mirror sync --store s3://our-bucket/clamav --public-url https://clamav.example
  clamav-mirror sync --engines native,docker:docker.io/clamav/clamav:1.4 --clean-samples ./our-files
  clamav-mirror sync --store /srv/clamav --adopt ~/.cvdupdate/database
  clamav-mirror sync --accept "Talos moved a million signatures from daily to main"
  clamav-mirror sync --json | jq .outcome`,
  )
  .action(async (flags) => {
    const { sync } = await import('./cli/sync.ts');
    return await end(sync(await settingsFrom('sync', flags), flags.json === true));
  });

command('doctor')
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
    const { doctor } = await import('./cli/doctor.ts');
    return await end(doctor(await settingsFrom('doctor', flags), flags.json === true));
  });

command('rollback')
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
    const { rollback } = await import('./cli/rollback.ts');
    return await end(rollback(await settingsFrom('rollback', flags), flags.json === true));
  });

command('release')
  .description('unpin a database that was rolled back: the next sync may update it')
  .option('--json', 'print one JSON object about the result instead of text')
  .action(async (flags) => {
    const { release } = await import('./cli/rollback.ts');
    return await end(release(await settingsFrom('release', flags), flags.json === true));
  });

command('status')
  .description('show whether the mirror is well, what to do if not, what it serves, and how that was proven')
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
    const { status } = await import('./cli/status.ts');
    return await end(status(await settingsFrom('status', flags), flags.json === true));
  });

command('serve')
  .description('serve a published mirror over HTTP until interrupted')
  .option('--json', 'print one JSON object per request instead of text')
  .addHelpText(
    'after',
    `
It serves what sync published. It answers Range requests, so a client's version check costs 512 bytes. For many clients,
point nginx, lighttpd or Caddy at the same folder instead.

Example:
  clamav-mirror serve --store /srv/clamav --address 0.0.0.0 --port 80`,
  )
  .action(async (flags) => {
    const { serve } = await import('./cli/serve.ts');
    return await end(serve(await settingsFrom('serve', flags), flags.json === true));
  });

command('run')
  .description('serve a mirror and keep it up to date, in one process that runs until it is told to end')
  .option('--json', 'print one JSON object per event instead of text')
  .addHelpText(
    'after',
    `
It serves the store as serve does, and syncs as sync does: once at the start, then about every --every minutes, while it
serves. A cycle runs in a process of its own, so that one that dies takes nothing along. It takes the options of sync,
but not those for one cycle: for --accept, --retry and --resync, run sync beside it. A bucket (s3://) is kept up to date
and not served.

To ask for a cycle now, send SIGHUP, or, with --socket, POST /sync. SIGTERM and Ctrl-C end it within ten seconds: a
cycle that is under way is broken off, and what is published stays whole.

On the admin address:
  /healthz   200 while it lives
  /readyz    200 if it serves a whole, proven set, and the last good check of upstream is not older than --max-age
  /metrics   for Prometheus: what metrics.prom says, and cycles, the last exit, the next start, requests

It prints one line for each cycle. --verbose prints requests and every detail, --quiet only news, warnings and errors.

Exit codes: 0 told to end, 1 it could not start (a port is taken, another one keeps this mirror ...), 2 wrong usage.

Examples:
  clamav-mirror run --store /srv/clamav --address 0.0.0.0 --port 80
  clamav-mirror run --store /srv/clamav --every 30 --socket /run/clamav-mirror/socket --json
  curl --unix-socket /run/clamav-mirror/socket --request POST http://localhost/sync`,
  )
  .action(async (flags) => {
    const { run } = await import('./cli/run.ts');
    return await end(run(await settingsFrom('run', flags), flags.json === true));
  });

command('probe')
  .argument('<url>', 'a mirror, as clients have it in DatabaseMirror')
  .description('check any mirror from outside: show what breaks a client, and what to do about it')
  .option('--json', 'print one JSON object instead of a table')
  .addHelpText(
    'after',
    `
It only reads: a few hundred kilobytes, in about 30 requests for each database and one for each CDIFF. --full and
--client download everything.

Exit codes: 0 fit for clients, perhaps with warnings; 1 something breaks a client, or the mirror cannot be reached.

Examples:
  clamav-mirror probe http://mirror.example:8080
  clamav-mirror probe https://mirror.example/clamav --databases daily --dns off --json | jq .verdict`,
  )
  .action(async (url: string, flags) => {
    const { probe } = await import('./cli/probe.ts');
    return await end(probe(url, await settingsFrom('probe', flags), flags.json === true));
  });

command('watch')
  .argument('<url>', 'a mirror, as clients have it in DatabaseMirror')
  .description(
    'check with real clients that a published mirror is well and up to date; for cron or a monitor',
  )
  .option('--json', 'print one JSON object instead of a table')
  .addHelpText(
    'after',
    `
It runs the checks of probe. Then real clients download everything from the mirror and scan with it. It also checks the
age of the mirror: how far it is behind upstream, when it was last checked, and for how long the .sign of a CVD has been
missing.

Exit codes: 0 well, perhaps with warnings; 1 something breaks a client, the mirror is stale, or it cannot be reached.

Example:
  clamav-mirror watch https://clamav.example --warn-after 24 --fail-after 48`,
  )
  .action(async (url: string, flags) => {
    const { watch } = await import('./cli/watch.ts');
    return await end(watch(url, await settingsFrom('watch', flags), flags.json === true));
  });

command('client')
  .argument('<url>', 'a mirror, as clients have it in DatabaseMirror')
  .description('update a database folder from a mirror with a real freshclam, and write its freshclam.conf')
  .option('--json', 'print one JSON object about the result instead of text')
  .addHelpText(
    'after',
    `
For jobs that scan. Keep the folder in a cache, and a job downloads only CDIFFs from the mirror, and nothing from
ClamAV's own servers. Databases are kept, whichever ClamAV version wrote them, if what ClamAV loads of them is proven.
Everything else in the folder is removed.

At the end the engine must find EICAR with the databases. That loads them once: about 20 seconds and 1.5 GB for main and
daily. It is skipped if nothing is new and there is no .cld, which nobody signs as a whole.

Exit codes: 0 the folder has what the mirror has, 1 it has not, or the mirror is stale.

Example:
  clamav-mirror client https://clamav.example --into ./clamav && clamscan --database ./clamav .`,
  )
  .action(async (url: string, flags) => {
    const { client } = await import('./cli/client.ts');
    return await end(client(url, await settingsFrom('client', flags), flags.json === true));
  });

command('client-config')
  .argument('<urls...>', 'mirrors in the order in which clients try them, as DatabaseMirror has them')
  .description('print freshclam.conf and clamd.conf for clients of a mirror, and what they cost it')
  .option('--json', 'print one JSON object instead of text')
  .addHelpText(
    'after',
    `
Each file replaces the whole file of its name. The first mirror is asked which databases it has; without an answer, or
with --offline, clients ask for those that ClamAV asks for. The figures are measured with real clients.

Passwords are not printed: PASSWORD stands for them. --into writes them, to files that only you can read, and says how
to put each file into its place.

Exit codes: 0 printed or written, also where no mirror could be asked, which a warning says; 1 a file could not be
written, or something was given that no configuration can hold; 2 wrong usage.

Examples:
  clamav-mirror client-config http://mirror.example:8080 --for debian
  clamav-mirror client-config http://one.example http://two.example --for kubernetes --into ./clamav
  CLAMAV_MIRROR_CLIENT_PROXY=http://me:secret@proxy.example:3128 \\
    clamav-mirror client-config https://mirror.example --for redhat --into ./clamav
  clamav-mirror client-config http://mirror.example --for docker --fips --oldest 1.5 --json | jq -r '.files[0].text'`,
  )
  .action(async (urls: string[], flags) => {
    const { clientConfig } = await import('./cli/client-config.ts');
    return await end(clientConfig(urls, await settingsFrom('client-config', flags), flags.json === true));
  });

command('verify')
  .argument(
    '[paths...]',
    'files, folders with a published mirror, or s3://bucket/prefix (default: the store of the settings, else ./mirror)',
  )
  .description('prove CVD, CLD, CDIFF and .sign files, or a whole published mirror')
  .option('--database <name>', 'the database that the files must belong to, where their names do not say it')
  .option('--json', 'print one JSON object about everything that was checked')
  .addHelpText(
    'after',
    `
A CVD is proven by its header's signature and MD5, the signature of its .info, and the hash of each file inside.
A CDIFF is proven by its signature, a .sign file by its certificates and the file beside it that it signs. A CLD, which
freshclam makes of a CVD and CDIFFs, has no signature over the whole: the signature of its .info is checked, and the
hash of each file that ClamAV loads. A published mirror must also match its manifest.

Exit codes: 0 all proven, 1 a file could not be read, 3 something could not be proven.

A bucket is downloaded whole, to a temporary folder.

Examples:
  clamav-mirror verify /srv/clamav
  clamav-mirror verify s3://our-bucket/clamav
  clamav-mirror verify daily.cvd daily-28001.cdiff`,
  )
  .action(async (paths: string[], flags) => {
    const { verify } = await import('./cli/files/verify.ts');
    return await end(
      verify(paths, {
        database: flags.database,
        given: await settingsFrom('verify', flags),
        json: flags.json === true,
      }),
    );
  });

const bundle = program
  .command('bundle')
  .description('carry the mirror to a network without internet: export on one side, import on the other');

command('export', bundle)
  .description('write what the other side lacks into one file')
  .option('--json', 'print one JSON object about the bundle instead of text')
  .addHelpText(
    'after',
    `
The first bundle holds everything. Each later one goes on where the last export ended: CDIFFs, .sign files and the first
522 bytes of each CVD, from which the other side rebuilds the CVDs of Talos, bit for bit. A bundle is a tar with a list of
its contents. Nobody has to trust it, nor who carries it: the import verifies every signature again.

The note of the last export is exported.json in the work folder. With --since it is neither used nor changed.

Exit codes: 0 written, 1 failed, 2 wrong usage.

Examples:
  clamav-mirror bundle export --store /srv/clamav --to /media/usb/clamav-$(date +%F).tar
  clamav-mirror bundle export --store /srv/clamav --to week.tar --since 2026-11-21 --split 25
  clamav-mirror bundle export --store /srv/clamav --to all.tar --since nothing`,
  )
  .action(async (flags) => {
    const { exportTo } = await import('./cli/bundle.ts');
    return await end(exportTo(await settingsFrom('export', flags), flags.json === true));
  });

command('import', bundle)
  .argument('<files...>', 'bundles and their pieces, in any order')
  .description('run one cycle with what bundles bring, without any network')
  .option('--json', 'print one JSON object about the cycle instead of text')
  .addHelpText(
    'after',
    `
It is a cycle like that of sync, with bundles in the place of upstream: CVDs are rebuilt, each signature is verified, the
engines here prove the result, and it is published. Nothing is taken of any bundle if one is damaged, or if something
between the store and the bundles is missing. A bundle that brings nothing new is told, and is no error.

Exit codes: 0 imported, or nothing to do; 1 failed, or something is missing; 2 wrong usage; 3 refused: a bundle is damaged,
or a database could not be proven.

Examples:
  clamav-mirror bundle import /media/usb/clamav-2026-11-28.tar --store /srv/clamav
  clamav-mirror bundle import week.tar.* --store /srv/clamav`,
  )
  .action(async (files: string[], flags) => {
    const { importFrom } = await import('./cli/bundle.ts');
    return await end(importFrom(files, await settingsFrom('import', flags), flags.json === true));
  });

const config = program
  .command('config')
  .argument('[command]', 'the command that the settings are for', 'sync')
  .description('show the settings that hold for a command, and where each comes from')
  .option('--json', 'print one JSON object instead of text')
  .addOption(flagOf(CONFIG_OPTION))
  .addHelpText(
    'after',
    `
A setting comes from a flag, else its variable, else the settings file, else it is the default. The file has the options
of every command, and objects with options for one command alone:
  {
    "store": "/srv/clamav",                      // relative paths start from the folder of the file
    "databases": ["main", "daily", "bytecode"],
    "cdiffs": 60,
    "serve": { "address": "0.0.0.0" },
  }
It is the file that --config or ${variableOf('config')} names, else ~/.config/clamav-mirror.json, else
/etc/clamav-mirror.json. None is read from the folder you are in, which may be a stranger's that you are about to scan.
Nobody but you and root may be able to write to it. site/clamav-mirror.schema.json describes every key, for editors.

Give it flags too, to see what they change. Secrets are not shown.

Exit codes: 0 the settings are right, 2 something is wrong with them; the error says where.

Examples:
  clamav-mirror config
  clamav-mirror config serve --port 80
  clamav-mirror config --json | jq '.settings[] | select(.source != "default")'`,
  )
  .action(async (name: string, { json, ...flags }) => {
    const { config: show } = await import('./cli/config.ts');
    show(name, await settingsFrom(name, flags), json === true);
  });
for (const [option] of optionsByName().values())
  if (option !== undefined) config.addOption(flagOf(option).hideHelp());

program
  .command('rebuild')
  .description('rebuild an official CVD, bit for bit, from an earlier one and CDIFFs')
  .requiredOption('--from <cvd>', 'the earlier CVD')
  .requiredOption('--cdiff <files...>', 'the CDIFFs of all later versions, in any order')
  .requiredOption(
    '--header <file|url>',
    'the first 522 (or 512) bytes of the new CVD, or its URL to fetch them from',
  )
  .requiredOption('--output <cvd>', 'path of the new CVD; the file appears once it is proven')
  .option('--json', 'print one JSON object about the result instead of text')
  .addHelpText(
    'after',
    `
The CDIFFs hold what changed. The header holds the signature, which only Talos can make. The result is the file that
Talos signed, bit for bit, or nothing.

Exit codes: 0 rebuilt, 1 failed, 3 the CVD and the CDIFFs do not lead to the CVD that the header signs.

Example:
  clamav-mirror rebuild --from daily.cvd --cdiff daily-28001.cdiff daily-28002.cdiff \\
    --header https://database.clamav.net/daily.cvd --output daily.new.cvd`,
  )
  .action(async (flags) => {
    const { rebuild } = await import('./cli/files/rebuild.ts');
    return await end(rebuild(flags, flags.json === true));
  });

program
  .command('inspect')
  .argument('<files...>', 'CVD, CLD, CDIFF or .sign files')
  .description('show what is inside database files, genuine or not')
  .option('--json', 'print one JSON object for each file')
  .addHelpText(
    'after',
    `
It shows the header and the contents as they are, and says whether they are proven. To decide anything, use verify.
Files in a CLD that ClamAV does not load are marked.

Example:
  clamav-mirror inspect daily.cvd`,
  )
  .action(async (files: string[], flags) => {
    const { inspect } = await import('./cli/files/inspect.ts');
    return await end(inspect(files, flags.json === true));
  });

command('alert')
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
    const { alert } = await import('./cli/alert.ts');
    return await end(alert(await settingsFrom('alert', flags), flags.json === true));
  });

/** Makes a command with its options as flags. */
function command(name: CommandName, parent = program): Command {
  const made = parent.command(name);
  for (const option of [...COMMANDS[name], CONFIG_OPTION]) made.addOption(flagOf(option));
  return made;
}

/** A flag; that of a list may stand several times. */
function flagOf(option: Option): Flag {
  const { name, value } = option;
  const flag = new Flag(value === undefined ? `--${name}` : `--${name} ${value}`, helpOf(option));
  const form = formOf(option);
  if (form.kind !== 'list') return flag;
  return flag.argParser((more, before?: string) =>
    before === undefined ? more : `${before}${form.separator}${more}`,
  );
}

/** What was given for a command: flags by option name, without the camelCase of commander, variables, and the file. */
async function settingsFrom(name: string, flags: Record<string, unknown>): Promise<Given> {
  const entries = Object.entries(flags).flatMap(([key, value]) =>
    typeof value === 'string' || value === true
      ? [[key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), String(value)]]
      : [],
  );
  const all = given(Object.fromEntries(entries));
  for (const warning of strangeVariables(all)) print(process.stderr, [`warning: ${warning}`]);
  return await withConfig(all, name);
}

async function end(verdict: Promise<Verdict>): Promise<void> {
  process.exitCode = EXIT[await verdict];
}

process.chdir(userFolder());
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.good : EXIT.usage;
  } else {
    print(process.stderr, [`clamav-mirror: error (${codeOf(error) ?? 'unexpected'}): ${explain(error)}`]);
    process.exitCode = EXIT[exitFor(error)];
  }
}
