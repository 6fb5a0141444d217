import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { explain } from '../../scripts/base/errors.ts';
import { bytes } from '../../scripts/base/log.ts';
import { findProgram } from '../../scripts/setup/programs.ts';
import { shell } from '../../scripts/setup/shell.ts';
import { CEPH_ENVIRONMENT, CEPH_USER, type Ceph, cephAdmin, startCephs } from '../support/s3/ceph.ts';
import { startFaultProxy } from '../support/web/fault-proxy.ts';
import type { Work } from './publish-child.ts';
import { measure, say, spread, withFolder } from './support.ts';

/** Bytes, about as the real ones are. */
const CVDS = { 'main.cvd': 160e6, 'daily.cvd': 62e6, 'bytecode.cvd': 0.3e6 } as const;
const CDIFF = 80_000;
const SIGN = 9000;
/** Newest version of `daily`, and how many CDIFFs lead to it. */
const [NEWEST, COUNT] = [130, 30];
const ROUNDS = 7;

/** A mirror as it is in a folder, in the order of publication. */
interface Tree {
  readonly folder: string;
  readonly files: Work['files'];
}

/** Brings a tree into a bucket. Returns its largest resident set in MB, if it is known. */
type Tool = (bucket: string, endpoint: string, tree: Tree) => Promise<number | undefined>;

/** A first publication and a daily step to a real S3 gateway, beside tools that copy the same folder. */
export async function publish(): Promise<void> {
  const options = { path: process.env.PATH ?? '', log: say, ask: () => true };
  const cephs = await startCephs(process.env.CEPH, options).catch((error) =>
    say(`left out: ${explain(error)}`),
  );
  if (!cephs) return;
  Object.assign(process.env, CEPH_ENVIRONMENT);
  try {
    await withFolder(async (folder) => {
      const trees = await makeTrees(folder);
      for (const ceph of cephs.running) await compare(await findTools(), ceph, trees);
    });
  } finally {
    await cephs.close();
  }
}

/** The first mirror, and the one after a step of `daily`, with the same files where nothing changed. */
async function makeTrees(folder: string): Promise<readonly [Tree, Tree]> {
  const [before, after] = [join(folder, 'before'), join(folder, 'after')];
  for (const tree of [before, after]) await mkdir(join(tree, 'archive'), { recursive: true });
  const step = (version: number) => [`daily-${version}.cdiff`, `daily-${version}.cdiff.sign`];
  const earlier = [...Array(COUNT).keys()].flatMap((back) => step(NEWEST - 1 - back));
  for (const name of earlier)
    await writeFile(join(before, name), randomBytes(name.endsWith('.sign') ? SIGN : CDIFF));
  for (const [name, size] of Object.entries(CVDS)) await writeFile(join(before, name), randomBytes(size));
  const same = [...earlier, 'main.cvd', 'bytecode.cvd'];
  for (const name of same) await link(join(before, name), join(after, name));
  const archived = `archive/daily-${NEWEST - 1}.cvd`;
  await link(join(before, 'daily.cvd'), join(after, archived));
  await writeFile(join(after, 'daily.cvd'), randomBytes(CVDS['daily.cvd']));
  const [cdiff = '', sign = ''] = step(NEWEST);
  await writeFile(join(after, cdiff), randomBytes(CDIFF));
  await writeFile(join(after, sign), randomBytes(SIGN));
  return [
    { folder: before, files: await described(before, [...earlier, ...Object.keys(CVDS)]) },
    { folder: after, files: await described(after, [cdiff, sign, archived, 'daily.cvd']) },
  ];
}

async function described(folder: string, names: readonly string[]): Promise<Work['files']> {
  const files = names.map(async (name) => {
    const path = join(folder, name);
    return {
      name,
      path,
      sha256: createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    };
  });
  return await Promise.all(files);
}

async function findTools(): Promise<Map<string, Tool>> {
  const ours: Tool = async (bucket, endpoint, { files }) => {
    const manifest = '{}'.padEnd(5000);
    const work = { where: `s3://${bucket}`, endpoint, files, manifest };
    return (await measure('./publish-child.ts', work)).peakMegabytes;
  };
  const tools = new Map([['ours', ours]]);
  const key = [CEPH_USER.accessKeyId, CEPH_USER.secretAccessKey] as const;
  const lines: Record<string, (bucket: string, endpoint: string, folder: string) => string[]> = {
    rclone: (bucket, endpoint, folder) => [
      ...[
        'sync',
        folder,
        `:s3:${bucket}`,
        '--config=/dev/null',
        '--s3-provider=Ceph',
        `--s3-endpoint=${endpoint}`,
      ],
      ...[`--s3-access-key-id=${key[0]}`, `--s3-secret-access-key=${key[1]}`],
    ],
    s3cmd: (bucket, endpoint, folder) => [
      ...['sync', '--quiet', '--no-ssl', `--host=${new URL(endpoint).host}`, `--access_key=${key[0]}`],
      ...[
        `--host-bucket=${new URL(endpoint).host}`,
        `--secret_key=${key[1]}`,
        `${folder}/`,
        `s3://${bucket}/`,
      ],
    ],
  };
  for (const [name, line] of Object.entries(lines)) {
    const program = await findProgram(name, {});
    if (program === undefined) say(`${name} is left out: it is not installed`);
    else {
      tools.set(name, async (bucket, endpoint, { folder }) => {
        const $ = shell({ environment: { PATH: process.env.PATH, HOME: '/' } }); // no settings of this machine
        await $`${program} ${line(bucket, endpoint, folder)}`;
        return undefined;
      });
    }
  }
  return tools;
}

/** Each tool in turn, round after round, as processes from their start to their end; ours beside each in the same round. */
async function compare(tools: ReadonlyMap<string, Tool>, ceph: Ceph, trees: readonly Tree[]): Promise<void> {
  const credentials = CEPH_USER;
  const client = new S3Client({
    endpoint: ceph.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials,
  });
  const results = [...tools].map(([name, tool]) => ({
    name,
    tool,
    sums: trees.map((tree) => ({ tree, seconds: [] as number[], peaks: [] as number[], sent: 0 })),
  }));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { name, tool, sums } of results) {
      const bucket = `${name}-${round}-${Date.now()}`;
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      await using proxy = await startFaultProxy(ceph.endpoint); // counts, in the last round, which is not timed
      for (const sum of sums) {
        proxy.forget();
        const begun = performance.now();
        const peak = await tool(bucket, round === ROUNDS ? proxy.url : ceph.endpoint, sum.tree);
        if (peak !== undefined) sum.peaks.push(peak);
        if (round === ROUNDS) sum.sent = proxy.sent;
        else sum.seconds.push((performance.now() - begun) / 1000);
      }
      await cephAdmin(ceph, 'bucket', 'rm', `--bucket=${bucket}`, '--purge-objects'); // it is all in memory
    }
  }
  say(`Ceph ${ceph.version}: first publication | daily step, of ${ROUNDS} rounds the median (least–most)`);
  for (const { name, sums } of results) {
    const told = sums.map(({ seconds, sent, peaks }) => {
      const memory = peaks.length > 0 ? `, at most ${Math.max(...peaks).toFixed(0)} MB of memory` : '';
      return `${spread(seconds)} s, ${bytes(sent)}${memory}`;
    });
    say(`${name.padEnd(7)} ${told.join(' | ')}`);
  }
  const ours = results.find(({ name }) => name === 'ours')?.sums ?? [];
  for (const { name, sums } of results.filter(({ name }) => name !== 'ours')) {
    const ratios = sums.map(({ seconds }, at) =>
      spread(seconds.map((theirs, round) => (ours[at]?.seconds[round] ?? Number.NaN) / theirs)),
    );
    say(`ours beside ${name} in the same round: ${ratios.join(' | ')} times its time`);
  }
}
