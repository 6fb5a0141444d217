import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { ADMIN_CONNECTIONS } from '../../scripts/base/limits/daemon.ts';
import { startAdmin } from '../../scripts/daemon/answers/admin.ts';
import { startControl } from '../../scripts/daemon/answers/control.ts';
import type { Answers } from '../../scripts/daemon/answers/small-server.ts';

const HERE = { address: '127.0.0.1', port: 0 };
const ANSWERS: Answers = {
  'GET /well': () => ({ status: 200, json: { well: true } }),
  'GET /text': async () => ({ status: 503, text: 'a 1\n', type: 'text/plain' }),
  'POST /do': () => ({ status: 202, json: { done: 'soon' } }),
  'GET /broken': () => {
    throw new Error('the store is away');
  },
};

describe('the admin address', () => {
  test('answers what it knows, and says so of anything else', async () => {
    await using admin = await startAdmin(HERE, ANSWERS);
    const ask = async (path: string, method = 'GET') => {
      const answer = await fetch(`${admin.url}${path}`, { method });
      return [answer.status, answer.headers.get('content-type'), await answer.text()];
    };
    expect(await ask('/well')).toEqual([200, 'application/json', '{"well":true}\n']);
    expect(await ask('/well?verbose')).toEqual([200, 'application/json', '{"well":true}\n']);
    expect(await ask('/well', 'HEAD')).toEqual([200, 'application/json', '']);
    expect(await ask('/text')).toEqual([503, 'text/plain', 'a 1\n']);
    expect(await ask('/do', 'POST')).toEqual([202, 'application/json', '{"done":"soon"}\n']);
    expect((await ask('/do'))[0]).toBe(405);
    expect((await ask('/constructor'))[0]).toBe(404);
    expect(await ask('/broken')).toEqual([500, 'application/json', '{"error":"the store is away"}\n']);
  });

  test('that somebody has is not to be had', async () => {
    await using first = await startAdmin(HERE, ANSWERS);
    const port = Number(new URL(first.url).port);
    await expect(startAdmin({ ...HERE, port }, ANSWERS)).rejects.toMatchObject({ code: 'daemon/admin' });
  });

  test('closes more connections than it serves at once', async () => {
    await using admin = await startAdmin(HERE, ANSWERS);
    const port = Number(new URL(admin.url).port);
    const sockets: Socket[] = [];
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
    for (let count = 0; count < ADMIN_CONNECTIONS; count++) {
      const socket = connect(port).on('error', () => {});
      sockets.push(socket);
      await once(socket, 'connect');
    }
    const oneMore = connect(port).on('error', () => {});
    sockets.push(oneMore);
    await once(oneMore.resume(), 'close');
  });
});

describe('the socket', () => {
  let path: string;
  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'control-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    path = join(folder, 'socket');
  });

  test('is for its user only, answers, and is gone when it is closed', async () => {
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    const control = await startControl(path, ANSWERS);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(process.umask()).toBe(0);
    expect(await post(path, '/do')).toEqual([202, '{"done":"soon"}\n']);
    await control[Symbol.asyncDispose]();
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('of a run that was killed is taken over', async () => {
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script]), 'exit');
    expect((await stat(path)).isSocket()).toBe(true);
    await using _ = await startControl(path, ANSWERS);
    expect(await post(path, '/do')).toEqual([202, '{"done":"soon"}\n']);
  });

  test('of a run that lives stays its own', async () => {
    await using _ = await startControl(path, ANSWERS);
    await expect(startControl(path, {})).rejects.toMatchObject({ code: 'daemon/socket' });
    expect(await post(path, '/do')).toEqual([202, '{"done":"soon"}\n']);
  });

  test('of somebody else who answers nothing stays his', async () => {
    const server = createServer().listen(path);
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    await expect(startControl(path, ANSWERS)).rejects.toMatchObject({ code: 'daemon/socket' });
    expect((await stat(path)).isSocket()).toBe(true);
  });

  test('never takes the place of a file, nor of a folder', async () => {
    await writeFile(path, 'mine');
    await expect(startControl(path, ANSWERS)).rejects.toMatchObject({ code: 'daemon/socket' });
    expect((await stat(path)).size).toBe(4);
    await expect(startControl(tmpdir(), ANSWERS)).rejects.toMatchObject({ code: 'daemon/socket' });
  });

  test('in a folder that is not there cannot be had', async () => {
    await expect(startControl(join(path, 'below'), ANSWERS)).rejects.toMatchObject({ code: 'daemon/socket' });
  });
});

async function post(socketPath: string, path: string): Promise<[number | undefined, string]> {
  const asked = request({ socketPath, path, method: 'POST' }).end();
  const [answer] = await once(asked, 'response');
  return [answer.statusCode, await text(answer)];
}
