import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { isIPv6, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { codeOf } from '../base/errors.ts';
import { HOST_PATIENCE } from '../base/limits/requests.ts';
import { hangUp, statusOf } from './bad-request.ts';
import { HostError } from './error.ts';
import { OpenFiles } from './file-cache.ts';
import { respond } from './respond.ts';
import { HostResponse, type RequestLine } from './response.ts';

export type { RequestLine } from './response.ts';

export interface HostOptions {
  /** Published tree or stage. It may change at any time, file by file, through renames. */
  readonly folder: string;
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly address?: string;
  /** Path such as `/secret` below which everything is served. Other requests get 404 and are not reported. */
  readonly below?: string;
  /** True for an existing file that must not be served: it is 404, like a missing one. */
  readonly hides?: (name: string) => Promise<boolean>;
  /** Called once for each finished request. */
  readonly onRequest?: (line: RequestLine) => void;
  readonly limits?: Partial<HostLimits>;
}

/** Times that the host waits for clients, in milliseconds. */
export interface HostLimits {
  /** For a client to send its headers. */
  readonly headers: number;
  /** For a client to send a whole request, with a body that is ignored. */
  readonly request: number;
  /** For a connection without a request. */
  readonly idle: number;
  /** For a client that accepts no byte of a transfer. */
  readonly stall: number;
  /** For transfers under way when `close` is called. */
  readonly grace: number;
}

export interface Host extends AsyncDisposable {
  /** URL without a trailing slash, in the form of freshclam's `DatabaseMirror`. */
  readonly url: string;
  readonly port: number;
  /** Accepts no more connections, gives transfers a few seconds to finish, then cuts them off. */
  close(): Promise<void>;
}

/** A request target that is never served. */
const NOTHING = '/.nothing';

/**
 * Serves `folder` over HTTP as ClamAV clients need it: with Range requests, 404 for missing files, no
 * Content-Encoding, and Last-Modified from the CVD (clamav-formats.md §0.3, §0.4, §6). Throws `HostError`.
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const { folder, port = 0, address = '127.0.0.1', below = '', hides, onRequest } = options;
  const limits = { ...HOST_PATIENCE, ...options.limits };
  await requireFolder(folder);

  const files = new OpenFiles(folder);
  const running = new Set<HostResponse>();
  let closing: Promise<void> | undefined;
  const server = createServer(
    {
      ServerResponse: HostResponse,
      headersTimeout: limits.headers,
      requestTimeout: limits.request,
      keepAliveTimeout: limits.idle,
      connectionsCheckingInterval: Math.min(limits.headers, 5_000),
    },
    (request, response) => {
      running.add(response);
      const isBelow = below === '' || request.url?.startsWith(`${below}/`) === true;
      if (below !== '') request.url = isBelow ? request.url?.slice(below.length) : NOTHING;
      response.whenOver((line) => {
        running.delete(response);
        if (closing !== undefined && running.size === 0) server.closeAllConnections();
        if (isBelow) onRequest?.(line);
      });
      respond(files, request, response, hides);
    },
  );
  server.setTimeout(limits.stall);
  const isBusy = (socket: Duplex) => running.values().some((response) => response.req.socket === socket);
  server.on('clientError', (error, socket) => hangUp(socket, isBusy(socket), statusOf(error)));
  server.on('connect', (_, socket) => hangUp(socket, isBusy(socket), 405, 'Allow: GET, HEAD\r\n'));
  await listen(server, port, address);
  // A connection could not be accepted, for lack of file descriptors perhaps: only that client is lost.
  server.on('error', () => {});

  const close = (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      const cut = setTimeout(() => server.closeAllConnections(), limits.grace);
      server.close(() => {
        clearTimeout(cut);
        files[Symbol.dispose]();
        resolve();
      });
      if (running.size === 0) server.closeAllConnections();
    });
    return closing;
  };
  const bound = server.address();
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port;
  return {
    url: `${urlOf(address, boundPort)}${below}`,
    port: boundPort,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function requireFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((cause: unknown) => {
    throw new HostError('host/folder', `cannot serve ${folder}`, { cause, advice: FOLDER_ADVICE });
  });
  if (!found.isDirectory()) {
    throw new HostError('host/folder', `${folder} is not a folder`, { advice: FOLDER_ADVICE });
  }
}

const FOLDER_ADVICE = 'Name the folder that the mirror publishes to. It may be empty, but it must exist';

async function listen(server: Server, port: number, address: string): Promise<void> {
  try {
    server.listen(port, address);
    await once(server, 'listening');
  } catch (cause) {
    throw asHostError(cause, port, address);
  }
}

function asHostError(cause: unknown, port: number, address: string): HostError {
  const where = `cannot listen on ${address}, port ${port}`;
  switch (codeOf(cause)) {
    case 'EADDRINUSE':
      return new HostError('host/port-in-use', where, {
        cause,
        advice: 'Stop the program that uses this port, or choose another port: 0 takes any free one',
      });
    case 'EACCES':
      return new HostError('host/port-denied', where, {
        cause,
        advice: 'Choose a port from 1024 on: lower ones need the rights of an administrator',
      });
    default:
      return new HostError('host/address', where, {
        cause,
        advice:
          'Choose an address of this machine (127.0.0.1, or 0.0.0.0 for all) and a port from 0 to 65535',
      });
  }
}

/** URL for clients, with a loopback address in the place of a wildcard. */
function urlOf(address: string, port: number): string {
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
