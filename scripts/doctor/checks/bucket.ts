import { randomUUID } from 'node:crypto';
import { AbortMultipartUploadCommand, CreateMultipartUploadCommand } from '@aws-sdk/client-s3';
import { codeOf } from '../../base/errors.ts';
import { TEST_OBJECT_BYTES } from '../../base/limits/store.ts';
import { abilitiesOf, describeAbilities, TEST_OBJECTS } from '../../store/s3/abilities.ts';
import { s3Settings } from '../../store/s3/address.ts';
import { type Attributes, Bucket } from '../../store/s3/bucket.ts';
import { faultOf, storeError } from '../../store/s3/errors.ts';
import { attributesOf, privateAttributes } from '../../store/s3/publication.ts';
import type { DoctorContext } from '../context.ts';
import { bad, badBy, good, type Seen, skipped } from '../finding.ts';

/** A look is no run: what does not answer twice is a fault. */
const ATTEMPTS = 2;

/** Acts of a publisher, and the right that each needs. */
const RIGHTS = {
  list: 's3:ListBucket',
  delete: 's3:DeleteObject',
  put: 's3:PutObject',
  get: 's3:GetObject',
  multipart: 's3:AbortMultipartUpload',
} as const;

type Right = keyof typeof RIGHTS;

/** The bucket takes everything that a publication asks of it, by a test object, which is removed. */
export async function checkBucket(context: DoctorContext, signal: AbortSignal): Promise<Seen> {
  const bucket = openBucket(context, signal);
  try {
    return await tryRights(bucket);
  } catch (error) {
    return badBy(error, adviceOn(codeOf(error), bucket));
  }
}

/** Throws what is no lack of a right. What could not be removed again is not written. */
async function tryRights(bucket: Bucket): Promise<Seen> {
  const denied: Right[] = [];
  /** True if the right to act is there. */
  const may = async (right: Right, act: () => Promise<unknown>) => {
    try {
      await act();
      return true;
    } catch (error) {
      if (codeOf(error) !== 'store/denied') throw error;
      denied.push(right);
      return false;
    }
  };
  const name = `${TEST_OBJECTS}${randomUUID()}`;
  const attributes = attributesOf(name, bucket.settings, {});
  await may('list', async () => await bucket.list(''));
  if (await may('delete', async () => await bucket.remove(name))) {
    try {
      if (await may('put', async () => await bucket.write(name, 'test', attributes)))
        await may('get', async () => await bucket.read(name, TEST_OBJECT_BYTES));
    } finally {
      await bucket.remove(name);
    }
  }
  if (!denied.includes('put') && (await may('multipart', async () => await abort(bucket, name, 'none'))))
    await may('put', async () => await sendInParts(bucket, name, attributes));
  return judge(bucket, denied);
}

/** The bucket keeps the conditions of a publication. What it knows of them is no fault of anybody. */
export async function checkConditions(context: DoctorContext, signal: AbortSignal): Promise<Seen> {
  const bucket = openBucket(context, signal);
  const attributes = privateAttributes(bucket.settings);
  try {
    await bucket.remove(`${TEST_OBJECTS}${randomUUID()}`); // what may not be removed is not written
  } catch {
    return NOT_TRIED;
  }
  try {
    const [first = '', ...more] = describeAbilities(await abilitiesOf(bucket, attributes));
    const advice = more.pop();
    return good([first, ...more].join(' '), advice);
  } catch (error) {
    return codeOf(error) === 'store/denied' ? NOT_TRIED : badBy(error);
  }
}

const NOT_TRIED = skipped('not tried: the bucket takes no object, as its own line says');

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

async function sendInParts(bucket: Bucket, name: string, attributes: Attributes): Promise<void> {
  const create = new CreateMultipartUploadCommand({ ...bucket.key(name), ...attributes });
  const { UploadId = '' } = await bucket.client.send(create).catch((cause) => {
    throw storeError(cause, `send in parts to ${bucket.where}`, 'store/failed');
  });
  await abort(bucket, name, UploadId);
}

/** Ends an upload. Of one that there is not, vendors say different things, but all of them say if there is no right. */
async function abort(bucket: Bucket, name: string, UploadId: string): Promise<void> {
  const command = new AbortMultipartUploadCommand({ ...bucket.key(name), UploadId });
  await bucket.client.send(command).catch((cause) => {
    const { status = 0 } = faultOf(cause);
    if (status === 400 || status === 404) return;
    throw storeError(cause, `end an upload in ${bucket.where}`, 'store/failed');
  });
}

function judge(bucket: Bucket, denied: readonly Right[]): Seen {
  if (denied.length === 0) return good(`${bucket.where}: ${Object.keys(RIGHTS).join(', ')} work`);
  const rest = denied.includes('delete')
    ? '; what cannot be removed was not put there, so that is not known'
    : '';
  return bad(
    `${bucket.where}: no right to ${denied.join(', ')}${rest}`,
    `Grant ${denied.map((right) => RIGHTS[right]).join(', ')}: site/hosts/s3/publisher-policy.json has all that is needed`,
  );
}
