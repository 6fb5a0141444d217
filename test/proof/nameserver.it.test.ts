import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dnsRecordsFor, encodeDnsRecord } from '../../scripts/cvd/dns-record.ts';
import { HEADER_SIZE, parseHeader } from '../../scripts/cvd/header.ts';
import { type Engine, readsSigns, run } from '../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { readStart } from '../../scripts/files/verify.ts';
import { startHost } from '../../scripts/host/host.ts';
import { type Nameserver, startNameserver } from '../../scripts/proof/clients/nameserver.ts';
import { mounts } from '../support/machine/mounts.ts';
import {
  describeWith,
  describeWithClamav,
  describeWithOfficial,
  official,
} from '../support/setup/official.ts';
import { realPart } from '../support/setup/real-part.ts';

const NAME = 'current.mirror.test';
const port53 = await realPart('port-53', async () => {
  await using _ = await startNameserver(new Map());
});
/** Where root may not mount anything either, no tool can be given a nameserver. */
const mounting = 'have' in mounts ? port53 : mounts;

describeWith(port53)('the nameserver of a proof', () => {
  const long = 'x'.repeat(300);
  const asked: string[] = [];
  let nameserver: Nameserver;
  beforeAll(async () => {
    const records = new Map([
      [NAME, '0:1:2'],
      ['Long.mirror.test', long],
      ['empty.mirror.test', ''],
    ]);
    nameserver = await startNameserver(records, (name) => asked.push(name));
  });
  afterAll(async () => await nameserver[Symbol.asyncDispose]());

  const resolver = () => {
    const own = new Resolver({ timeout: 5000, tries: 1 });
    own.setServers([nameserver.address]);
    return own;
  };

  test('has an address of its own', async () => {
    expect(nameserver.address).toMatch(/^127\.\d+\.\d+\.\d+$/);
    await using other = await startNameserver(new Map());
    expect(['127.0.0.1', nameserver.address]).not.toContain(other.address);
  });

  test('answers with a record, whatever the case of its name, and tells that it was asked', async () => {
    asked.length = 0;
    expect(await resolver().resolveTxt(NAME)).toEqual([['0:1:2']]);
    expect(await resolver().resolveTxt(NAME.toUpperCase())).toEqual([['0:1:2']]);
    expect(asked).toEqual([NAME, NAME]);
  });

  test('gives a long text in strings of 255 bytes', async () => {
    expect(await resolver().resolveTxt('long.mirror.test')).toEqual([[long.slice(0, 255), long.slice(255)]]);
  });

  test('gives an empty text as one empty string', async () => {
    expect(await resolver().resolveTxt('empty.mirror.test')).toEqual([['']]);
  });

  test('says that other names do not exist, and that its own have no address', async () => {
    const own = resolver();
    await expect(own.resolveTxt('current.cvd.clamav.net')).rejects.toThrow(/ENOTFOUND/);
    await expect(own.resolveTxt(`www.${NAME}`)).rejects.toThrow(/ENOTFOUND/);
    await expect(own.resolve4(NAME)).rejects.toThrow(/ENODATA/);
  });

  /** The reply to a datagram, in hexadecimal digits; `nothing` if there is none before that to the next question. */
  const exchange = async (datagram: Buffer): Promise<string> => {
    const socket = createSocket('udp4');
    socket.send(datagram, 53, nameserver.address);
    socket.send(query('none.mirror.test', { id: 0xffff }), 53, nameserver.address);
    const [reply] = (await once(socket, 'message')) as [Buffer];
    await new Promise<void>((resolve) => socket.close(resolve));
    return reply.readUInt16BE(0) === 0xffff ? 'nothing' : reply.toString('hex');
  };

  test('repeats the question, says that it is the authority and does not recurse', async () => {
    const header = '1234' + '8500' + '0001' + '0001' + '0000' + '0000';
    const question = query(NAME).subarray(12).toString('hex'); // ends with the type and the class
    const answer = `${question}00000001000605303a313a32`;
    expect(await exchange(query(NAME))).toBe(header + question + answer);
  });

  test('gives no text to whom asks for an address', async () => {
    const asks = query(NAME, { type: 1 });
    const header = '1234' + '8500' + '0001' + '0000' + '0000' + '0000';
    expect(await exchange(asks)).toBe(header + asks.subarray(12).toString('hex'));
  });

  const MALFORMED = `12348501${'0000'.repeat(4)}`;
  const odd: Record<string, [Buffer, string]> = {
    'an empty datagram': [Buffer.alloc(0), 'nothing'],
    'half a header': [query(NAME).subarray(0, 11), 'nothing'],
    'a response': [query(NAME, { flags: 0x8000 }), 'nothing'],
    'a header without a question': [query(NAME).subarray(0, 12), MALFORMED],
    'two questions': [query(NAME, { count: 2 }), MALFORMED],
    'no question': [query(NAME, { count: 0 }), MALFORMED],
    'a name that ends in the middle': [query(NAME).subarray(0, 20), MALFORMED],
    'a name without a type': [query(NAME).subarray(0, -3), MALFORMED],
    'a pointer for a name': [
      Buffer.concat([query('').subarray(0, 12), Buffer.from('c00c00100001', 'hex'), Buffer.alloc(300)]),
      MALFORMED,
    ],
    'an update': [query(NAME, { flags: 5 << 11 }), `1234ac04${'0000'.repeat(4)}`],
  };
  test.each(Object.keys(odd))('lives through %s', async (name) => {
    const [datagram, reply] = odd[name] ?? [Buffer.alloc(0), ''];
    expect(await exchange(datagram)).toBe(reply);
    expect(await resolver().resolveTxt(NAME)).toEqual([['0:1:2']]);
  });

  test.each([
    ['a name with an empty label', 'a..test', 'x'],
    ['a text that needs TCP', NAME, 'x'.repeat(462)],
  ])('does not start with %s', async (_, name, value) => {
    await expect(startNameserver(new Map([[name, value]]))).rejects.toThrow(RangeError);
  });

  test('says so if port 53 belongs to the administrator', async ({ skip }) => {
    const low = Number(
      await readFile('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8').catch(() => 1024),
    );
    if (process.getuid?.() !== 0 || !(low > 53))
      skip('only root can give up the right to port 53, if it is one');
    const module = new URL('../../scripts/proof/clients/nameserver.ts', import.meta.url).href;
    const script = `const { startNameserver } = await import('${module}');
      await startNameserver(new Map()).catch((error) => console.log(error.code));`;
    // root without that right; another user might not get at this folder
    const command = [
      '--bounding-set=-net_bind_service',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ];
    const child = spawn('setpriv', command);
    expect((await text(child.stdout)).trim()).toBe('nameserver/port-denied');
  });
});

describeWith(mounting)('freshclam in DNS mode', () => {
  describeWithOfficial("with Talos' databases", () => {
    describeWithClamav('and real ClamAV', () => {
      let folder: string;
      let engine: Engine;
      /** Of Talos' bytecode.cvd. */
      let version: number;
      beforeAll(async () => {
        version = parseHeader(await readStart(official('bytecode.cvd'), HEADER_SIZE)).version;
        engine = await findNativeEngine(process.env.PATH ?? '');
        folder = await mkdtemp(join(tmpdir(), 'dns-mode-'));
        await mkdir(join(folder, 'stage'));
        await copyFile(official('bytecode.cvd'), join(folder, 'stage', 'bytecode.cvd'));
        await copyFile(official('test-6.cvd'), join(folder, 'stage', 'test.cvd'));
        for (const name of [2, 3, 4, 5, 6].map((to) => `test-${to}.cdiff`)) {
          await copyFile(official(name), join(folder, 'stage', name));
        }
      });
      afterAll(async () => await rm(folder, { recursive: true, force: true }));

      /** Lets a client with these files at our host, and says what it asked for and what it then had. */
      const update = async (
        database: string,
        records: ReadonlyMap<string, string>,
        has: [string, string][],
      ) => {
        const client = await mkdtemp(join(folder, 'client-'));
        const [names, requests] = [new Set<string>(), [] as string[]];
        await mkdir(join(client, 'db'));
        for (const [file, name] of has) await copyFile(official(name), join(client, 'db', file));
        await using nameserver = await startNameserver(records, (name) => names.add(name));
        await using host = await startHost({
          folder: join(folder, 'stage'),
          address: engine.hostAddress,
          onRequest: ({ path, range }) => requests.push(range === undefined ? path : `${path} ${range}`),
        });
        const lines = [`DatabaseMirror ${host.url}`, `DNSDatabaseInfo ${NAME}`, 'MaxAttempts 1'];
        lines.push(`DatabaseOwner ${engine.databaseOwner}`, '');
        await writeFile(join(client, 'freshclam.conf'), lines.join('\n'));
        const { output, exitCode } = await run(engine, {
          tool: 'freshclam',
          folder: client,
          args: (at) => [
            `--config-file=${at}/freshclam.conf`,
            `--datadir=${at}/db`,
            '--stdout',
            `--update-db=${database}`,
          ],
          timeout: 60_000,
          nameserver: nameserver.address,
        });
        await host.close();
        const files = (await readdir(join(client, 'db'))).filter((name) => name !== 'freshclam.dat');
        return { output, exitCode, names: [...names], requests, files };
      };
      /** These requests with those for `.sign` files, as the engine asks: after each whole file, had or just taken. */
      const withSigns = (...names: string[]) => {
        const versions: Record<string, number> = { 'bytecode.cvd': version, 'test.cvd': 6 };
        const signOf = (name: string) =>
          name.endsWith('.cdiff') ? `/${name}.sign` : `/${name.replace('.', `-${versions[name]}.`)}.sign`;
        return names.flatMap((name) => {
          const [request, file] = name.startsWith('had ') ? [[], name.slice(4)] : [[`/${name}`], name];
          const isWhole = readsSigns(engine) && !file.includes(' ');
          return isWhole ? [...request, signOf(file)] : request;
        });
      };
      const bytecode = (advertised: number, age = 0) => {
        const at = new Date(Date.now() - age);
        return new Map([[NAME, encodeDnsRecord({ bytecode: { version: advertised, fLevel: 90 } }, at)]]);
      };
      const withTest = () => dnsRecordsFor(new Map([['test', { version: 6, fLevel: 81 }]]), NAME, new Date());
      const HOUR = 3_600_000;

      test('brings what our record advertises, without a question to the mirror about the version', async () => {
        const { names, requests, files, output } = await update('bytecode', bytecode(version), []);
        expect(names).toEqual([NAME]);
        expect(requests).toEqual(withSigns('bytecode.cvd'));
        expect(files).toEqual(['bytecode.cvd']);
        expect(output).not.toMatch(/warning/i);
      });

      test('stays put, without a request, when our record says that it is up to date', async () => {
        const has: [string, string][] = [['bytecode.cvd', 'bytecode.cvd']];
        const { names, requests, output } = await update('bytecode', bytecode(version), has);
        expect(names).toEqual([NAME]);
        expect(requests).toEqual(withSigns('had bytecode.cvd'));
        expect(output).toContain('up-to-date');
        expect(output).not.toMatch(/warning/i);
      });

      test('takes what the mirror has if that is newer than our record', async () => {
        const { requests, files } = await update('bytecode', bytecode(version - 1), []);
        expect(requests).toEqual(withSigns('bytecode.cvd'));
        expect(files).toEqual(['bytecode.cvd']);
      });

      test('asks the mirror when our record is older than twelve hours', async () => {
        const has: [string, string][] = [['bytecode.cvd', 'bytecode.cvd']];
        const { requests } = await update('bytecode', bytecode(version, 12.1 * HOUR), has);
        expect(requests).toEqual(withSigns('bytecode.cvd bytes=0-511', 'had bytecode.cvd'));
      });

      test('asks the mirror for a database that is not in our record', async () => {
        const { names, requests, files } = await update('bytecode', bytecode(0), []);
        expect(names).toEqual([NAME, 'bytecode.cvd.clamav.net']);
        expect(requests).toEqual(withSigns('bytecode.cvd bytes=0-511', 'bytecode.cvd'));
        expect(files).toEqual(['bytecode.cvd']);
      });

      test('brings test-6 from 1 by CDIFFs alone when test has a record of its own', async () => {
        const { names, requests, files } = await update('test', withTest(), [['test.cvd', 'test-1.cvd']]);
        expect(names).toEqual([NAME, 'test.cvd.clamav.net']);
        expect(requests).toEqual(withSigns(...[2, 3, 4, 5, 6].map((to) => `test-${to}.cdiff`)));
        expect(files).toEqual(['test.cld']);
      });

      test('brings test-6 to an empty folder without a probe, and asks for nothing once it is there', async () => {
        const { requests, files } = await update('test', withTest(), []);
        expect(requests).toEqual(withSigns('test.cvd'));
        expect(files).toEqual(['test.cvd']);
        const again = await update('test', withTest(), [['test.cvd', 'test-6.cvd']]);
        expect(again.requests).toEqual(withSigns('had test.cvd'));
        expect(again.output).toContain('version: 6');
      });
    });
  });
});

/** A query, for TXT records unless told otherwise. */
function query(name: string, { id = 0x1234, flags = 0x0100, count = 1, type = 16 } = {}): Buffer {
  const header = Buffer.alloc(12);
  for (const [at, value] of [id, flags, count].entries()) header.writeUInt16BE(value, 2 * at);
  const labels = name.split('.').flatMap((label) => [Buffer.of(label.length), Buffer.from(label)]);
  return Buffer.concat([header, ...labels, Buffer.of(0, 0, type, 0, 1)]);
}
