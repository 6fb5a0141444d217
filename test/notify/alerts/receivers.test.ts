import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { MAIL_ANSWER_BYTES } from '../../../scripts/base/limits/alerts.ts';
import { type Receiver, startReceiver } from '../../support/alerts/receiver.ts';
import { freePort } from '../../support/web/ports.ts';
import { Clock, failing } from '../support.ts';
import { Alerter, NO_PROXIES } from './support.ts';

const untold = (kind: string, why: string) =>
  `alert 1 (${kind}) was not told: ${why}. The next run tries again`;
/** Ends the time for alerts when a receiver has what it needs to answer, and does not. */
function deadline() {
  const end = new AbortController();
  return { end, sending: { proxies: NO_PROXIES, signal: end.signal, now: new Clock().now } };
}

describe('a receiver that', () => {
  test('never answers costs the time for alerts, and the others nothing', async () => {
    await using silent = await startReceiver();
    await using other = await startReceiver();
    const { end, sending } = deadline();
    const asked = Promise.withResolvers<void>();
    const told = Promise.withResolvers<void>();
    silent.instead = (request) => {
      request.resume();
      asked.resolve();
    };
    other.instead = (request, response) => {
      request.resume();
      response.end('ok');
      told.resolve();
    };
    const alerter = new Alerter(`${silent.address('slack')}\n${other.address('webhook')}`, new Clock());
    const telling = alerter.tell(failing('proof'), { sending });
    await Promise.all([asked.promise, told.promise]); // the other one is told while the first says nothing
    end.abort();
    expect((await telling).warnings[0]).toBe(untold('slack', 'no answer in time'));
  });

  test('answers, and then sends its body for ever, was told', async () => {
    await using receiver = await startReceiver();
    receiver.instead = (request, response) => {
      request.resume();
      response.writeHead(200);
      const fill = () => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
      };
      response.on('drain', fill);
      fill();
    };
    const told = await new Alerter(receiver.address('teams'), new Clock()).tell(failing('proof'));
    expect(told).toMatchObject({ warnings: [], taken: 1 });
  });

  test.each<[string, string, NonNullable<Receiver['instead']>]>([
    ['answers 404', 'it answers 404', (_, response) => response.writeHead(404).end('s3cr3t')],
    ['answers 500', 'it answers 500', (_, response) => response.writeHead(500).end()],
    ['hangs up', 'no answer (UND_ERR_SOCKET)', (request) => request.socket.destroy()],
    ['says what is not HTTP', 'no answer', (request) => request.socket.end('s3cr3t\r\n\r\n')],
    [
      'says more in its head than any does',
      'no answer (UND_ERR_HEADERS_OVERFLOW)',
      (_, response) => response.writeHead(200, { 'x-long': 'x'.repeat(100_000) }).end(),
    ],
  ])('%s is named in a warning without a word of its own', async (_, why, instead) => {
    await using receiver = await startReceiver();
    receiver.instead = instead;
    const { warnings } = await new Alerter(receiver.address('slack'), new Clock()).tell(failing('proof'));
    expect(warnings).toEqual([untold('slack', why)]);
  });

  test('redirects is not followed', async () => {
    await using receiver = await startReceiver();
    await using target = await startReceiver();
    receiver.instead = (_, response) => response.writeHead(307, { location: `${target.url}/slack` }).end();
    const { warnings } = await new Alerter(receiver.address('slack'), new Clock()).tell(failing('proof'));
    expect(warnings).toEqual([untold('slack', 'it answers 307')]);
    expect([...target.taken, ...target.refused]).toEqual([]);
  });

  test('is not there is named by the code of the error alone', async () => {
    const address = `http://127.0.0.1:${await freePort()}/s3cr3t`;
    const { warnings } = await new Alerter(address, new Clock()).tell(failing('proof'));
    expect(warnings).toEqual([untold('webhook', 'no answer (ECONNREFUSED)')]);
  });

  test('did not take one thing is asked nothing more in this run', async () => {
    await using receiver = await startReceiver();
    let requests = 0;
    receiver.instead = (request, response) => {
      requests++;
      request.resume();
      response.writeHead(503).end();
    };
    await new Alerter(receiver.address('slack'), new Clock()).tell(failing('proof', 'host', 'engine'));
    expect(requests).toBe(1);
  });
});

/** A mail server that says these lines, one for each that it hears; it notes what it hears. */
async function startMailServer(
  greeting: string,
  answer: (line: string, socket: Socket) => string | undefined,
) {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    if (greeting !== '') socket.write(greeting);
    socket.on('data', (chunk) => {
      for (const line of chunk.toString('latin1').split('\r\n').filter(Boolean)) {
        heard.push(line);
        const said = answer(line, socket);
        if (said !== undefined) socket.write(said);
      }
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  return {
    heard,
    server,
    address: (credentials = '') =>
      `smtp://${credentials}127.0.0.1:${port}/?from=mirror@example.org&to=ops@example.org`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('a mail server that', () => {
  const told = async (address: string, sending = deadline().sending) =>
    (await new Alerter(address, new Clock()).tell(failing('proof'), { sending })).warnings;

  test('takes no STARTTLS never gets a password, nor a mail', async () => {
    await using mail = await startMailServer('220 here\r\n', (line) =>
      line.startsWith('EHLO') ? '250-here\r\n250 AUTH PLAIN LOGIN\r\n' : '502 no\r\n',
    );
    expect(await told(mail.address('user:s3cr3t@'))).toEqual([
      untold('mail', 'the mail server answers 502 to STARTTLS'),
    ]);
    expect(mail.heard.filter((line) => /AUTH|MAIL|s3cr3t|dXNlcg/.test(line))).toEqual([]);
  });

  test('is of this machine gets a mail without TLS, and no password', async () => {
    await using mail = await startMailServer('220 here\r\n', (line) => {
      if (line === 'DATA') return '354 go on\r\n';
      return /^(EHLO|MAIL|RCPT|QUIT|\.$)/.test(line) ? '250 fine\r\n' : undefined;
    });
    expect(await told(mail.address())).toEqual([]);
    expect(mail.heard).toContain('RCPT TO:<ops@example.org>');
    expect(mail.heard).toContain('Auto-Submitted: auto-generated');
  });

  test('refuses is named by its status, without a word of its own', async () => {
    await using mail = await startMailServer('220 here\r\n', (line) =>
      line.startsWith('EHLO') ? '250 here\r\n' : '550 s3cr3t ops@example.org unknown\r\n',
    );
    expect(await told(mail.address())).toEqual([untold('mail', 'the mail server answers 550 to MAIL FROM')]);
  });

  test('says nothing is given up with the time for alerts', async () => {
    await using mail = await startMailServer('', () => undefined);
    const { end, sending } = deadline();
    mail.server.once('connection', () => end.abort());
    expect(await told(mail.address(), sending)).toEqual([untold('mail', 'no answer in time')]);
  });

  test('goes on greeting for ever is left', async () => {
    await using mail = await startMailServer('220-here\r\n'.repeat(MAIL_ANSWER_BYTES / 8), () => undefined);
    expect(await told(mail.address())).toEqual([untold('mail', 'no answer (EPROTOCOL)')]);
  });
});
