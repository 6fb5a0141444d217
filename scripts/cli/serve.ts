import { once } from 'node:events';
import { printJson, printRows, streamLog } from '../base/log.ts';
import { printableJson } from '../base/printable.ts';
import { stamp } from '../base/words.ts';
import { startHost } from '../host/host.ts';
import { RequestLog, requestLine } from '../host/request-log.ts';
import { foreignGuard } from '../mirror/foreign/serve-guard.ts';
import { serveSettings } from '../settings/commands/serve.ts';
import type { Given } from '../settings/read.ts';
import { FolderStore } from '../store/folder.ts';

/** `clamav-mirror serve`: the built-in host, until SIGINT or SIGTERM. */
export async function serve(given: Given, json: boolean): Promise<'good'> {
  const { store, address, port } = serveSettings(given);
  const log = streamLog(process.stdout);
  using requests = new RequestLog((lines) => printRows(process.stdout, lines), {
    waiting: () => process.stdout.writableLength,
    ...(json && { gap: (notLogged) => printableJson({ notLogged }) }),
  });
  const folder = new FolderStore(store);
  await using host = await startHost({
    folder: store,
    address,
    port,
    hides: foreignGuard(folder),
    onRequest: (request) => {
      const now = new Date();
      if (json) {
        const duration = Math.round(request.duration * 10) / 10;
        return requests.add(printableJson({ at: now.toISOString(), ...request, duration }));
      }
      requests.add(`${stamp(now)} ${requestLine(request)}`);
    },
  });
  if (json) printJson(process.stdout, { url: host.url, store }, 0);
  else log.info(`serving ${store} at ${host.url}; in freshclam.conf: DatabaseMirror ${host.url}`);
  if ((await folder.readManifest()) === undefined) {
    streamLog(process.stderr).warn(
      `nothing was ever published in ${store}: clients get 404 until a sync succeeds`,
    );
  }
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  return 'good';
}
