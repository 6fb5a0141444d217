import { once } from 'node:events';
import { lstat, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { codeOf } from '../../base/errors.ts';
import { DaemonError } from '../error.ts';
import { type Answers, closeServer, listening, smallServer } from './small-server.ts';

/** Rights of everybody else on the socket are taken away: who may write there may ask for cycles. */
const NOT_FOR_OTHERS = 0o177;

/**
 * Listens on a unix socket that only this user can use. The socket of a process that is gone is taken over, that of one that
 * lives is not. Throws `daemon/socket`.
 */
export async function startControl(path: string, answers: Answers): Promise<AsyncDisposable> {
  const server = smallServer(answers);
  try {
    await listenAlone(server, path);
  } catch (cause) {
    if (codeOf(cause) !== 'EADDRINUSE') throw unusable(path, { cause, advice: ADVICE });
    await removeStale(path);
    await listenAlone(server, path).catch((again: unknown) => {
      throw unusable(path, { cause: again, advice: ADVICE });
    });
  }
  return { [Symbol.asyncDispose]: () => closeServer(server) }; // which removes the socket
}

async function listenAlone(server: Server, path: string): Promise<void> {
  await listening(server, () => {
    const before = process.umask(NOT_FOR_OTHERS);
    try {
      server.listen(path); // makes the socket before it returns
    } finally {
      process.umask(before);
    }
  });
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path);
  if (!found.isSocket()) throw unusable(path, { advice: `It is no socket. ${ADVICE}` });
  if (await isAnswered(path)) throw unusable(path, { advice: `Another process listens there. ${ADVICE}` });
  await rm(path, { force: true });
}

async function isAnswered(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return false;
    throw unusable(path, { cause: error, advice: ADVICE });
  } finally {
    socket.destroy();
  }
}

const ADVICE = 'Choose another path for --socket, in a folder of this user';

function unusable(path: string, more: { readonly cause?: unknown; readonly advice: string }): DaemonError {
  return new DaemonError('daemon/socket', `cannot listen on ${path}`, more);
}
