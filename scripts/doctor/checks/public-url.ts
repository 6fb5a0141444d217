import { randomUUID } from 'node:crypto';
import { PUBLIC_URL_MS } from '../../base/limits/doctor.ts';
import { MANIFEST_BYTES } from '../../base/limits/manifest.ts';
import { type Answer, ProbeClient } from '../../probe/http-client.ts';
import { openStore } from '../../store/open.ts';
import { MANIFEST } from '../../store/store.ts';
import type { DoctorContext } from '../context.ts';
import { bad, badBy, good, type Seen, skipped } from '../finding.ts';

/** The public URL serves what the store has published. */
export async function checkPublicUrl({ settings: { sync } }: Pick<DoctorContext, 'settings'>): Promise<Seen> {
  const { publicUrl: url, proxies, userAgent } = sync;
  if (url === undefined) return skipped('none is given by --public-url');
  const store = await openStore(sync.store, { ...sync.s3, attempts: 2 });
  const read = async () => (await store.readManifest())?.text;
  const published = await read().then(
    (text) => ({ text }),
    () => undefined,
  );
  if (published === undefined) return skipped(`not compared: ${sync.store} cannot be read`);
  const { text: before } = published;
  await using client = new ProbeClient({
    url,
    proxies,
    userAgent: userAgent(randomUUID()),
    patience: PUBLIC_URL_MS,
  });
  let answer: Answer;
  try {
    answer = await client.ask(MANIFEST, { keep: MANIFEST_BYTES });
  } catch (error) {
    return badBy(error);
  }
  if (isServed(before, answer)) {
    if (before === undefined) return good(`${url} says ${answer.status}, for nothing is published yet`);
    return good(`${url} serves what is published`);
  }
  if (isServed(await read(), answer)) return good(`${url} serves what was published just now`);
  return fault(url, sync.store, before, answer);
}

function isServed(text: string | undefined, { status, body }: Answer): boolean {
  if (text === undefined) return status === 404 || status === 410;
  return status === 200 && body.toString('utf8') === text;
}

function fault(url: string, store: string, text: string | undefined, { status }: Answer): Seen {
  const look = `curl -si '${url}/${MANIFEST}' | head -n 20`;
  if (status === 403) {
    return bad(
      `${url} answers 403, which keeps clients away for a day`,
      `Let it answer 404 for what is missing, and everybody read the rest (site/hosts): ${look}`,
    );
  }
  if (text === undefined && status === 200)
    return bad(
      `${url} serves a mirror, and nothing is published in ${store}`,
      `Name the store that it serves by --store: ${look}`,
    );
  if (status === 200)
    return bad(
      `${url} serves another ${MANIFEST} than ${store} has`,
      `Let it serve this store, or purge its cache: ${look}`,
    );
  return bad(
    `${url} answers ${status} to ${MANIFEST}`,
    `Let it serve ${store} (site/hosts has configurations): ${look}`,
  );
}
