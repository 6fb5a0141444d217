import { randomUUID } from 'node:crypto';
import { TEST_OBJECT_BYTES } from '../../base/limits/store.ts';
import { PRIVATE_FOLDER } from '../file-name.ts';
import { StoreError } from '../store.ts';
import type { Attributes, Bucket, Condition, ObjectHead, ObjectText } from './bucket.ts';

/** Folder of the test objects. Earlier versions of this program look for their leftovers by this name. */
export const TEST_OBJECTS = `${PRIVATE_FOLDER}/trial/` as const;
/** Age from which a test object counts as left behind: a test takes seconds. */
const OLD_TEST_OBJECT_MS = 3_600_000;

/** Conditions of a PUT that a store keeps. Vendors refuse or ignore conditions that they do not know. */
export interface Abilities {
  /** `If-None-Match: *`: creates an object only if there is none. */
  readonly create: boolean;
  /** `If-Match`: replaces an object only if it is the one with this tag, with or without its quotes. */
  readonly replace: 'quoted' | 'bare' | false;
}

/** Condition that an object still has this tag, or `undefined` if the store does not keep it. */
export function unchanged(tag: string, { replace }: Abilities): Condition | undefined {
  if (replace === false) return undefined;
  return { IfMatch: replace === 'quoted' ? tag : bare(tag) };
}

const known = new Map<string, Promise<Abilities>>();

/**
 * Finds the abilities of a bucket by writing test objects with these attributes. Asks once for each bucket in the life
 * of this process.
 */
export async function abilitiesOf(bucket: Bucket, attributes: Attributes): Promise<Abilities> {
  const key = `${bucket.settings.endpoint ?? ''} ${bucket.where}`;
  const found = known.get(key) ?? tryOut(bucket, attributes);
  known.set(key, found);
  return await found.catch((error) => {
    known.delete(key);
    throw error;
  });
}

/** Describes the abilities to an operator, in sentences. */
export function describeAbilities({ create, replace }: Abilities): string[] {
  const lost = [
    ...(create
      ? []
      : [
          'No If-None-Match: two runs that start within two seconds can both take the lease. The first to notice stops before it publishes.',
        ]),
    ...(replace === false
      ? [
          'No If-Match: a run that is suspended for longer than its lease, between its last check and its last write, can replace a newer manifest with an older one.',
        ]
      : []),
  ];
  if (lost.length === 0)
    return [
      'It keeps conditions. If two runs publish at once, one succeeds and the other stops without harm.',
    ];
  return [...lost, 'Let only one machine publish here, for example one workflow with a concurrency group.'];
}

/** Removes the test objects of killed runs. */
export async function removeOldTestObjects(bucket: Bucket): Promise<void> {
  for (const { name, modified } of await bucket.list(TEST_OBJECTS)) {
    if (bucket.now() - modified > OLD_TEST_OBJECT_MS) await bucket.remove(name);
  }
}

async function tryOut(bucket: Bucket, attributes: Attributes): Promise<Abilities> {
  const tried = [
    withTestObject(bucket, attributes, tryToCreate),
    withTestObject(bucket, attributes, tryToReplace),
    withTestObject(bucket, attributes, (object) => requireTrue(object, bucket.where)),
  ] as const;
  await Promise.allSettled(tried);
  const [create, replace] = await Promise.all(tried);
  return { create, replace };
}

/** One test object. */
interface TestObject {
  head(): Promise<ObjectHead | undefined>;
  read(): Promise<ObjectText | undefined>;
  write(text: string): Promise<string | undefined>;
  /** Writes under a condition. `undefined` if the condition does not hold, `unknown` if the store does not know it. */
  attempt(text: string, condition: Condition): Promise<string | undefined>;
}

async function withTestObject<T>(
  bucket: Bucket,
  attributes: Attributes,
  look: (object: TestObject) => Promise<T>,
): Promise<T> {
  const name = `${TEST_OBJECTS}${randomUUID()}`;
  try {
    return await look({
      head: () => bucket.head(name),
      read: () => bucket.read(name, TEST_OBJECT_BYTES),
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

async function tryToCreate({ head, attempt }: TestObject): Promise<Abilities['create']> {
  const ABSENT = { IfNoneMatch: '*' } as const;
  await attempt('first', ABSENT); // a lost answer makes the SDK try again, and this second attempt is refused
  return (await head()) !== undefined && (await attempt('second', ABSENT)) === undefined;
}

/**
 * Requires that readers and writers see the same content and the same tag. The manifest is replaced under the tag with
 * which it was read, so a gateway that changes tags breaks publication. Throws `store/gateway`.
 */
async function requireTrue({ write, head, read }: TestObject, where: string): Promise<void> {
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
      'Nothing was published. A proxy or gateway in front of the bucket changes its answers, for example by compressing them. Turn that off, or connect to the bucket directly',
  });
}

async function tryToReplace({ head, write, attempt }: TestObject): Promise<Abilities['replace']> {
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

/** True if the store refused a header that it does not know. */
function isUnknown(error: unknown): boolean {
  return (
    error instanceof StoreError && error.code === 'store/failed' && / HTTP (400|405|501)/.test(error.message)
  );
}
