import { describe, expect, test } from 'vitest';
import { logLine } from '../../scripts/base/printable.ts';
import { refusedBy, wordsOf } from '../../scripts/upstream/refused-answer.ts';
import { expectHarmless, HOSTILE } from '../support/hostile-words.ts';

const answer = (headers: Readonly<Record<string, string>>, status = 403) => ({
  status,
  header: (name: string) => headers[name],
});

describe('of an answer that is a no', () => {
  test("the CDN's name for it and the title of its page are kept, for those who are asked to let us in", () => {
    const page = '<html><head><TITLE class="x">\n Attention\tRequired! | Cloudflare </title>';
    const refused = refusedBy(
      answer({ 'cf-ray': '8c1f0a2b3c4d5e6f-FRA', via: '1.1 proxy' }),
      'daily.cvd',
      page,
    );
    expect(refused).toEqual({
      status: 403,
      file: 'daily.cvd',
      ray: '8c1f0a2b3c4d5e6f-FRA',
      title: 'Attention Required! | Cloudflare',
    });
    expect(wordsOf(refused)).toBe(
      'answered 403 to daily.cvd ("Attention Required! | Cloudflare", cf-ray 8c1f0a2b3c4d5e6f-FRA)',
    );
  });

  test('nothing is kept where it says nothing', () => {
    const refused = refusedBy(answer({}), 'daily.cvd', 'no');
    expect(refused).toEqual({ status: 403, file: 'daily.cvd' });
    expect(wordsOf(refused)).toBe('answered 403 to daily.cvd');
  });

  test('what is quoted is short and commands no terminal', () => {
    const page = `<title>${HOSTILE}${'x'.repeat(10_000)}</title>`;
    const refused = refusedBy(answer({ 'cf-ray': `${HOSTILE}${'y'.repeat(10_000)}` }), 'daily.cvd', page);
    expectHarmless(logLine(wordsOf(refused)));
    expect(wordsOf(refused).length).toBeLessThan(300);
  });

  test('a page that is made to be slow to read is read at once', () => {
    const page = `${'<title'.repeat(2_000_000)}>`; // of hours, if each beginning were read to the end
    expect(refusedBy(answer({}), 'daily.cvd', page)).toEqual({ status: 403, file: 'daily.cvd' });
  });
});

describe('who says no', () => {
  const proxies: [string, Record<string, string>, boolean | undefined][] = [
    ['squid', { 'x-squid-error': 'ERR_ACCESS_DENIED 0', via: '1.1 squid' }, true],
    ['a proxy that keeps to RFC 9209', { 'proxy-status': 'our.proxy; error=http_request_denied' }, true],
    [
      'a host that names what it passed on',
      { 'proxy-status': 'cdn.example; received-status=403' },
      undefined,
    ],
    ['somebody on the way', { via: '1.1 gateway' }, false],
    ['Cloudflare, through a proxy', { via: '1.1 gateway', 'cf-ray': '8c1f-FRA' }, undefined],
    ['upstream', {}, undefined],
  ];
  test.each(proxies)('%s', (_, headers, isSure) => {
    expect(refusedBy(answer(headers), 'daily.cvd', '').proxy?.isSure).toBe(isSure);
  });
});
