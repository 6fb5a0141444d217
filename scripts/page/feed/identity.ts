import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { Time } from '../../store/file-record.ts';

/** What makes a mirror's feeds and their entries unlike all others, wherever the mirror is served. */
export const IdentitySchema = v.object({
  id: v.pipe(v.string(), v.uuid(), v.toLowerCase()),
  /** Time since when there is a feed. */
  since: Time,
});

export type FeedIdentity = Readonly<v.InferOutput<typeof IdentitySchema>>;

/** A UUID of what happened and where (RFC 9562, version 8). */
export function idOf(key: string, { id }: FeedIdentity): string {
  const hash = createHash('sha256').update(`${id} ${key}`).digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x80, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex', 0, 16);
  return `urn:uuid:${[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')}`;
}

/** The identity in the start of an Atom feed of ours. */
export function identityIn(text: string | undefined): string | undefined {
  return text === undefined ? undefined : IDENTITY.exec(text)?.[1];
}

const IDENTITY = /<id>urn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})<\/id>/;
