import { randomUUID } from 'node:crypto';
import { AbortMultipartUploadCommand, CreateMultipartUploadCommand } from '@aws-sdk/client-s3';
import { codeOf } from '../errors.ts';
import { abilitiesOf, describeAbilities, TRIALS } from '../store/s3-abilities.ts';
import { Bucket } from '../store/s3-bucket.ts';
import { storeError } from '../store/s3-errors.ts';
import { privateAttributes } from '../store/s3-publication.ts';
import { s3Settings } from '../store/s3-settings.ts';
import type { DoctorContext } from './context.ts';
import { bad, badBy, good, isBad, type Seen, skipped } from './finding.ts';

/** A look is no run: what does not answer twice is a fault. */
const ATTEMPTS = 2;
/** Bytes of a trial object. */
const LIMIT = 1000;

/** What a publisher must be able to do, and the right that it is by. */
const RIGHTS = {
  list: 's3:ListBucket',
  delete: 's3:DeleteObject',
  put: 's3:PutObject',
  get: 's3:GetObject',
  multipart: 's3:AbortMultipartUpload',
} as const;

/** The bucket takes everything that a publication asks of it, by an object on trial, which is removed. */
export async function checkBucket(context: DoctorContext, signal: AbortSignal): Promise<Seen> {
  const bucket = openBucket(context, signal);
  try {
    return await tryRights(bucket);
  } catch (error) {
    return badBy(error, adviceOn(codeOf(error), bucket));
  }
}

/** Throws what is no lack of a right. */
async function tryRights(bucket: Bucket): Promise<Seen> {
  const denied = new Map<keyof typeof RIGHTS, unknown>();
  const attempt = async (right: keyof typeof RIGHTS, act: () => Promise<unknown>) => {
    await act().catch((error) => {
      if (codeOf(error) !== 'store/denied') throw error;
      denied.set(right, error);
    });
  };
  const name = `${TRIALS}${randomUUID()}`;
  const attributes = privateAttributes(bucket.settings);
  await attempt('list', async () => await bucket.list(''));
  await attempt('delete', async () => await bucket.remove(name)); // what may not be removed is not written
  if (!denied.has('delete')) {
    try {
      await attempt('put', async () => await bucket.write(name, 'trial', attributes));
      await attempt('get', async () => await bucket.read(name, LIMIT));
    } finally {
      await bucket.remove(name);
    }
  }
  if (!denied.has('put')) await attempt('multipart', async () => await sendInParts(bucket, name));
  return judge(bucket, denied);
}

/** The bucket keeps the conditions of a publication. What it knows of them is no fault of anybody. */
export async function checkConditions(context: DoctorContext, signal: AbortSignal): Promise<Seen> {
  const bucket = openBucket(context, signal);
  try {
    await bucket.remove(`${TRIALS}${randomUUID()}`); // what may not be removed is not written
    const [first = '', ...more] = describeAbilities(
      await abilitiesOf(bucket, privateAttributes(bucket.settings)),
    );
    const advice = more.pop();
    return good([first, ...more].join(' '), advice);
  } catch (error) {
    if (codeOf(error) === 'store/gateway') return badBy(error);
    return skipped('not tried: the bucket cannot be written to');
  }
}

function adviceOn(code: string | undefined, { settings }: Bucket): string | undefined {
  const at = settings.endpoint === undefined ? '' : ` --endpoint-url ${settings.endpoint}`;
  if (code === 'store/no-bucket')
    return `aws s3 mb s3://${settings.bucket}${at}, or correct --store, --s3-region and --s3-endpoint`;
  if (code === 'store/credentials')
    return 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for the workflow, secrets CLAMAV_MIRROR_ACCESS_KEY_ID and CLAMAV_MIRROR_SECRET_ACCESS_KEY, or the variable CLAMAV_MIRROR_AWS_ROLE';
  return undefined;
}

function openBucket({ settings: { sync } }: DoctorContext, signal: AbortSignal): Bucket {
  const bucket = new Bucket(s3Settings(sync.store, { ...sync.s3, attempts: ATTEMPTS }));
  signal.addEventListener('abort', () => bucket.client.destroy());
  return bucket;
}

async function sendInParts(bucket: Bucket, name: string): Promise<void> {
  const { client } = bucket;
  const object = bucket.key(name);
  const attributes = privateAttributes(bucket.settings);
  const fault = (cause: unknown) => {
    throw storeError(cause, `send in parts to ${bucket.where}`, 'store/failed');
  };
  const { UploadId } = await client
    .send(new CreateMultipartUploadCommand({ ...object, ...attributes }))
    .catch(fault);
  await client.send(new AbortMultipartUploadCommand({ ...object, UploadId })).catch(fault);
}

function judge(bucket: Bucket, denied: ReadonlyMap<keyof typeof RIGHTS, unknown>): Seen {
  if (denied.size === 0) return good(`${bucket.where}: ${Object.keys(RIGHTS).join(', ')} work`);
  const names = [...denied.keys()];
  const rest = denied.has('delete')
    ? ' (what may not be removed was not written, so put and get were not tried)'
    : '';
  const seen = badBy(denied.get(names[0] ?? 'list'));
  if (!isBad(seen)) return seen;
  return bad(
    `${bucket.where}: no right to ${names.join(', ')}${rest}`,
    `Grant ${names.map((right) => RIGHTS[right]).join(', ')}: site/hosts/s3/publisher-policy.json has all that is needed`,
  );
}
