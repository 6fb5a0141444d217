import { moment } from '../base/words.ts';
import { plain, table } from '../notify/escape.ts';
import { aboutMirror } from '../settings/action.ts';
import { clientSettings } from '../settings/commands/client.ts';
import { runClient } from '../wiring/run-client.ts';
import type { Prepare } from './action-command.ts';

/** Updates a database folder from a mirror, for a job that scans: it never asks ClamAV's own servers. */
export const client: Prepare = (given) => {
  const settings = aboutMirror(given, (url) => clientSettings(url, given));
  return async ({ log }) => {
    const { url, folder, conf, versions, how, checked } = await runClient(settings, log);
    const rows = Object.entries(versions).map(([name, version]) => [
      plain(name),
      String(version),
      plain(how[name] ?? ''),
    ]);
    return {
      verdict: 'good',
      outputs: {
        outcome: 'updated',
        versions: JSON.stringify(versions),
        'database-folder': folder,
        'freshclam-conf': conf,
      },
      summary: [
        `## ✅ Databases from ${plain(url)}`,
        table(['Database', 'Version', 'How'], rows),
        `The mirror was checked ${checked === null ? 'at a time that it does not tell' : moment(checked)}.`,
        '',
      ].join('\n\n'),
    };
  };
};
