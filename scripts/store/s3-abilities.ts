import { randomUUID } from 'node:crypto';
import type { Bucket, Condition } from './s3-bucket.ts';
import { StoreError } from './store.ts';
import { PRIVATE_FOLDER } from './store-name.ts';

/** Where objects are tried out; one of a run that was killed goes when it is old. */
export const TRIALS = `${PRIVATE_FOLDER}/trial/` as const;

/** What a store does with the conditions of a PUT. Vendors refuse or ignore what they do not know. */
export interface Abilities {
  /** `If-None-Match: *`: makes an object only if there is none. */
  readonly create: boolean;
  /** `If-Match`: replaces an object only if it is the one with this tag, with or without its quotes. */
  readonly replace: 'quoted' | 'bare' | false;
}

/** The condition that an object still has this tag; `undefined` if the store knows no such condition. */
export function unchanged(tag: string, { replace }: Abilities): Condition | undefined {
  if (replace === false) return undefined;
  return { IfMatch: replace === 'quoted' ? tag : bare(tag) };
}

const known = new Map<string, Promise<Abilities>>();

/** Finds out, by one object that nobody else uses; once for each bucket in the life of this process. */
export async function abilitiesOf(bucket: Bucket): Promise<Abilities> {
  const key = `${bucket.settings.endpoint ?? ''} ${bucket.where}`;
  const found = known.get(key) ?? tryOut(bucket);
  known.set(key, found);
  return await found.catch((error) => {
    known.delete(key);
    throw error;
  });
}

/** What an operator should know, in sentences. */
export function describeAbilities({ create, replace }: Abilities): string[] {
  const lost = [
    ...(create
      ? []
      : [
          'It makes no object under the condition that there is none: of two runs that begin within the same two seconds, both may believe to be the only one, until the first notices that its lease is gone.',
        ]),
    ...(replace === false
      ? [
          'It replaces no object under the condition that it is unchanged: a run that was stopped for longer than its lease, just between its last look and its last write, can put an older manifest over a newer one.',
        ]
      : []),
  ];
  if (lost.length === 0) return ['It keeps conditions: of two publications one wins, the other stops clean.'];
  return [...lost, 'Let only one machine publish to it, as one workflow with a concurrency group does.'];
}

async function tryOut(bucket: Bucket): Promise<Abilities> {
  const name = `${TRIALS}${randomUUID()}`;
  const attempt = async (text: string, condition: Condition) => {
    try {
      return await bucket.write(name, text, {}, condition);
    } catch (error) {
      if (isUnknown(error)) return 'unknown';
      throw error;
    }
  };
  const ABSENT = { IfNoneMatch: '*' } as const;
  try {
    await attempt('first', ABSENT); // refused by a second attempt at it, if the first one's answer was lost
    const first = await bucket.head(name);
    const create = first !== undefined && (await attempt('second', ABSENT)) === undefined;
    const tag = (await bucket.write(name, 'third', {})) || (await bucket.head(name))?.tag || '';
    const other = `"${'0'.repeat(32)}"`;
    for (const replace of ['quoted', 'bare'] as const) {
      const is = (text: string) => ({ IfMatch: replace === 'quoted' ? text : bare(text) });
      if ((await attempt('fourth', is(other))) !== undefined) break;
      const fourth = await attempt('fifth', is(tag));
      if (fourth !== undefined && fourth !== 'unknown') return { create, replace };
    }
    return { create, replace: false };
  } finally {
    await bucket.remove(name);
  }
}

function bare(tag: string): string {
  return tag.replaceAll('"', '');
}

/** The store refuses a header that it does not know. */
function isUnknown(error: unknown): boolean {
  return (
    error instanceof StoreError && error.code === 'store/failed' && / HTTP (400|405|501)/.test(error.message)
  );
}
