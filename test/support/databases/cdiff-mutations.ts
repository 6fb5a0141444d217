import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { gzip } from './container-shape.ts';
import { anyDamage, damaged } from './generate.ts';
import { makeTestKeys } from './signing.ts';

/** Ways to write the first part of a CDIFF. */
const HEADERS: readonly ((version: number, size: number) => string)[] = [
  ...Array<(version: number, size: number) => string>(6).fill(
    (version, size) => `ClamAV-Diff:${version}:${size}:`,
  ),
  (version, size) => `ClamAV-Diff:0${version}:${size}:`,
  (version, size) => `ClamAV-Diff:${version}:0${size}:`,
  (version, size) => `ClamAV-Diff:${version}:+${size}:`,
  (version, size) => `ClamAV-Diff:${version}:${size + 1}:`,
  (version) => `ClamAV-Diff:${version}:0:`,
  (version) => `ClamAV-Diff:${version}::`,
  (version, size) => `ClamAV-Diff:${version}:${2 ** 32 + size}:`,
  (_, size) => `ClamAV-Diff::${size}:`,
  (_, size) => `ClamAV-Diff:x:${size}:`,
  (version, size) => `ClamAV-Diffs:${version}:${size}:`,
  (version, size) => `ClamAV-Diff:${version}:${size}::`,
];

const PACKS: readonly ((script: Buffer) => Buffer<ArrayBufferLike>)[] = [
  (script) => gzip(script),
  (script) => gzip(script, { level: 0 }),
  (script) => gzip(script, { flags: 8, extra: Buffer.from('a:b\0') }),
  (script) => gzip(script, { crc: 1 }),
  (script) => gzip(script, { size: 1 }),
  (script) => gzip(script).subarray(0, -4),
  (script) => Buffer.concat([gzip(script), gzip(Buffer.from('ADD x\n'))]),
  (script) => Buffer.concat([gzip(script), Buffer.from('junk')]),
  (script) => Buffer.concat([gzip(script), Buffer.from(':')]),
  (script) => script,
];

const ENDS: readonly ((dsig: string) => string)[] = [
  (dsig) => `:${dsig}`,
  (dsig) => `:${dsig}\n`,
  (dsig) => `:${dsig}a`,
  (dsig) => `:${dsig}=`,
  (dsig) => `:${dsig.slice(0, -1)}`,
  (dsig) => `:a${dsig.slice(1)}`,
  (dsig) => `::${dsig}`,
  (dsig) => dsig,
  () => '',
  () => ':',
];

const SOUND = { damage: null, header: HEADERS[0], pack: PACKS[0], end: ENDS[0] } as const;

/** One thing that is done to a script on its way into a signed CDIFF, or nothing. */
export const anyCdiffMutation: fc.Arbitrary<CdiffMutation> = fc
  .oneof(
    fc.constant({}),
    fc.record({ damage: anyDamage }),
    fc.record({ header: fc.constantFrom(...HEADERS) }),
    fc.record({ pack: fc.constantFrom(...PACKS) }),
    fc.record({ end: fc.constantFrom(...ENDS) }),
  )
  .map((change) => ({ ...SOUND, ...change }) as CdiffMutation);

export interface CdiffMutation {
  readonly damage: Parameters<typeof damaged>[1] | null;
  readonly header: (version: number, size: number) => string;
  readonly pack: (script: Buffer) => Buffer<ArrayBufferLike>;
  readonly end: (dsig: string) => string;
}

/** A CDIFF that the keys of the tests have signed as it is. */
export function mutatedCdiff(
  version: number,
  script: Buffer,
  { damage, header, pack, end }: CdiffMutation,
): Buffer {
  const bytes = damage === null ? script : damaged(script, damage);
  const signed = Buffer.concat([Buffer.from(header(version, bytes.length)), pack(bytes)]);
  const dsig = makeTestKeys().signCdiff(createHash('sha256').update(signed).digest());
  return Buffer.concat([signed, Buffer.from(end(dsig))]);
}
