#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { explain } from './base/errors.ts';
import { outliveReaders, print, streamLog } from './base/log.ts';
import { play } from './cli/demo.ts';
import { isUnattended, programs } from './settings/environment.ts';
import { confirm } from './setup/confirm.ts';
import { ensureClamav } from './setup/install-clamav.ts';
import { DEFAULT_CACHE, ensureOfficial } from './setup/official-files.ts';

const HELP = `npm run demo [-- --yes] [-- --keep]

Shows all that clamav-mirror does, on this machine alone: with databases that Talos signed, real ClamAV, an upstream on
loopback, three cycles, real clients, EICAR, a false alarm that is allowed, and a forged database that is refused.

  --yes    install what is missing (ClamAV, by apt-get) without asking
  --keep   keep the mirror running at the end, until Ctrl-C
`;

outliveReaders();
const log = streamLog(process.stdout);
try {
  const { values } = parseArgs({
    options: { yes: { type: 'boolean' }, keep: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) {
    print(process.stdout, HELP.trimEnd().split('\n'));
  } else {
    const unattended = values.yes === true || isUnattended();
    const { path, environment } = programs();
    const places = { path, environment: environment.services };
    await ensureClamav({
      ...places,
      daemon: true,
      log: log.info,
      ask: async (question) => unattended || (await confirm(question)),
    });
    const official = await ensureOfficial(DEFAULT_CACHE, { ...places, log: log.info });
    await play({ official, path, keep: values.keep === true, log });
  }
} catch (error) {
  print(process.stderr, [`demo: ${explain(error)}`]);
  process.exitCode = 1;
}
