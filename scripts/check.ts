import { appendFile } from 'node:fs/promises';
import { outliveReaders, print } from './base/log.ts';
import { pingBy } from './http/ping.ts';
import { plain } from './notify/escape.ts';
import { checkImages } from './watch/check-images.ts';
import { quickCheck } from './watch/quick-check.ts';
import { checkSettings } from './watch/quick-check-settings.ts';
import { EXIT } from './wiring/exit-code.ts';

/**
 * First job of the workflow: tells whether a cycle has anything to do, whether that needs engines, and whether an issue is
 * open that it may close. It needs Node alone, no package and no container, so a run without a new version costs seconds.
 * Wiring only.
 */
outliveReaders();
const settings = checkSettings();
const { needed, proof, issue, ping, reason } = await quickCheck(settings, new Date());
print(process.stdout, [`${needed ? 'A cycle is needed' : 'Nothing to do'}: ${reason}`]);
const lines = needed ? [] : [`✅ Nothing to do: ${plain(reason)}`];
const rows: Record<string, unknown> = { needed, proof, issue };
if (needed) {
  const images = await checkImages(settings, new Date());
  print(process.stdout, images.lines);
  Object.assign(rows, images.outputs);
  lines.push(...images.lines.map((line) => `⚠️ ${plain(line)}`));
  if (!images.valid) process.exitCode = EXIT.failed;
}
if (ping && settings.healthcheck !== undefined) {
  const problem = await pingBy(fetch, settings.healthcheck.url, { verified: true, text: reason });
  const said = problem ?? 'the healthcheck was pinged';
  print(process.stdout, [said]);
  lines.push(`${problem === undefined ? '✅' : '⚠️'} ${plain(said)}`);
}
if (settings.output !== undefined) {
  const outputs = Object.entries(rows).map(([name, value]) => `${name}=${value}\n`);
  await appendFile(settings.output, outputs.join(''));
}
if (settings.summary !== undefined && lines.length > 0)
  await appendFile(settings.summary, `${lines.join('\n\n')}\n`);
