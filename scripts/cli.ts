#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { codeOf, explain } from './base/errors.ts';
import { endProgress, outliveReaders, print } from './base/log.ts';
import { VERSION } from './base/version.ts';
import { addAllow, addDisallow } from './cli/commands/allow.ts';
import { addBundle } from './cli/commands/bundle.ts';
import { addClient, addClientConfig } from './cli/commands/clients.ts';
import { addConfig } from './cli/commands/config.ts';
import { addRelease, addRollback, addSync } from './cli/commands/cycle.ts';
import { addInspect, addRebuild, addVerify } from './cli/commands/files.ts';
import { addAlert, addDoctor, addStatus } from './cli/commands/health.ts';
import { addProbe, addWatch } from './cli/commands/outside.ts';
import { addRun, addServe } from './cli/commands/serving.ts';
import { addChanges, addWhen } from './cli/commands/signatures.ts';
import { addStats } from './cli/commands/stats.ts';
import { userFolder } from './settings/environment.ts';
import { variableOf } from './settings/read.ts';
import { keepCompiled } from './wiring/compile-cache.ts';
import { EXIT, exitFor } from './wiring/exit-code.ts';

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

/** Commands in the order in which the help lists them. */
const commands = [
  addSync,
  addDoctor,
  addRollback,
  addRelease,
  addAllow,
  addDisallow,
  addStatus,
  addChanges,
  addWhen,
  addServe,
  addRun,
  addStats,
  addProbe,
  addWatch,
  addClient,
  addClientConfig,
  addVerify,
  addBundle,
  addConfig,
  addRebuild,
  addInspect,
  addAlert,
];
for (const add of commands) add(program);

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
