import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { testAlerts } from '../../../scripts/notify/alerts/alerts.ts';
import { failing, well as wellAgain } from '../../../scripts/notify/alerts/texts.ts';
import { parseAddresses } from '../../../scripts/notify/channels/address.ts';
import { mailOf } from '../../../scripts/notify/channels/mail.ts';
import { signature } from '../../../scripts/notify/channels/webhook.ts';
import { begun } from '../../../scripts/notify/lasting.ts';
import { FAILURE_CLASSES } from '../../../scripts/notify/run-report.ts';
import { KEY, type Receiver, startReceiver } from '../../support/alerts/receiver.ts';
import { SERVICES, type ServiceName } from '../../support/alerts/schemas.ts';
import { expectHarmless, HOSTILE } from '../../support/hostile-words.ts';
import { Clock, failing as failingIn, failure, reportOf, well } from '../support.ts';
import { Alerter, NO_PROXIES, SENDER } from './support.ts';

const NAMES = Object.keys(SERVICES) as ServiceName[];
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const all = (receiver: Receiver) => NAMES.map((name) => receiver.address(name)).join('\n');
const MEGABYTES = 'no room <!channel> @everyone '.repeat(100_000);

/** Every text within a message, without those of our own that only machines read. */
function wordsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(wordsOf) : [];
}

describe.each(NAMES)('%s takes, as it documents', (name) => {
  test.each(FAILURE_CLASSES)('a failure of the class %s, a reminder, and its end', async (failed) => {
    await using receiver = await startReceiver();
    const clock = new Clock();
    const alerter = new Alerter(receiver.address(name), clock);
    await alerter.tell(failingIn(failed));
    clock.pass({ days: 1 });
    await alerter.tell(failingIn(failed));
    await alerter.tell(well(failed));
    expect(receiver.refused).toEqual([]);
    expect(receiver.taken.map(({ service }) => service)).toEqual([name, name, name]);
    expect(alerter.warnings).toEqual([]);
  });

  test('a publication, and a test', async () => {
    await using receiver = await startReceiver();
    const address = `${receiver.address(name)}#events=publications`;
    await new Alerter(address, new Clock()).tell(well());
    const sending = { proxies: NO_PROXIES, signal: new AbortController().signal, now: new Clock().now };
    expect(await testAlerts(parseAddresses(address), SENDER, sending)).toEqual([undefined]);
    expect(receiver.refused).toEqual([]);
    expect(receiver.taken).toHaveLength(2);
    expect(wordsOf(receiver.taken[0]?.json).join(' ')).toContain('daily 28000');
  });

  test.each([
    ['megabytes of words', MEGABYTES],
    ['what Slack would have to escape, over and over', '<&>'.repeat(100_000)],
    ['what is long in bytes', '\u4e2d"\\\u{1f600}'.repeat(100_000)],
    ['hostile words', HOSTILE],
    ['half a character at the end', `${'x'.repeat(2498)}\u{1f600}`],
  ])('%s from outside', async (_, words) => {
    await using receiver = await startReceiver();
    const hostile = failure('proof', { what: words, advice: words, code: words, log: [words] });
    const report = { ...reportOf([hostile]), upstream: { [words.slice(0, 200)]: 1, daily: 28001 } };
    await new Alerter(receiver.address(name), new Clock()).tell(report);
    expect(receiver.refused).toEqual([]);
    const [taken] = receiver.taken;
    for (const text of wordsOf(taken?.json)) {
      expectHarmless(text);
      expect(text).not.toMatch(/@(everyone|here|channel|team)|<[!@#]/); // a mention
    }
  });
});

describe('a message', () => {
  test('has the same words as an issue: meaning, advice, and what failed', async () => {
    await using receiver = await startReceiver();
    await new Alerter(all(receiver), new Clock()).tell(failingIn('publication'));
    for (const { json } of receiver.taken) {
      const words = wordsOf(json).join('\n').replaceAll('\\', '');
      expect(words).toContain('ClamAV mirror: publishing failed');
      expect(words).toContain('mirror.example');
      expect(words).toContain('clients see no mixture');
      expect(words).toContain('the next run starts over');
      expect(words).toContain('publication is broken');
    }
  });

  test('to a webhook of one’s own is signed, with its time, so that it can be refused when it is old', async () => {
    await using receiver = await startReceiver();
    const clock = new Clock();
    await new Alerter(`${receiver.address('webhook')}#secret=${SECRET}`, clock).tell(failingIn('host'));
    const [taken] = receiver.taken;
    const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signed } = taken?.headers ?? {};
    expect(Number(time)).toBe(Math.floor(clock.time / 1000));
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
    const expected = createHmac('sha256', key).update(`${id}.${time}.${taken?.text}`).digest('base64');
    expect(signed).toBe(`v1,${expected}`);
    expect(taken?.json).toMatchObject({
      type: 'mirror.failing',
      data: { failure: { class: 'host', runs: 1 }, versions: { daily: { served: 28000, upstream: 28001 } } },
    });
  });

  test('is signed as the example of Standard Webhooks is', () => {
    const content = 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}';
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
    expect(signature(content, key)).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  test('is told from a forged and from an old one by the code in site/alerts.md', async () => {
    await using receiver = await startReceiver();
    const address = `${receiver.address('webhook')}#secret=${SECRET}`;
    const send = async (now: Date) => {
      const sending = { proxies: NO_PROXIES, signal: new AbortController().signal, now: () => now };
      await testAlerts(parseAddresses(address), SENDER, sending);
      const { headers, text } = receiver.taken.at(-1) ?? {};
      return { headers, body: text ?? '', key: SECRET.slice('whsec_'.length) };
    };
    const page = await readFile(join(import.meta.dirname, '..', '..', '..', 'site', 'alerts.md'), 'utf8');
    const [, code = ''] = /^```js\n(.*?)^```$/ms.exec(page) ?? [];
    const { isGenuine } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
    const message = await send(new Date());
    expect(isGenuine(message)).toBe(true);
    expect(isGenuine({ ...message, body: message.body.replace('test', 'best') })).toBe(false);
    expect(isGenuine({ ...message, key: Buffer.alloc(24).toString('base64') })).toBe(false);
    expect(isGenuine(await send(new Date(Date.now() - 3_600_000)))).toBe(false);
  });

  test('to PagerDuty opens and closes one incident of a class', async () => {
    await using receiver = await startReceiver();
    const alerter = new Alerter(receiver.address('pagerduty'), new Clock());
    await alerter.tell(failingIn('integrity'));
    await alerter.tell(well('integrity'));
    const [opened, closed] = receiver.taken.map(({ json }) => json);
    expect(opened).toMatchObject({
      event_action: 'trigger',
      routing_key: KEY,
      payload: { severity: 'critical' },
    });
    expect(closed).toMatchObject({ event_action: 'resolve', dedup_key: opened.dedup_key });
  });

  test('to PagerDuty about a publication is a change, which pages nobody', async () => {
    await using receiver = await startReceiver();
    await new Alerter(`${receiver.address('pagerduty')}#events=publications`, new Clock()).tell(well());
    expect(receiver.taken.map(({ path }) => path)).toEqual(['/v2/change/enqueue']);
  });
});

describe('a mail', () => {
  const from = 'mirror@example.org';
  const hostileMail = () => {
    const at = new Clock().now();
    const words = `x\r\nBcc: victim@example.org\r\n\r\n.\r\n${HOSTILE}`;
    const hostile = failure('host', { what: words, advice: words, code: words });
    const sender = { ...SENDER, report: reportOf([hostile]), at };
    return mailOf(failing(hostile, begun('run', at), false, sender), { from, to: ['ops@example.org'] });
  };

  test('has headers of our own words, in one line each', () => {
    const { subject, headers } = hostileMail();
    for (const header of [subject, ...Object.values(headers)]) expect(header).not.toMatch(/\p{Cc}/u);
    expect(subject).toBe(
      'ClamAV mirror: clients are not served as they should be (mirror mirror.example, 0123abcd)',
    );
  });

  test('about the end says nothing of what to do', () => {
    const at = new Clock().now();
    const sender = { ...SENDER, report: undefined, at };
    const { subject, text } = mailOf(wellAgain({ ...begun('run', at), class: 'host' }, sender), {
      from,
      to: [],
    });
    expect(subject).toMatch(/^Well again: /);
    expect(text).toMatch(/^It was failing for /);
    expect(text).not.toMatch(/What to do|Class/);
  });

  test('has a text without a command for a terminal', () => {
    expectHarmless(hostileMail().text);
  });
});
