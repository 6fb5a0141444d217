import { appendFile } from 'node:fs/promises';
import { outliveReaders, print } from './base/log.ts';
import { pingBy } from './http/ping.ts';
import { plain } from './notify/escape.ts';
import { quickCheck } from './watch/quick-check.ts';
import { checkSettings } from './watch/quick-check-settings.ts';

/**
 * First job of the workflow: tells whether a cycle has anything to do, whether that needs engines, and whether an issue is
 * open that it may close. It needs Node alone, no package and no container, so a run without a new version costs seconds.
 * Wiring only.
 */
outliveReaders();
const settings = checkSettings();
const { needed, proof, issue, ping, reason } = await quickCheck(settings, new Date());
print(process.stdout, [`${needed ? 'A cycle is needed' : 'Nothing to do'}: ${reason}`]);
if (settings.output !== undefined)
  await appendFile(settings.output, `needed=${needed}\nproof=${proof}\nissue=${issue}\n`);
const lines = needed ? [] : [`✅ Nothing to do: ${plain(reason)}`];
if (ping && settings.healthcheck !== undefined) {
  const problem = await pingBy(fetch, settings.healthcheck.url, { verified: true, text: reason });
  const said = problem ?? 'the healthcheck was pinged';
  print(process.stdout, [said]);
  lines.push(`${problem === undefined ? '✅' : '⚠️'} ${plain(said)}`);
}
if (settings.summary !== undefined && lines.length > 0)
  await appendFile(settings.summary, `${lines.join('\n\n')}\n`);
