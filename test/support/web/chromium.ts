import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';
import { explain } from '../../../scripts/base/errors.ts';
import { ensureProgram, type InstallOptions } from '../setup/install.ts';

/** It asks nobody but the pages that it is told to open. */
const QUIET = [
  '--no-sandbox', // tests run as root too
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface Browser extends AsyncDisposable {
  readonly context: BrowserContext;
}

/** The path of Debian's Chromium, which opens a page. Throws if it does not. */
export async function ensureChromium(options: InstallOptions): Promise<string> {
  const program = await ensureProgram('chromium', ['chromium'], options);
  try {
    await using browser = await openBrowser(program);
    await (await browser.context.newPage()).goto('data:text/html,<title>it opens');
  } catch (error) {
    throw new Error(`chromium does not run here: ${explain(error)}`);
  }
  return program;
}

/** Starts Chromium with an empty profile of its own. */
export async function openBrowser(
  program: string,
  options: { readonly colorScheme?: 'light' | 'dark'; readonly javaScriptEnabled?: boolean } = {},
): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), 'chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    ...{ executablePath: program, headless: true, args: QUIET, locale: 'en-GB', timezoneId: 'UTC' },
    ...options,
  });
  return {
    context,
    async [Symbol.asyncDispose]() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
