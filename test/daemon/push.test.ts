import { describe, expect, test } from 'vitest';
import { PUSH_AGE_MS, PUSH_BYTES, PUSH_ID_CHARACTERS, PUSHES } from '../../scripts/base/limits/daemon.ts';
import { startAdmin } from '../../scripts/daemon/answers/admin.ts';
import { pushAnswers } from '../../scripts/daemon/answers/push.ts';
import { signature } from '../../scripts/notify/channels/webhook.ts';
import { runSettings } from '../../scripts/settings/commands/run.ts';
import { EasyClock } from './support.ts';

const SECRET = Buffer.from('sixteen bytes, or more');
const PUBLISHED = JSON.stringify({ type: 'mirror.published', data: {} });

interface Push {
  readonly id?: string;
  readonly body?: string;
  readonly secret?: Buffer;
  /** Seconds by which its clock is ahead of ours. */
  readonly ahead?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

async function admin() {
  const clock = new EasyClock('2026-11-28T12:00:00Z');
  let asked = 0;
  const ask = () => {
    asked++;
    return 'begins';
  };
  const answers = pushAnswers({ secret: SECRET, now: () => clock.now(), ask });
  const server = await startAdmin({ address: '127.0.0.1', port: 0 }, answers);
  const signed = ({ id = 'msg_1', body = PUBLISHED, secret = SECRET, ahead = 0 }: Push) => {
    const seconds = String(Math.floor(clock.now().getTime() / 1000) + ahead);
    return {
      'webhook-id': id,
      'webhook-timestamp': seconds,
      'webhook-signature': signature(`${id}.${seconds}.${body}`, secret),
    };
  };
  return {
    clock,
    asked: () => asked,
    async push(push: Push = {}) {
      const { body = PUBLISHED, headers = {} } = push;
      const answer = await fetch(`${server.url}/push`, {
        method: 'POST',
        body,
        headers: { ...signed(push), ...headers },
      });
      await answer.text();
      return answer.status;
    },
    /** The same without a network, for a thousand of them. */
    async pushHere(push: Push) {
      const body = async () => push.body ?? PUBLISHED;
      return (await answers['POST /push']?.({ headers: signed(push), body }))?.status;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describe('a message of upstream', () => {
  test('about a publication asks for a cycle, once', async () => {
    await using it = await admin();
    expect([await it.push(), await it.push(), await it.push({ id: 'msg_2' })]).toEqual([202, 200, 202]);
    expect(it.asked()).toBe(2);
  });

  test('about anything else asks for none', async () => {
    await using it = await admin();
    for (const [at, body] of ['{"type":"mirror.test"}', '[]', 'null', 'no JSON', ''].entries())
      expect(await it.push({ id: `msg_${at}`, body })).toBe(200);
    expect(it.asked()).toBe(0);
  });

  test.each([
    ['signed with another secret', { secret: Buffer.from('another, as long as that') }],
    ['without a signature', { headers: { 'webhook-signature': '' } }],
    ['with a signature for another id', { headers: { 'webhook-id': 'msg_9' } }],
    ['with a signature for another time', { headers: { 'webhook-timestamp': '1795867201' } }],
    ['with an endless id', { id: 'x'.repeat(PUSH_ID_CHARACTERS + 1) }],
    ['that is old', { ahead: -PUSH_AGE_MS / 1000 - 1 }],
    ['from a clock that is ahead', { ahead: PUSH_AGE_MS / 1000 + 1 }],
    ['of no time at all', { headers: { 'webhook-timestamp': 'now' } }],
  ] as const)('%s does not count', async (_, push) => {
    await using it = await admin();
    expect(await it.push(push)).toBe(401);
    expect(it.asked()).toBe(0);
  });

  test('counts while the key is exchanged, if one of its signatures is right', async () => {
    await using it = await admin();
    const seconds = String(it.clock.now().getTime() / 1000);
    const ours = signature(`msg_1.${seconds}.${PUBLISHED}`, SECRET);
    expect(await it.push({ headers: { 'webhook-signature': `v1,AAAA ${ours}` } })).toBe(202);
  });

  test('that is too long is not read to its end', async () => {
    await using it = await admin();
    const answer = await it.push({ body: 'x'.repeat(PUSH_BYTES + 1) }).catch(() => 413); // it may be cut off
    expect(answer).toBe(413);
    expect(it.asked()).toBe(0);
  });

  test('is refused after more than any mirror sends, until some time has passed', async () => {
    await using it = await admin();
    const body = '{}';
    for (let count = 0; count < PUSHES; count++)
      expect(await it.pushHere({ id: `msg_${count}`, body })).toBe(200);
    expect(await it.push({ id: 'msg_last' })).toBe(429);
    it.clock.pass(2 * PUSH_AGE_MS + 1);
    expect(await it.push({ id: 'msg_last' })).toBe(202);
  });

  test('cannot come again once it is forgotten: it is too old by then', async () => {
    await using it = await admin();
    expect(await it.push()).toBe(202);
    it.clock.pass(2 * PUSH_AGE_MS + 1);
    expect(await it.push({ ahead: -2 * (PUSH_AGE_MS / 1000) - 1 })).toBe(401);
  });

  test('has no door without a secret', () => {
    expect(pushAnswers({ secret: undefined, now: () => new Date(), ask: () => '' })).toEqual({});
  });
});

test('the secret needs an admin address, has a least length, and no cycle gets it', () => {
  const settings = (flags: Record<string, string>) => runSettings({ flags, environment: {} });
  const code = expect.objectContaining({ code: 'setting/invalid' });
  expect(() => settings({ 'push-secret': 'whsec_c2l4dGVlbi1ieXRlcy1vci1tb3Jl', admin: 'off' })).toThrow(code);
  expect(() => settings({ 'push-secret': 'short' })).toThrow(code);
  const { pushSecret, cycleEnvironment } = runSettings({
    flags: {},
    environment: { CLAMAV_MIRROR_PUSH_SECRET: 'sixteen bytes or more' },
  });
  expect(pushSecret?.toString()).toBe('sixteen bytes or more');
  expect(JSON.stringify(cycleEnvironment)).not.toContain('sixteen');
});
