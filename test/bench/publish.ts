import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { findProgram } from '../../scripts/demo/programs.ts';
import { explain } from '../../scripts/errors.ts';
import { bytes } from '../../scripts/log.ts';
import { CEPH_ENVIRONMENT, CEPH_USER, startCephs } from '../support/ceph.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import type { Work } from './publish-child.ts';
import { measure, say, withFolder } from './support.ts';

const run = promisify(execFile);
/** Bytes, about as the real ones are. */
const CVDS = { 'main.cvd': 160e6, 'daily.cvd': 62e6, 'bytecode.cvd': 0.3e6 } as const;
const CDIFF = 80_000;
const SIGN = 9000;
/** Newest version of `daily`, and how many CDIFFs lead to it. */
const [NEWEST, COUNT] = [130, 30];
const ROUNDS = 3;

/** A mirror as it is in a folder, in the order of publication. */
interface Tree {
  readonly folder: string;
  readonly files: Work['files'];
}

/** Brings a tree into a bucket. */
type Tool = (
  bucket: string,
  endpoint: string,
  tree: Tree,
) => Promise<{ seconds: number; peakMegabytes?: number }>;

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
      for (const { endpoint, version } of cephs.running) {
        say(`Ceph ${version}: first publication | daily step (median of ${ROUNDS}; bytes sent)`);
        for (const [name, tool] of await findTools()) await compare(name, tool, endpoint, trees);
      }
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

async function findTools(): Promise<(readonly [string, Tool])[]> {
  const ours: Tool = async (bucket, endpoint, { files }) =>
    await measure('./publish-child.ts', {
      where: `s3://${bucket}`,
      endpoint,
      files,
      manifest: '{}'.padEnd(5000),
    });
  const tools: (readonly [string, Tool])[] = [['ours', ours]];
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
    else
      tools.push([
        name,
        async (bucket, endpoint, { folder }) => await timed(program, line(bucket, endpoint, folder)),
      ]);
  }
  return tools;
}

async function timed(program: string, args: readonly string[]): Promise<{ seconds: number }> {
  const begun = performance.now();
  await run(program, args, { env: { PATH: process.env.PATH, HOME: '/' } }); // no settings of this machine
  return { seconds: (performance.now() - begun) / 1000 };
}

async function compare(name: string, tool: Tool, endpoint: string, trees: readonly Tree[]): Promise<void> {
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: CEPH_USER,
  });
  const sums = trees.map(() => ({ seconds: [] as number[], peak: 0, sent: 0 }));
  for (let round = 0; round <= ROUNDS; round++) {
    const bucket = `${name}-${round}-${Date.now()}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    await using proxy = await startFaultProxy(endpoint); // counts, in the last round, which is not timed
    for (const [at, sum] of sums.entries()) {
      const tree = trees[at];
      if (tree === undefined) throw new Error('no tree');
      proxy.forget();
      const { seconds, peakMegabytes = 0 } = await tool(
        bucket,
        round === ROUNDS ? proxy.url : endpoint,
        tree,
      );
      sum.peak = Math.max(sum.peak, peakMegabytes);
      if (round === ROUNDS) sum.sent = proxy.sent;
      else sum.seconds.push(seconds);
    }
  }
  const told = sums.map(({ seconds, sent, peak }) => {
    const median = seconds.sort((a, b) => a - b)[Math.floor(seconds.length / 2)] ?? Number.NaN;
    return `${median.toFixed(2)} s, ${bytes(sent)}${peak > 0 ? `, ${peak.toFixed(0)} MB of memory` : ''}`;
  });
  say(`${name.padEnd(7)} ${told.join(' | ')}`);
}
