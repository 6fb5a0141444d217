import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import {
  CONTAINER_COMMAND_MS,
  CONTAINER_OUTPUT_BYTES,
  OUTPUT_CHARACTERS,
  PULL_MS,
  TRIAL_MS,
} from '../../scripts/base/limits/engines.ts';
import { HANDSHAKE_MS, QUOTED_CHARACTERS } from '../../scripts/base/limits/mirror.ts';
import { TARGET_CHARACTERS } from '../../scripts/base/limits/requests.ts';
import {
  PROXIED_CONNECT_MS,
  QUOTED_ANSWER_CHARACTERS,
  RECORD_SECONDS,
  UPSTREAMS,
} from '../../scripts/base/limits/upstream.ts';
import { SILENT } from '../../scripts/base/log.ts';
import { findConfined } from '../../scripts/engine/confinement.ts';
import { type ContainerProgram, findContainerProgram } from '../../scripts/engine/docker/cli.ts';
import { openImage } from '../../scripts/engine/docker/image.ts';
import type { Engine } from '../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { startProgram } from '../../scripts/engine/process.ts';
import { servedName } from '../../scripts/host/served-name.ts';
import { checkTransport } from '../../scripts/probe/checks/transport.ts';
import { quoted } from '../../scripts/probe/finding.ts';
import type { ProbeClient } from '../../scripts/probe/http-client.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { parseRecord } from '../../scripts/upstream/dns.ts';
import { refusedBy } from '../../scripts/upstream/refused-answer.ts';
import { temporaryFolder } from '../store/support.ts';
import { NO_PROXIES } from '../support/web/no-proxies.ts';
import { openClient } from '../upstream/support.ts';
import { hasten } from './hasten.ts';
import { LOG_LIMITS } from './logs.ts';
import { elsewhere, ends, fails, type Row } from './rows.ts';

const DOWNLOAD = 'upstream/download.test.ts';
const COOL_DOWN = 'upstream/cool-down.test.ts';
const PACE = 'upstream/pace.test.ts';
const PROBE = 'probe/hostile.it.test.ts';
const WAIT = 'cycle/survey/wait-for.it.test.ts';
const VISIT = 'hostile/mirror.it.test.ts';
const TRANSFER = 'host/transfer.test.ts';
const FAULTS = 'proof/engines/engine-faults.it.test.ts';

/** A DNS record that is so many seconds old. */
const recordOf = (age: number) => {
  const now = new Date('2026-06-01T12:00:00Z');
  return parseRecord(`1.0.9:63:28034:${now.getTime() / 1000 - age}:1:90:49192:339`, now);
};

/** A `docker` that does what this line of a shell says, and knows who it is. */
async function dockerThat(does: string): Promise<ContainerProgram> {
  const folder = temporaryFolder();
  await mkdir(join(folder, 'bin'));
  const script = `#!/bin/sh\ncase "$1" in --version|info) echo Docker; exit 0;; esac\n${does}\n`;
  await writeFile(join(folder, 'bin', 'docker'), script, { mode: 0o755 });
  expect(spawnSync(join(folder, 'bin', 'docker'), ['--version']).status).toBe(0);
  return await findContainerProgram(`${join(folder, 'bin')}:/usr/bin:/bin`);
}

const UPSTREAM: Readonly<Record<string, Row>> = {
  UPSTREAMS: fails('setting/invalid', () => {
    const urls = Array.from({ length: UPSTREAMS + 1 }, (_, at) => `http://mirror-${at}.example`);
    const sync = (upstream: string) =>
      syncSettings({ flags: { upstream }, environment: {} }).upstreams.length;
    expect(sync(urls.slice(1).join())).toBe(UPSTREAMS);
    sync(urls.join());
  }),
  ADDRESS_MS: elsewhere(
    'the next one is tried',
    'http/network.test.ts',
    'a name whose first address is dead',
  ),
  CONNECT_MS: elsewhere('upstream/unreachable', 'upstream/retry.test.ts', 'a refused connection is given up'),
  PROXIED_CONNECT_MS: ends('it is given up', async () => {
    const idle = 1000;
    const hastened = hasten(PROXIED_CONNECT_MS + 2 * idle);
    const trickling = createServer((socket) => {
      socket.on('error', () => {}).write('HTTP/1.1 200 OK\r\n');
      const more = setInterval(() => socket.write('a: b\r\n'), 10);
      socket.on('close', () => clearInterval(more));
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void trickling.close());
    await once(trickling, 'listening');
    const { port } = trickling.address() as AddressInfo;
    await using open = openClient(`http://127.0.0.1:${port}`, { patience: { idle, attempts: 1 } });
    await expect(open.client.probe('daily.cvd')).rejects.toMatchObject({
      code: 'upstream/unreachable',
      cause: { name: 'TimeoutError' },
    });
    expect(hastened).toHaveBeenCalledWith(expect.anything(), PROXIED_CONNECT_MS + 2 * idle);
  }),
  'PATIENCE.idle': elsewhere(
    'it is given up',
    DOWNLOAD,
    'a transfer that stalls is given up after the idle time',
  ),
  'PATIENCE.span': elsewhere('upstream/incomplete', PACE, '%d MB at %d KB/s: %s'),
  'PATIENCE.least': elsewhere('upstream/incomplete', PACE, '%d MB at %d KB/s: %s'),
  'PATIENCE.attempts': elsewhere(
    'it is given up',
    'upstream/retry.test.ts',
    'is given up after three attempts',
  ),
  'PATIENCE.pause': elsewhere('it is given up', 'upstream/retry.test.ts', 'is given up after three attempts'),
  PAGE_BYTES: elsewhere(
    'no more of it is read',
    DOWNLOAD,
    'an error page without an end is not read to its end',
  ),
  REDIRECTS: elsewhere('upstream/redirect', DOWNLOAD, 'a redirect is followed three times'),
  REBUILD_STEPS: elsewhere(
    'the CVD is downloaded',
    'upstream/acquire/cvd.test.ts',
    'if more than 90 CDIFFs lie in between',
  ),
  'COOL_DOWN_MS.shortest': elsewhere('five minutes', COOL_DOWN, 'is a wait between five minutes and a day'),
  'COOL_DOWN_MS.longest': elsewhere('a day', COOL_DOWN, 'is a wait between five minutes and a day'),
  'RECORD_SECONDS.old': fails('upstream/record', () => recordOf(RECORD_SECONDS.old + 1)),
  'RECORD_SECONDS.ahead': fails('upstream/record', () => recordOf(-RECORD_SECONDS.ahead - 1)),
  'AWAIT_PAUSE_MS.first': elsewhere(
    'it is asked again',
    WAIT,
    'a version that is not there yet is looked for less and less often',
  ),
  'AWAIT_PAUSE_MS.longest': elsewhere(
    'it is asked again',
    WAIT,
    'a version that is not there yet is looked for less and less often',
  ),
  NAMESERVER_MS: elsewhere(
    'upstream/dns',
    'upstream/dns/dns.it.test.ts',
    'one that is dead costs three seconds and no more',
  ),
  DNS_MESSAGE_BYTES: elsewhere(
    'upstream/dns',
    'upstream/dns/dns-over-https.it.test.ts',
    'is no answer if it is %s',
  ),
  'UNTOLD_COOL_DOWN_MS.429': elsewhere('four hours', COOL_DOWN, '%s with Retry-After %s'),
  'UNTOLD_COOL_DOWN_MS.403': elsewhere('a day', COOL_DOWN, '%s with Retry-After %s'),
  QUOTED_ANSWER_CHARACTERS: ends('the rest is left out', () => {
    const words = 'x'.repeat(QUOTED_ANSWER_CHARACTERS + 1);
    const refused = refusedBy({ status: 403, header: () => words }, 'daily.cvd', `<title>${words}</title>`);
    expect(refused.ray).toHaveLength(QUOTED_ANSWER_CHARACTERS);
    expect(refused.title).toHaveLength(QUOTED_ANSWER_CHARACTERS);
  }),
};

const MIRROR: Readonly<Record<string, Row>> = {
  BODY_BYTES: elsewhere('a fault', PROBE, 'of which it takes no whole database'),
  REQUESTS: elsewhere('a fault', VISIT, 'is given up by `probe` after so many requests'),
  UNANSWERED_REQUESTS: elsewhere('a fault', PROBE, 'of which it does not wait for all'),
  'PROBE_PATIENCE.connect': elsewhere('a fault', PROBE, 'a host that is not there'),
  'PROBE_PATIENCE.idle': elsewhere('a fault', PROBE, "'silence'"),
  'PROBE_PATIENCE.answer': elsewhere('a fault', PROBE, 'of which it does not wait for all'),
  'PROBE_PATIENCE.file': elsewhere('a fault', VISIT, 'are %s is given up by `probe` in its time'),
  HANDSHAKE_MS: ends('of the certificate nothing is known', async () => {
    const hastened = hasten(HANDSHAKE_MS);
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    onTestFinished(() => void silent.close());
    await new Promise((listening) => silent.once('listening', listening));
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const client = { url: `https://127.0.0.1:${port}`, redirects: new Map() } as unknown as ProbeClient;
    expect(await checkTransport(client, NO_PROXIES, new Date())).toContainEqual(
      expect.objectContaining({ check: 'tls', what: 'a valid certificate' }),
    );
    expect(hastened).toHaveBeenCalledWith(expect.anything(), HANDSHAKE_MS);
  }),
  CLIENT_RUN_MS: elsewhere('it is given up', VISIT, 'is given up by `client`, whose freshclam ends'),
  QUOTED_CHARACTERS: ends('the rest is left out', () => {
    expect(quoted('x'.repeat(QUOTED_CHARACTERS + 1))).toBe(`"${'x'.repeat(QUOTED_CHARACTERS - 1)}…"`);
  }),
  QUICK_CHECK_MS: elsewhere('a cycle is wanted', 'action/check.it.test.ts', 'there is no answer in its time'),
};

const ENGINES: Readonly<Record<string, Row>> = {
  OUTPUT_CHARACTERS: ends('the rest is left out', async () => {
    const print = `process.stdout.write('x'.repeat(${3 * OUTPUT_CHARACTERS}))`;
    const options = { folder: '/', timeout: 60_000, environment: {} };
    const { output, exitCode } = await (await startProgram([process.execPath, '-e', print], options)).ended;
    expect(exitCode).toBe(0);
    expect(output.length).toBeLessThan(1.5 * OUTPUT_CHARACTERS);
  }),
  CLAMD_CHARACTERS: elsewhere(
    'it is no answer',
    'proof/clamd.test.ts',
    'an answer without an end is cut off',
  ),
  TOOL_MS: elsewhere('it is killed', FAULTS, 'a tool that hangs each time is killed each time'),
  ENGINE_MS: elsewhere('it is killed', FAULTS, 'and all of it has an end'),
  CONTAINER_OUTPUT_BYTES: fails('engine/broken', async () => {
    const program = await dockerThat(`exec head -c ${CONTAINER_OUTPUT_BYTES + 1} /dev/zero`);
    await program.command(['inspect']);
  }),
  CONTAINER_COMMAND_MS: fails('engine/broken', async () => {
    const program = await dockerThat('exec sleep 600');
    expect(CONTAINER_COMMAND_MS).toBeGreaterThan(100);
    await program.command(['inspect'], 100); // a shorter patience
  }),
  PULL_MS: fails('engine/missing', async () => {
    const program = await dockerThat('case "$1" in pull) exec sleep 600;; esac; exit 1');
    hasten(PULL_MS);
    await openImage('clamav/clamav', { program, work: '/nowhere', log: SILENT });
  }),
  REGISTRY_MS: elsewhere(
    'nothing is known',
    'engine/images/registry.test.ts',
    'if it says nothing in its time',
  ),
  REGISTRY_TOKEN_BYTES: elsewhere('nothing is known', 'engine/images/registry.test.ts', 'is too long'),
  TRANSCRIPT_CHARACTERS: elsewhere(
    'its middle is left out',
    'engine/transcript.test.ts',
    'is cut in the middle',
  ),
  TRANSCRIPTS: elsewhere('the oldest are removed', 'engine/transcript.test.ts', 'kept.slice(-20)'),
  SAMPLES: elsewhere('sample/too-many', 'proof/samples.test.ts', 'if there are too many of both together'),
  SAMPLES_BYTES: elsewhere(
    'sample/too-large',
    'proof/samples.test.ts',
    'if they are more than 2 GB together',
  ),
  SAMPLE_LIST_BYTES: elsewhere('sample/list', 'proof/samples.test.ts', 'a list without an end'),
  'TRIAL_MS.confinement': ends('it is killed, and said nothing', async () => {
    const hastened = hasten(TRIAL_MS.confinement);
    const start: Engine['start'] = async ({ folder, timeout }) =>
      await startProgram(['/bin/sleep', '600'], { folder, timeout, environment: {} });
    expect(await findConfined({ start, tools: new Set(['freshclam']) }, temporaryFolder())).toBeUndefined();
    expect(hastened).toHaveBeenCalledWith(expect.anything(), TRIAL_MS.confinement);
  }),
  'TRIAL_MS.mount': ends('no tool is given a nameserver', async () => {
    const folder = temporaryFolder();
    await writeFile(join(folder, 'unshare'), '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 });
    const hastened = hasten(TRIAL_MS.mount);
    const { canAskNameserver } = await findNativeEngine(`${folder}:/usr/bin:/bin`);
    expect(canAskNameserver).toBe(false);
    if (process.getuid?.() === 0) expect(hastened).toHaveBeenCalledWith(expect.anything(), TRIAL_MS.mount);
  }),
};

const REQUESTS: Readonly<Record<string, Row>> = {
  TARGET_CHARACTERS: ends('it is the name of nothing', () => {
    expect(servedName('/daily.cvd?'.padEnd(TARGET_CHARACTERS, 'x'))).toBe('daily.cvd');
    expect(servedName('/daily.cvd?'.padEnd(TARGET_CHARACTERS + 1, 'x'))).toBeUndefined();
  }),
  'HOST_PATIENCE.headers': elsewhere(
    'it is cut off',
    TRANSFER,
    'that does not finish its headers is cut off',
  ),
  'HOST_PATIENCE.request': elsewhere(
    'it is cut off',
    TRANSFER,
    'that does not finish its headers is cut off',
  ),
  'HOST_PATIENCE.idle': elsewhere('it is closed', TRANSFER, 'an idle connection is closed'),
  'HOST_PATIENCE.stall': elsewhere('it is cut off', TRANSFER, 'a client that takes nothing is cut off'),
  'HOST_PATIENCE.grace': elsewhere(
    'it is cut off',
    TRANSFER,
    'cuts off a transfer that does not finish in time',
  ),
  ...LOG_LIMITS,
  LOG_WAITING_BYTES: elsewhere('lines are dropped', 'host/request-log.test.ts', 'a reader that stands still'),
};

export const OUTSIDE_LIMITS = { upstream: UPSTREAM, mirror: MIRROR, engines: ENGINES, requests: REQUESTS };
