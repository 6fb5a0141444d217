import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { dnsRecordsFor } from '../../scripts/cvd/dns-record.ts';
import { type Program, readsSigns, type Tool } from '../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { startProgram } from '../../scripts/engine/process.ts';
import { type Clamd, clamdAt } from '../../scripts/proof/clients/clamd.ts';
import { startNameserver } from '../../scripts/proof/clients/nameserver.ts';
import { type Clamav15, clamav15 } from '../support/clamav-15/clamav-15.ts';
import { FACTS, type Fact } from '../support/clamav-15/facts.ts';
import { versionOf } from '../support/clamav-15/load.ts';
import { describeWithClamav15 } from '../support/clamav-15/part.ts';
import { SignedStates } from '../support/clamav-15/states.ts';
import { isFrom15 } from '../support/clamav-15/suite.ts';
import { readContainer } from '../support/databases/containers.ts';
import type { SeenRequest, TestUpstream } from '../support/mirror/upstream.ts';
import { covering } from '../support/sample.ts';
import { clamav } from '../support/setup/official.ts';
import { describeWithOpenssl } from '../support/sign/openssl.ts';
import { freePort } from '../support/web/ports.ts';

/** `CLAMAV_FACTS=all`: each fact in each state of the mirror that it holds for; else in the first one. */
const EVERYWHERE = process.env.CLAMAV_FACTS === 'all';

/** Each kind of client, each state of the mirror, and each way to end, that with FIPS limits and without. */
function traitsOf({ fips, client, attempts, states, exits }: Fact): string[] {
  const limits = fips ? 'FIPS' : 'off';
  return [`client ${client}`, `state ${states[0]}`, `${limits} ${exits}`, `${attempts} attempts`];
}

const tested = inject('clamav');
/** Then it is held to the facts, and nothing stands in for it. */
const isReal = 'have' in tested && isFrom15(tested.have.real ?? tested.have);
const missing = 'a ClamAV before 1.5, for one of 1.5 to be played by';
const RECORD = 'clamav.test';

let folder: string;
let signed: SignedStates;
let standIn: Clamav15;
/** What is held to the facts: the stand-in, or a real one where there is one. */
let programs: Readonly<Record<Tool, string>>;
let environment = process.env;
let cld: Buffer;

interface Run {
  readonly exitCode: number | null;
  readonly output: string;
}

const run = (tool: Tool, ...args: readonly string[]) => runOf(programs, tool, ...args);

async function runOf(
  programs: Readonly<Record<Tool, string>>,
  tool: Tool,
  ...args: readonly string[]
): Promise<Run> {
  const child = spawn(programs[tool], args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer) => {
    output += chunk.toString();
  };
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

describeWithClamav15('ClamAV 1.5, or what stands in for it,', () => {
  describeWithOpenssl('with certificates of the tests', () => {
    beforeAll(async () => {
      signed = new SignedStates();
      if (isReal) {
        const certificates = join(folder, 'certs');
        await mkdir(certificates);
        for (const { certificate } of signed.trust.roots)
          await writeFile(join(certificates, 'root.crt'), new X509Certificate(certificate).toString());
        environment = { ...process.env, CVD_CERTS_DIR: certificates };
        const { freshclam, clamscan, clamd = '' } = clamav();
        programs = { freshclam, clamscan, clamd };
      } else {
        await writeFile(join(folder, 'clock'), '2026-06-01T00:00:00Z');
        standIn = await clamav15({ roots: signed.trust.roots, clock: join(folder, 'clock') });
        programs = standIn.programs;
      }
      await using mirror = await signed.mirror('all', 5);
      const client = await clientWith(new Map([['test.cvd', signed.file('test-1.cvd')]]));
      await update(client, mirror);
      cld = await readFile(join(client, 'db', 'test.cld'));
    });
    afterAll(async () => {
      if (!isReal) await standIn?.[Symbol.asyncDispose]();
      signed?.[Symbol.dispose]();
    });

    describe.concurrent('does what was measured of the real one', () => {
      for (const fact of covering(FACTS, traitsOf)) {
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

    describe('leaves in the CLD that it builds', () => {
      const of = (version: number) => [`test-${version}.cdiff`, `test-${version}.cdiff.sign`];

      test('each CDIFF with its .sign, beside what clamscan loads', async () => {
        await using mirror = await signed.mirror('all');
        const client = await clientWith(new Map([['test.cvd', signed.file('test-1.cvd')]]));
        await update(client, mirror);
        expect(await strays(client)).toEqual([2, 3, 4, 5, 6].flatMap(of));
        expect(await load(client, true)).toBe(0);
      });

      test('also those of earlier runs', async () => {
        await using mirror = await signed.mirror('all');
        const client = await clientWith(new Map([['test.cld', cld]]));
        await update(client, mirror);
        expect(await strays(client)).toEqual([2, 3, 4, 5, 6].flatMap(of));
      });

      test('the notes of a cool-down, if a .sign was forbidden', async () => {
        await using mirror = await signed.mirror('none-403');
        const client = await clientWith(new Map([['test.cvd', signed.file('test-5.cvd')]]));
        await update(client, mirror);
        expect(await strays(client)).toEqual(['freshclam.dat', 'test-6.cdiff']);
      });
    });

    describe('has a clamd that', () => {
      /** Its end, or what it answers to a ping; then `then` has its turn. */
      const started = async (
        files: ReadonlyMap<string, Uint8Array>,
        lines: readonly string[] = [],
        then?: (clamd: Clamd, program: Program, client: string) => Promise<string>,
      ) => {
        const client = await clientWith(files);
        const port = await freePort();
        const conf = [`TCPSocket ${port}`, 'TCPAddr 127.0.0.1', 'Foreground yes', ...lines, ''];
        await writeFile(join(client, 'clamd.conf'), conf.join('\n'));
        const command = [
          join(standIn.folder, 'clamd'),
          `--config-file=${join(client, 'clamd.conf')}`,
        ] as const;
        const program = await startProgram([...command, `--datadir=${join(client, 'db')}`], {
          folder: client,
          timeout: 60_000,
          environment: { PATH: process.env.PATH },
        });
        const ended = program.ended.then(({ exitCode }) => `exit ${exitCode}`);
        for (;;) {
          const clamd = clamdAt({ host: '127.0.0.1', port }, 10_000);
          const answer = await Promise.race([ended, clamd.ping().catch(() => '')]);
          if (answer !== '') {
            const said = answer === 'PONG' ? await then?.(clamd, program, client) : undefined;
            await program.stop();
            return said ?? answer;
          }
          await wait(50);
        }
      };
      const cvd = (): [string, Buffer] => ['test.cvd', signed.file('test-6.cvd')];
      const sign = (name: string): [string, Buffer] => ['test-6.cvd.sign', signed.file(name)];

      test('starts on a CVD without a .sign', async () => {
        expect(await started(new Map([cvd()]))).toBe('PONG');
      });

      test('with FIPS starts on a CVD with its .sign, and on none without', async () => {
        const fips = 'FIPSCryptoHashLimits yes';
        expect(await started(new Map([cvd(), sign('test-6.cvd.sign')]), [fips])).toBe('PONG');
        expect(await started(new Map([cvd()]), [fips])).toBe('exit 1');
      });

      test('does not start on a CVD with the .sign of another one', async () => {
        expect(await started(new Map([cvd(), sign('test-5.cvd.sign')]))).toBe('exit 1');
      });

      test('says of a reload to such a one that it failed', async () => {
        const said = await started(new Map([cvd()]), [], async (clamd, program, client) => {
          const [name, bytes] = sign('test-5.cvd.sign');
          await writeFile(join(client, 'db', name), bytes);
          expect(await clamd.reload()).toBe('RELOADING');
          const end = /Database correctly reloaded|Database reload failed/;
          while (!end.test(program.output())) await wait(50);
          return end.exec(program.output())?.[0] ?? '';
        });
        expect(said).toBe('Database reload failed');
      });
    });

    describe('the stand-in', isReal ? { skip: true, meta: { missing } } : {}, () => {
      test('says that it is 1.5.3, of a level that reads .sign files', async () => {
        const engine = await findNativeEngine(standIn.path);
        expect(engine).toMatchObject({ version: '1.5.3', fLevel: 233 });
        expect(readsSigns(engine)).toBe(true);
        for (const program of ['freshclam', 'clamscan', 'clamd'] as const)
          expect((await run(program, '--version')).output).toMatch(/^ClamAV 1\.5\.3/);
      });

      test('asks for the .sign of a CVD that the nameserver says is up to date', async (context) => {
        const engine = await findNativeEngine(standIn.path);
        context.skip(!engine.canAskNameserver, 'only root can give a tool a nameserver');
        await using mirror = await signed.mirror('all');
        await using nameserver = await startNameserver(
          dnsRecordsFor(new Map([['test', { version: 6, fLevel: 81 }]]), RECORD, new Date()),
        );
        const client = await clientWith(new Map([['test.cvd', signed.file('test-6.cvd')]]));
        const conf = [`DatabaseMirror ${mirror.url}`, `DatabaseOwner ${userInfo().username}`];
        await writeFile(
          join(client, 'freshclam.conf'),
          [...conf, `DNSDatabaseInfo ${RECORD}`, ''].join('\n'),
        );
        const program = await engine.start({
          tool: 'freshclam',
          folder: client,
          args: (at) => [`--config-file=${at}/freshclam.conf`, `--datadir=${at}/db`, '--update-db=test'],
          timeout: 60_000,
          nameserver: nameserver.address,
        });
        expect(await program.ended).toMatchObject({ exitCode: 0 });
        expect([inShort(mirror.requests), await holdings(client)]).toEqual(['S', '6.cvd+']);
      });

      test('asks a mirror under a path, with a password, as 1.5.3', async () => {
        const asked: (string | undefined)[][] = [];
        const server = createServer(({ url, headers }, response) => {
          asked.push([url, headers.authorization, headers['user-agent']?.split(' ')[0]]);
          const name = url?.slice('/some/where/'.length).replace('test.cvd', 'test-6.cvd') ?? '';
          response.end(signed.files.get(name));
        }).listen(0, '127.0.0.1');
        await once(server, 'listening');
        const { port } = server.address() as AddressInfo;
        const client = await clientWith();
        const url = `http://someone:secret@127.0.0.1:${port}/some/where`;
        const { exitCode, output } = await update(client, { url } as TestUpstream);
        server.close();
        expect({ exitCode, holds: await holdings(client) }).toEqual({ exitCode: 0, holds: '6.cvd+' });
        const who = [`Basic ${Buffer.from('someone:secret').toString('base64')}`, 'ClamAV/1.5.3'];
        const names = ['test.cvd', 'test.cvd', 'test-6.cvd.sign'];
        expect(asked).toEqual(names.map((name) => [`/some/where/${name}`, ...who]));
        expect(output).toContain(`http://127.0.0.1:${port}/some/where/test.cvd`);
      });

      describe('judges by certificates', () => {
        const holding = (...names: readonly string[]) =>
          clientWith(
            new Map(names.map((name) => [name.replace('test-6.cvd', 'test.cvd'), signed.file(name)])),
          );
        const scan = async (client: string, { programs }: Clamav15, ...args: readonly string[]) =>
          await runOf(
            programs,
            'clamscan',
            ...args,
            `--database=${join(client, 'db')}`,
            join(folder, 'nothing'),
          );

        test('and by its own clock, which moves', async () => {
          const clock = join(folder, 'moving-clock');
          await using moving = await clamav15({ roots: signed.trust.roots, clock });
          const client = await clientWith(
            new Map([
              ['test.cvd', signed.file('test-6.cvd')],
              ['test-6.cvd.sign', signed.file('test-6.cvd.sign')],
            ]),
          );
          const codes: (number | null)[] = [];
          for (const year of ['2024', '2026', '2034', '2036']) {
            await writeFile(clock, `${year}-06-01T00:00:00Z`);
            codes.push((await scan(client, moving)).exitCode);
          }
          expect(codes).toEqual([2, 0, 0, 2]);
          expect((await scan(client, moving)).output).toContain("LibClamAV Error: Can't load");
        });

        test('that the command line may name', async () => {
          const client = await holding('test-6.cvd');
          await writeFile(join(client, 'db', 'test-6.cvd.sign'), signed.file('test-6.cvd.sign'));
          await mkdir(join(client, 'others'));
          const others = `--cvdcertsdir=${join(client, 'others')}`;
          expect([
            (await scan(client, standIn)).exitCode,
            (await scan(client, standIn, others)).exitCode,
          ]).toEqual([0, 2]);
        });

        test('of which no two may have the same name', async () => {
          await using doubled = await clamav15({ roots: [...signed.trust.roots, ...signed.trust.roots] });
          const client = await holding('test-6.cvd');
          await using mirror = await signed.mirror('all');
          const conf = join(client, 'freshclam.conf');
          await writeFile(conf, `DatabaseMirror ${mirror.url}\nDatabaseOwner ${userInfo().username}\n`);
          const places = [`--config-file=${conf}`, `--datadir=${join(client, 'db')}`, '--no-dns'];
          expect([
            (await scan(client, doubled)).exitCode,
            (await runOf(doubled.programs, 'freshclam', ...places)).exitCode,
            mirror.asked,
          ]).toEqual([2, 2, []]);
        });
      });
    });
  });
});

/** What is in a client's CLD that no scanner loads, in the order of the alphabet. */
async function strays(client: string): Promise<string[]> {
  const { files } = readContainer(await readFile(join(client, 'db', 'test.cld')));
  return [...files.keys()].filter((name) => /\.(?:cdiff|sign|dat)$/.test(name)).sort();
}

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
