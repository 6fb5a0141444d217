import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HEADER_SIZE, parseHeader } from '../../scripts/cvd/header.ts';
import { cdiffName, cvdName } from '../../scripts/cvd/names.ts';
import { nextManifest } from '../../scripts/cycle/next-manifest.ts';
import { Stage } from '../../scripts/files/stage.ts';
import type { DatabaseRecord, Manifest } from '../../scripts/mirror/manifest.ts';
import { publish } from '../../scripts/mirror/publish.ts';
import { readPublished } from '../../scripts/mirror/published.ts';
import { archiveCopies, fetchRetained, type RetentionContext } from '../../scripts/mirror/retained-cvds.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import type { Store } from '../../scripts/store/store.ts';
import { makeChain } from '../support/databases/chain.ts';
import { signatureLine } from '../support/databases/signatures.ts';
import { testTrust } from '../support/databases/signing.ts';
import { described, manifestOf, temporaryFolder } from './support.ts';

/** Versions 1 to 8 of database `test`, each with a signature more. */
const CHAIN = makeChain(
  'test',
  [1, 2, 3, 4, 5, 6, 7, 8].map((count) => {
    const lines = [...Array(count).keys()].map((id) => signatureLine(0, id));
    return new Map([['test.hdb', Buffer.from(lines.join(''))]]);
  }),
);

export function cvdOf(version: number): Buffer {
  return CHAIN[version - 1]?.cvd ?? NOTHING;
}

const NOTHING = Buffer.alloc(0);

/** The CDIFF that the chain begins with. */
const FIRST = 3;

/** A mirror of `test` that publishes without upstream and engines. */
export interface Archiving<S extends Store = FolderStore> {
  readonly store: S;
  readonly warnings: string[];
  /** Publishes this version as a cycle would, keeping so many earlier ones. */
  publish(version: number, change?: { keep?: number; publishedCvd?: string }): Promise<Manifest>;
  /** What retention works with now. */
  parts(): Promise<RetentionContext>;
}

/** In a folder of its own. */
export function startArchiving(): Archiving {
  return startArchivingIn(new FolderStore(join(temporaryFolder(), 'mirror')));
}

export function startArchivingIn<S extends Store>(store: S, folder = temporaryFolder()): Archiving<S> {
  const warnings: string[] = [];
  const log = { info() {}, warn: (line: string) => warnings.push(line), progress() {} };
  const parts = async (): Promise<RetentionContext> => {
    const [published, stage] = [await readPublished(store), await Stage.create(join(folder, 'run'))];
    return { store, published, stage, trust: testTrust(), log };
  };
  return {
    store,
    warnings,
    parts,
    async publish(version, { keep = 3, publishedCvd } = {}) {
      const retention = await parts();
      const { stage, published } = retention;
      const files = [...Array(version + 1).keys()].slice(FIRST).map((step) => {
        return [cdiffName('test', step), CHAIN[step - 1]?.cdiff ?? NOTHING] as const;
      });
      for (const [name, bytes] of [...files, [cvdName('test'), cvdOf(version)] as const]) {
        await writeFile(stage.incoming(name), bytes);
        const stored = name !== cvdName('test') && published.listing.get(name) === bytes.length;
        await stage.accept({ name, ...described(bytes), stored });
      }
      const record = recordOf(version);
      const updates = [{ database: 'test', record, how: 'rebuilt', isNew: true, publishedCvd } as const];
      const { unusable } = await fetchRetained(updates, retention);
      const copies = await archiveCopies(updates, keep, retention);
      const settings = syncSettings({ flags: { archive: String(keep) }, environment: {} });
      const { proof } = manifestOf({}, {});
      const now = new Date();
      const next = nextManifest({
        settings,
        now,
        published,
        surveys: [],
        updates,
        stage,
        copies,
        unusable,
        proof,
      });
      await publish(store, published.tag, { stage, archive: copies, next });
      return next;
    },
  };
}

/** What a manifest says of a version. */
export function recordOf(version: number): DatabaseRecord {
  const bytes = cvdOf(version);
  const { stime, signatures, fLevel } = parseHeader(bytes.subarray(0, HEADER_SIZE));
  const built = new Date(stime * 1000).toISOString();
  const cdiffs = version < FIRST ? null : { first: FIRST, last: version };
  return { version, built, signatures, fLevel, ...described(bytes), cdiffs, missingCdiffs: [] };
}
