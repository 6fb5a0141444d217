import { appendFile } from 'node:fs/promises';
import { outliveReaders, print } from './base/log.ts';
import { plain } from './notify/escape.ts';
import { checkImages } from './watch/check-images.ts';
import { quickCheck } from './watch/quick-check.ts';
import { checkSettings } from './watch/quick-check-settings.ts';
import { EXIT } from './wiring/exit-code.ts';

/**
 * First job of the workflow: tells whether a cycle has anything to do. It needs Node alone, no package and no container,
 * so a run without a new version costs seconds. Wiring only.
 */
outliveReaders();
const settings = checkSettings();
const { needed, reason } = await quickCheck(settings, new Date());
print(process.stdout, [`${needed ? 'A cycle is needed' : 'Nothing to do'}: ${reason}`]);
if (settings.output !== undefined) await appendFile(settings.output, `needed=${needed}\n`);
if (needed) {
  const { outputs, lines, valid } = await checkImages(settings, new Date());
  print(process.stdout, lines);
  const rows = Object.entries(outputs).map(([name, value]) => `${name}=${value}\n`);
  if (settings.output !== undefined) await appendFile(settings.output, rows.join(''));
  if (settings.summary !== undefined)
    await appendFile(settings.summary, lines.map((line) => `⚠️ ${plain(line)}\n\n`).join(''));
  if (!valid) process.exitCode = EXIT.failed;
}
if (settings.summary !== undefined && !needed) {
  await appendFile(settings.summary, `✅ Nothing to do: ${plain(reason)}\n`);
}
