import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type Host, startHost } from '../../scripts/host/host.ts';
import { statusPage } from '../../scripts/page/page.ts';
import { type StatusFacts, statusOf } from '../../scripts/page/status.ts';
import { describeWith, have } from '../support/setup/official.ts';
import { type Browser, openBrowser } from '../support/web/chromium.ts';
import { NOW } from './facts.ts';
import { EVIL, STATES } from './states.ts';

const chromium = inject('chromium');
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WIDTHS = [320, 768, 1440, 1920];
/** A folder for pictures to look at; without one, none are made. */
const { SHOTS } = process.env;
/** The test's own clock would run in the frame of a notice too, which lets nothing run. */
const FROZEN_CLOCK = /^Blocked script execution in 'about:srcdoc'/;
const DAY = 24 * 60 * 60_000;

describeWith(chromium)('the status page in real Chromium', () => {
  let folder = '';
  let host: Host;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'page-'));
    host = await startHost({ folder });
    await writeFile(join(folder, 'local_logo.png'), PICTURE);
  });
  afterAll(async () => {
    await host.close();
    await rm(folder, { recursive: true });
  });

  /** Opens a page as a browser gets it from a mirror; what is there in the end is that page, its picture and no word of trouble. */
  async function open(
    context: BrowserContext,
    facts: StatusFacts,
    options: Partial<Opening> = {},
  ): Promise<Page> {
    const { now = NOW, notice, hasLogo = false } = options;
    const { manifest, history } = facts;
    const owners = { hasLogo, notice };
    const written = statusPage({ status: statusOf(facts), manifest, history, owners });
    await writeFile(join(folder, 'index.html'), written);
    const page = await context.newPage();
    const network = await context.newCDPSession(page);
    await network.send('Network.enable');
    await network.send('Network.setCacheDisabled', { cacheDisabled: true });
    page.on('console', (message) => troubles.push(message.text()));
    page.on('pageerror', (error) => troubles.push(error.message));
    page.on('dialog', (dialog) => troubles.push(dialog.message()));
    page.on('request', (request) => asked.push(request.url()));
    await page.clock.setFixedTime(now);
    const answer = await page.goto(`${host.url}/`);
    const isOfThisState = (await answer?.text()) === written;
    expect(isOfThisState, 'not a page that the browser kept').toBe(true);
    return page;
  }
  interface Opening {
    readonly now: Date;
    readonly notice: string;
    readonly hasLogo: boolean;
  }
  const troubles: string[] = [];
  const asked: string[] = [];
  const expectQuiet = () => {
    const foreign = asked
      .splice(0)
      .filter((url) => !url.startsWith(`${host.url}/`) && !/^(about:srcdoc$|data:)/.test(url));
    const told = troubles.splice(0).filter((text) => !FROZEN_CLOCK.test(text));
    expect({ troubles: told, foreign }).toEqual({ troubles: [], foreign: [] });
  };

  describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await openBrowser(have(chromium), { colorScheme });
    });
    afterAll(async () => await browser[Symbol.asyncDispose]());

    test.each(Object.keys(STATES))(
      '%s: axe finds nothing, no width is too narrow, and nobody else is asked',
      async (name) => {
        const facts = STATES[name];
        if (facts === undefined) throw new Error('no such state');
        const owners = name === 'hostile' ? { hasLogo: true, notice: `<p>${EVIL}` } : {};
        const page = await open(browser.context, facts, owners);
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 900 });
          expect(await page.evaluate('document.documentElement.scrollWidth'), `${width} px`).toBe(width);
          if (SHOTS !== undefined) {
            const path = join(SHOTS, `${name.replace(' ', '-')}-${width}-${colorScheme}.png`);
            await page.screenshot({ path, fullPage: true });
          }
        }
        await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true");
        for (const width of [320, 1440]) {
          await page.setViewportSize({ width, height: 900 });
          expect(await page.evaluate('document.documentElement.scrollWidth'), `unfolded, ${width} px`).toBe(
            width,
          );
          expect(await faultsOf(page), `${width} px`).toEqual([]);
        }
        expectQuiet();
        await page.close();
      },
    );
  });

  describe('that stands still', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await openBrowser(have(chromium));
    });
    afterAll(async () => await browser[Symbol.asyncDispose]());

    test.each([
      [0, 'This mirror is well.', false],
      [0.9, 'This mirror is well.', true],
      [1.1, 'This mirror is ageing.', true],
      [2.1, 'This mirror is stale.', true],
    ] as const)('for %s days says "%s"', async (days, words, isStill) => {
      const now = new Date(NOW.getTime() + days * DAY);
      const page = await open(browser.context, STATES.well as StatusFacts, { now });
      expect(await page.locator('h1').textContent()).toBe(words);
      expect(await page.locator('#still').isVisible()).toBe(isStill);
      expect(await page.locator('.lead').textContent()).toContain(days === 0 ? '4 minutes ago' : 'hours');
      expect(await faultsOf(page)).toEqual([]);
      expectQuiet();
      await page.close();
    });

    test('without a script says when it was written, and tells to compare that', async () => {
      await using still = await openBrowser(have(chromium), { javaScriptEnabled: false });
      const page = await open(still.context, STATES.well as StatusFacts);
      expect(await page.locator('#clock').textContent()).toContain(
        'This page was written 2026-11-28 10:27 UTC.',
      );
      expect(await page.locator('button').count()).toBe(0);
      expect(await page.evaluate('document.body.innerText')).not.toContain('undefined');
    });
  });

  test('copies a hash and the lines of freshclam.conf, and says where it is', async () => {
    await using browser = await openBrowser(have(chromium));
    await browser.context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const page = await open(browser.context, STATES['first run'] as StatusFacts);
    await page.locator('pre button').first().click();
    await expect
      .poll(() => page.evaluate('navigator.clipboard.readText()'))
      .toBe(`DatabaseMirror ${host.url}\nDNSDatabaseInfo no-record.invalid\nScriptedUpdates yes`);
    await page.locator('summary', { hasText: 'SHA-256' }).click();
    await page.locator('td button').first().click();
    await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toMatch(/^[0-9a-f]{64}$/);
    expectQuiet();
  });

  test('shows a notice of the owner in a frame that runs nothing, and the picture', async () => {
    await using browser = await openBrowser(have(chromium));
    const notice =
      '<p>Moves <b>on Monday</b>. <a href="https://example.org">More</a></p><script>alert(1)</script>';
    const page = await open(browser.context, STATES.well as StatusFacts, { notice, hasLogo: true });
    expect(await page.frameLocator('iframe').locator('p').textContent()).toBe('Moves on Monday. More');
    expect(await page.evaluate("document.querySelector('header img').naturalWidth")).toBe(1);
    const blocked = troubles.splice(0).filter((text) => !FROZEN_CLOCK.test(text));
    expect({ blocked, asked: asked.splice(0).filter((url) => url.includes('example.org')) }).toEqual({
      blocked: [],
      asked: [],
    });
  });
});

/** Rules of accessibility that a page breaks, with the places. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const violations = await page.evaluate('axe.run({ iframes: false }).then((found) => found.violations)');
  return (violations as { id: string; nodes: { html: string }[] }[]).map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`,
  );
}

/** A PNG of one pixel. */
const PICTURE = Buffer.concat([
  Buffer.from('89504e470d0a1a0a', 'hex'),
  chunk('IHDR', Buffer.from('00000001000000010802000000', 'hex')),
  chunk('IDAT', deflateSync(Buffer.alloc(4))),
  chunk('IEND', Buffer.alloc(0)),
]);

function chunk(kind: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(kind), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
