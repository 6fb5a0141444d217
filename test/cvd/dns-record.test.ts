import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dnsRecordsFor, encodeDnsRecord } from '../../scripts/cvd/dns-record.ts';
import { parseRecord } from '../../scripts/upstream/dns.ts';

const NOW = new Date('2026-06-17T16:00:00.900Z');
const EPOCH = 1781712000;
const DATABASES = {
  main: { version: 63, fLevel: 60 },
  daily: { version: 28034, fLevel: 90 },
  bytecode: { version: 339, fLevel: 80 },
};

describe('our own DNS record', () => {
  test('has the fields of the official one, and recommends no version of ClamAV', () => {
    expect(encodeDnsRecord(DATABASES, NOW)).toBe(`0:63:28034:${EPOCH}:0:90:0:339`);
  });

  test('says 0, and never nothing, for databases that the mirror does not have', () => {
    expect(encodeDnsRecord({}, NOW)).toBe(`0:0:0:${EPOCH}:0:0:0:0`);
    expect(encodeDnsRecord({ test: { version: 6, fLevel: 81 } }, NOW)).toBe(`0:0:0:${EPOCH}:0:81:0:0`);
  });

  test('has a field for safebrowsing', () => {
    const safebrowsing = { version: 49192, fLevel: 63 };
    expect(encodeDnsRecord({ safebrowsing }, NOW)).toBe(`0:0:0:${EPOCH}:0:63:49192:0`);
  });

  test('is read by parseRecord as what was written', () => {
    const database = fc.record({ version: fc.nat(), fLevel: fc.nat(2000) });
    const databases = fc.record({ main: database, daily: database, bytecode: database });
    fc.assert(
      fc.property(
        databases,
        fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }),
        (some, at) => {
          const { epoch, fLevel, versions } = parseRecord(encodeDnsRecord(some, at), at);
          expect(epoch).toBe(Math.floor(at.getTime() / 1000));
          expect(fLevel).toBe(Math.max(some.main.fLevel, some.daily.fLevel, some.bytecode.fLevel));
          expect(Object.fromEntries(versions)).toEqual({
            main: some.main.version,
            daily: some.daily.version,
            bytecode: some.bytecode.version,
          });
        },
      ),
    );
  });
});

test('databases without a field in our record have records of their own', () => {
  const databases = new Map([...Object.entries(DATABASES), ['test', { version: 6, fLevel: 81 }] as const]);
  expect([...dnsRecordsFor(databases, 'current.mirror.test', NOW)]).toEqual([
    ['current.mirror.test', `0:63:28034:${EPOCH}:0:90:0:339`],
    ['test.cvd.clamav.net', `6:${EPOCH}`],
  ]);
});
