import { describe, expect, test } from 'vitest';
import { FolderStore } from '../../../scripts/store/folder.ts';
import { openStore } from '../../../scripts/store/open.ts';
import { describeAbilities, unchanged } from '../../../scripts/store/s3/abilities.ts';
import { s3Settings } from '../../../scripts/store/s3/address.ts';

describe('the address of a bucket', () => {
  test.each([
    ['s3://mirror', 'mirror', ''],
    ['s3://mirror/', 'mirror', ''],
    ['s3://my.mirror-1/clamav', 'my.mirror-1', 'clamav/'],
    ['s3://mirror/a/b c/', 'mirror', 'a/b c/'],
  ])('%s is taken', (address, bucket, prefix) => {
    expect(s3Settings(address)).toMatchObject({ bucket, prefix, region: undefined, pathStyle: false });
  });

  test.each([
    's3://',
    's3:mirror',
    's3:///prefix',
    's3://Mirror',
    's3://key:secret@mirror',
    's3://mirror//prefix',
    's3://mirror/../up',
    's3://mirror/a?b',
    'S3://mirror',
  ])('%s is refused', async (address) => {
    await expect(openStore(address)).rejects.toMatchObject({ code: 'store/address' });
    await expect(openStore(address)).rejects.not.toThrow(/secret/);
  });

  test.each([
    's3.example.com',
    'ftp://example.com',
    'https://key:secret@example.com',
    'https://example.com/?a',
  ])('with the endpoint %s is refused', (endpoint) => {
    expect(() => s3Settings('s3://mirror', { endpoint })).toThrow(
      expect.objectContaining({ code: 'store/address', message: expect.not.stringContaining('secret') }),
    );
  });

  test('with an endpoint is in its path', () => {
    const endpoint = 'https://s3.example.com';
    expect(s3Settings('s3://mirror', { endpoint })).toMatchObject({ pathStyle: true });
    const given = { endpoint, pathStyle: false, region: 'auto' };
    expect(s3Settings('s3://mirror', given)).toMatchObject(given);
  });
});

test('anything else is a folder', async () => {
  for (const path of ['./mirror', '/srv/s3', 's3']) expect(await openStore(path)).toBeInstanceOf(FolderStore);
});

test('a store that keeps all conditions loses nothing, another one says what', () => {
  expect(describeAbilities({ create: true, replace: 'bare' })).toHaveLength(1);
  expect(describeAbilities({ create: true, replace: false })).toHaveLength(2);
  expect(describeAbilities({ create: false, replace: 'quoted' })).toHaveLength(2);
  expect(describeAbilities({ create: false, replace: false })).toHaveLength(3);
  expect(unchanged('"a"', { create: true, replace: 'quoted' })).toEqual({ IfMatch: '"a"' });
  expect(unchanged('"a"', { create: true, replace: 'bare' })).toEqual({ IfMatch: 'a' });
  expect(unchanged('"a"', { create: true, replace: false })).toBeUndefined();
});
