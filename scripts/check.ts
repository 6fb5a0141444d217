import { appendFile } from 'node:fs/promises';
import { outliveReaders, print } from './base/log.ts';
import { plain } from './notify/escape.ts';
import { quickCheck } from './watch/quick-check.ts';
import { checkSettings } from './watch/quick-check-settings.ts';
import { takeNetwork } from './watch/quick-network.ts';
import { EXIT } from './wiring/exit-code.ts';

/**
 * First job of the workflow: tells whether a cycle has anything to do, whether that needs engines, and whether an issue is
 * open that it may close. It needs Node alone, no package and no container, so a run without a new version costs seconds.
 * Wiring only.
 */
outliveReaders();
const settings = checkSettings();
takeNetwork(settings.network);
const { needed, proof, issue, ping, reason } = await quickCheck(settings, new Date());
print(process.stdout, [`${needed ? 'A cycle is needed' : 'Nothing to do'}: ${reason}`]);
const outputs: Record<string, string> = { needed: `${needed}`, proof: `${proof}`, issue: `${issue}` };
const lines = needed ? [] : [`✅ Nothing to do: ${plain(reason)}`];
const tell = (line: string, mark: string) => {
  print(process.stdout, [line]);
  lines.push(`${mark} ${plain(line)}`);
};
if (needed) {
  const { checkImages, withoutImages } = await import('./watch/check-images.ts');
  const images = proof ? await checkImages(settings, new Date()) : withoutImages(new Date());
  Object.assign(outputs, images.outputs);
  for (const line of images.lines) tell(line, '⚠️');
  if (!images.valid) process.exitCode = EXIT.failed;
}
if (ping && settings.healthcheck !== undefined) {
  const { pingBy } = await import('./http/ping.ts');
  const problem = await pingBy(fetch, settings.healthcheck.url, { verified: true, text: reason });
  tell(problem ?? 'the healthcheck was pinged', problem === undefined ? '✅' : '⚠️');
}
if (settings.output !== undefined) {
  const rows = Object.entries(outputs).map(([name, value]) => `${name}=${value}\n`);
  await appendFile(settings.output, rows.join(''));
}
if (settings.summary !== undefined && lines.length > 0)
  await appendFile(settings.summary, `${lines.join('\n\n')}\n`);
