import { randomUUID } from 'node:crypto';
import { TRIAL_BYTES } from '../../base/limits/store.ts';
import { PRIVATE_FOLDER } from '../file-name.ts';
import { StoreError } from '../store.ts';
import type { Attributes, Bucket, Condition, ObjectHead, ObjectText } from './bucket.ts';

/** Where objects are tried out. */
export const TRIALS = `${PRIVATE_FOLDER}/trial/` as const;
/** A trial takes seconds; one of this age was left behind. Milliseconds. */
const OLD_TRIAL = 3_600_000;

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

/** Finds out, by objects with these attributes that nobody else uses; once for each bucket in the life of this process. */
export async function abilitiesOf(bucket: Bucket, attributes: Attributes): Promise<Abilities> {
  const key = `${bucket.settings.endpoint ?? ''} ${bucket.where}`;
  const found = known.get(key) ?? tryOut(bucket, attributes);
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

/** Removes what runs that were killed left behind. */
export async function removeOldTrials(bucket: Bucket): Promise<void> {
  for (const { name, modified } of await bucket.list(TRIALS)) {
    if (bucket.now() - modified > OLD_TRIAL) await bucket.remove(name);
  }
}

async function tryOut(bucket: Bucket, attributes: Attributes): Promise<Abilities> {
  const tried = [
    withTrial(bucket, attributes, tryToCreate),
    withTrial(bucket, attributes, tryToReplace),
    withTrial(bucket, attributes, (trial) => requireTrue(trial, bucket.where)),
  ] as const;
  await Promise.allSettled(tried);
  const [create, replace] = await Promise.all(tried);
  return { create, replace };
}

/** An object to write and look at. */
interface Trial {
  head(): Promise<ObjectHead | undefined>;
  read(): Promise<ObjectText | undefined>;
  write(text: string): Promise<string | undefined>;
  /** `undefined` if the condition does not hold, `unknown` if the store knows none such. */
  attempt(text: string, condition: Condition): Promise<string | undefined>;
}

async function withTrial<T>(
  bucket: Bucket,
  attributes: Attributes,
  look: (trial: Trial) => Promise<T>,
): Promise<T> {
  const name = `${TRIALS}${randomUUID()}`;
  try {
    return await look({
      head: () => bucket.head(name),
      read: () => bucket.read(name, TRIAL_BYTES),
      write: (text) => bucket.write(name, text, attributes),
      attempt: (text, condition) =>
        bucket.write(name, text, attributes, condition).catch((error) => {
          if (isUnknown(error)) return UNKNOWN;
          throw error;
        }),
    });
  } finally {
    await bucket.remove(name);
  }
}

const UNKNOWN = 'unknown';

async function tryToCreate({ head, attempt }: Trial): Promise<Abilities['create']> {
  const ABSENT = { IfNoneMatch: '*' } as const;
  await attempt('first', ABSENT); // refused by a second attempt at it, if the first one's answer was lost
  return (await head()) !== undefined && (await attempt('second', ABSENT)) === undefined;
}

/**
 * The manifest is replaced under the condition that it has the tag with which it was read, so a reader has to be told the
 * tag that a writer is. Throws `store/gateway`.
 */
async function requireTrue({ write, head, read }: Trial, where: string): Promise<void> {
  const TEXT = 'as it is written';
  const written = await write(TEXT);
  const [seen, got] = [await head(), await read()];
  const tags = [written || seen?.tag, seen?.tag, got?.tag];
  if (got?.text === TEXT && new Set(tags).size === 1) return;
  const what =
    got?.text !== TEXT
      ? 'another content than was written'
      : `the tag ${got.tag}, after ${tags[1]} to one who only asks and ${tags[0]} to the writer`;
  throw new StoreError('store/gateway', `a reader of ${where} is given ${what}`, {
    advice:
      'Nothing was published. Something between here and the bucket changes answers, as one that compresses does: let it leave them alone, or publish past it',
  });
}

async function tryToReplace({ head, write, attempt }: Trial): Promise<Abilities['replace']> {
  const tag = (await write('first')) || (await head())?.tag || '';
  const other = `"${'0'.repeat(32)}"`;
  for (const replace of ['quoted', 'bare'] as const) {
    const is = (text: string) => ({ IfMatch: replace === 'quoted' ? text : bare(text) });
    if ((await attempt('second', is(other))) !== undefined) break;
    const third = await attempt('third', is(tag));
    if (third !== undefined && third !== UNKNOWN) return replace;
  }
  return false;
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
