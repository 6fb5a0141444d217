import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clamav15, clamav15 } from '../support/clamav-15/clamav-15.ts';
import { FACTS, type Fact } from '../support/clamav-15/facts.ts';
import { versionOf } from '../support/clamav-15/load.ts';
import { SignedOfficial } from '../support/clamav-15/states.ts';
import { describeWithClamav } from '../support/official.ts';
import { describeWithOpenssl } from '../support/sign-authority.ts';
import type { SeenRequest, TestUpstream } from '../support/upstream.ts';

/** `CLAMAV_FACTS=all`: each fact in each state of the mirror that it holds for; else in the first one. */
const EVERYWHERE = process.env.CLAMAV_FACTS === 'all';

let folder: string;
let signed: SignedOfficial;
let standIn: Clamav15;
let cld: Buffer;

interface Run {
  readonly exitCode: number | null;
  readonly output: string;
}

async function run(program: 'freshclam' | 'clamscan' | 'clamd', ...args: readonly string[]): Promise<Run> {
  const child = spawn(join(standIn.folder, program), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer) => void (output += chunk.toString());
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return await new Promise((resolve) => child.once('close', (exitCode) => resolve({ exitCode, output })));
}

/** A client's folder with these files in `db`. */
async function clientWith(files: ReadonlyMap<string, Uint8Array> = new Map()): Promise<string> {
  const client = await mkdtemp(join(folder, 'client-'));
  await mkdir(join(client, 'db'));
  for (const [name, bytes] of files) await writeFile(join(client, 'db', name), bytes);
  return client;
}

async function update(client: string, mirror: TestUpstream, conf: readonly string[] = []): Promise<Run> {
  const lines = [`DatabaseOwner ${userInfo().username}`, 'ConnectTimeout 10', ...conf];
  if (!conf.some((line) => line.startsWith('PrivateMirror'))) lines.push(`DatabaseMirror ${mirror.url}`);
  await writeFile(join(client, 'freshclam.conf'), `${lines.join('\n')}\n`);
  const places = [`--config-file=${join(client, 'freshclam.conf')}`, `--datadir=${join(client, 'db')}`];
  return await run('freshclam', ...places, '--no-dns', '--stdout', '--update-db=test');
}

/** Returns the exit code of clamscan. */
async function load(client: string, fips: boolean): Promise<number | null> {
  const args = [...(fips ? ['--fips-limits'] : []), `--database=${join(client, 'db')}`];
  return (await run('clamscan', ...args, join(folder, 'nothing'))).exitCode;
}

/** `H C S`, as the facts name what was asked for. */
function inShort(requests: readonly SeenRequest[]): string {
  return requests
    .map(({ name, range, status }) => {
      const [, version, ending] = /^test-(\d)\.(cdiff(?:\.sign)?)$/.exec(name) ?? [];
      const short: Record<string, string> = {
        'test.cld': 'L',
        'test.cvd': range === 'bytes=0-511' ? 'H' : 'C',
      };
      const cdiff = ending === 'cdiff' ? `d${version}` : `s${version}`;
      const what = version === undefined ? (short[name] ?? name.replace('test-6.cvd.sign', 'S')) : cdiff;
      return status < 400 ? what : `${what}=${status}`;
    })
    .join(' ');
}

/** `6.cvd+`: what is in a client's folder. */
async function holdings(client: string): Promise<string> {
  const names = (await readdir(join(client, 'db'))).filter((name) => name !== 'freshclam.dat').sort();
  const database = names.find((name) => /\.c[vl]d$/.test(name));
  if (database === undefined) return names.join(' ') || '-';
  const version = versionOf(join(client, 'db', database));
  const sign = `test-${version}.cvd.sign`;
  const others = names.filter((name) => name !== database && name !== sign);
  return [`${version}${database.slice('test'.length)}${names.includes(sign) ? '+' : ''}`, ...others].join(
    ' ',
  );
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clamav-15-test-'));
  await writeFile(join(folder, 'nothing'), '');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describeWithClamav('the stand-in for ClamAV 1.5', () => {
  describeWithOpenssl('with certificates of the tests', () => {
    beforeAll(async () => {
      signed = new SignedOfficial();
      await writeFile(join(folder, 'clock'), '2026-06-01T00:00:00Z');
      standIn = await clamav15({ roots: signed.roots, clock: join(folder, 'clock') });
      await using mirror = await signed.mirror('all', 5);
      const client = await clientWith(new Map([['test.cvd', signed.file('test-1.cvd')]]));
      await update(client, mirror);
      cld = await readFile(join(client, 'db', 'test.cld'));
    });
    afterAll(async () => {
      await standIn?.[Symbol.asyncDispose]();
      signed?.[Symbol.dispose]();
    });

    describe.concurrent('does what was measured of the real one', () => {
      for (const fact of FACTS) {
        for (const state of EVERYWHERE ? fact.states : fact.states.slice(0, 1)) {
          const { fips, client, attempts } = fact;
          test(`${state}: ${client}${fips ? ', FIPS' : ''}${attempts > 1 ? `, ${attempts} attempts` : ''}`, async () => {
            expect(await played(fact, state)).toEqual({
              exits: fact.exits,
              asked: fact.asked,
              holds: fact.holds,
              loads: fact.loads,
            });
          });
        }
      }
    });
  });
});

/** What this stand-in does where the real one was measured. */
async function played(
  fact: Fact,
  state: string,
): Promise<Pick<Fact, 'exits' | 'asked' | 'holds'> & { loads: number | null }> {
  await using mirror = await signed.mirror(state);
  const [, kind, version, ending] =
    /^(private|whole)? ?(\d)?(.*)$/.exec(fact.client.replace('fresh', '')) ?? [];
  const files = new Map<string, Buffer>();
  if (ending === '.cld') files.set('test.cld', cld);
  else if (version !== undefined) files.set('test.cvd', signed.file(`test-${version}.cvd`));
  if (ending === '+' && state !== 'other-root')
    files.set(`test-${version}.cvd.sign`, signed.file(`test-${version}.cvd.sign`));
  const client = await clientWith(files);
  const conf = [`MaxAttempts ${fact.attempts}`, `FIPSCryptoHashLimits ${fact.fips ? 'yes' : 'no'}`];
  if (kind === 'private') conf.push(`PrivateMirror ${mirror.url}`);
  if (kind === 'whole') conf.push('ScriptedUpdates no');
  const first = await update(client, mirror, conf);
  const asked = inShort(mirror.requests);
  mirror.forget();
  const second = await update(client, mirror, conf);
  return {
    exits: `${first.exitCode}/${second.exitCode}`,
    asked: [asked, inShort(mirror.requests)],
    holds: await holdings(client),
    loads: await load(client, fact.fips),
  };
}
