import { once } from 'node:events';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { basicAuthorization } from './credentials.ts';
import { prepareNetwork } from './network.ts';
import { type Proxies, proxyFor } from './proxies.ts';

/**
 * Opens TLS to the host of a URL, through the proxy on the way to it, to look at its certificates: none is refused. Nothing
 * is sent. Rejects after `timeout` milliseconds.
 */
export async function tlsTo(url: string, proxies: Proxies, timeout: number): Promise<TLSSocket> {
  prepareNetwork(proxies.authorities);
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const target = { host, port: Number(port || 443) };
  const proxy = proxyFor(url, proxies);
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(() => controller.abort(new Error('no handshake in time')), timeout); // it may trickle
  try {
    const tunnel = proxy && (await tunnelTo(`${hostname}:${target.port}`, proxy, signal));
    const way = tunnel === undefined ? target : { socket: tunnel };
    const socket = connect({
      ...way,
      ...(isIP(host) === 0 && { servername: host }),
      rejectUnauthorized: false,
    });
    signal.addEventListener('abort', () => socket.destroy(signal.reason));
    await once(socket, 'secureConnect');
    return socket.on('error', () => {});
  } finally {
    clearTimeout(timer);
  }
}

async function tunnelTo(path: string, proxy: URL, signal: AbortSignal): Promise<Socket> {
  const { protocol, hostname, port } = proxy;
  const authorization = basicAuthorization(proxy);
  const request = protocol === 'https:' ? tlsRequest : plainRequest;
  return await new Promise((resolve, reject) => {
    request({
      method: 'CONNECT',
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port || (protocol === 'https:' ? 443 : 80),
      path,
      headers: { host: path, ...(authorization !== undefined && { 'proxy-authorization': authorization }) },
      signal,
      agent: false,
    })
      .on('connect', ({ statusCode = 0 }, socket) => {
        if (statusCode === 200) return resolve(socket);
        socket.destroy();
        reject(new Error(`Proxy response (${statusCode}) to CONNECT`));
      })
      .on('response', ({ statusCode }) => reject(new Error(`Proxy response (${statusCode}) to CONNECT`)))
      .on('error', reject)
      .end();
  });
}
