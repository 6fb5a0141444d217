import { SILENT } from '../../scripts/base/log.ts';
import { readPublished } from '../../scripts/mirror/published.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { keepCompiled } from '../../scripts/wiring/compile-cache.ts';
import { report } from './support.ts';

/** Writes the face of a mirror once, in a process that has not loaded its code yet, and then again and again. */
keepCompiled();
const { folder, facts, times } = JSON.parse(process.argv[2] ?? '');
const now = new Date(facts.now);
const store = new FolderStore(folder);
const published = await readPublished(store);

await report(async () => {
  const milliseconds: number[] = [];
  for (let time = 0; time < times; time++) {
    const begun = performance.now();
    await tell();
    milliseconds.push(performance.now() - begun);
  }
  return { milliseconds };
});

async function tell(): Promise<void> {
  const { openFace, facePages } = await import('../../scripts/page/face.ts');
  const face = await openFace(store, published.listing, { now, log: SILENT });
  await using publication = await store.begin(published.tag);
  for (const [name, text] of facePages(face, { ...facts, now })) await publication.write(name, text);
  await publication.commit();
}
