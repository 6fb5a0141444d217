import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAGE_BYTES } from '../base/limits/page.ts';
import { printable } from '../base/printable.ts';
import { VERSION } from '../base/version.ts';
import { moment } from '../base/words.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { FEED_JSON, FEED_XML, LOCAL_LOGO } from '../mirror/pages.ts';
import { colourOf } from './badge.ts';
import type { History } from './history.ts';
import { escapeHtml, type Html, html, markup } from './html.ts';
import { changes } from './sections/changes.ts';
import { databases } from './sections/databases.ts';
import { days } from './sections/days.ts';
import { extras } from './sections/extras.ts';
import { files } from './sections/files.ts';
import { headline, notes, shortWords } from './sections/headline.ts';
import { proof } from './sections/proof.ts';
import { use } from './sections/use.ts';
import type { Status } from './status.ts';

/** What the owner has put beside the mirror. */
export interface OwnersParts {
  readonly hasLogo: boolean;
  /** HTML of the owner, shown in a frame without rights. */
  readonly notice: string | undefined;
}

/** Everything that a page shows. */
export interface PageFacts {
  readonly status: Status;
  readonly manifest: Pick<Manifest, 'files' | 'proof'>;
  readonly history: History;
  readonly owners: OwnersParts;
}

/** Start of a page of ours, by which it is told from a page of the owner. */
export const PAGE_MARK = '<meta name="generator" content="clamav-mirror/';

/**
 * Renders the status page: one file that asks for nothing but the owner's logo, and needs no script. It stays below
 * `PAGE_BYTES`: a page that would be larger leaves out tables, which `manifest.json` and `history.json` have too.
 */
export function statusPage(facts: PageFacts): string {
  const whole = documentOf(facts, false);
  return Buffer.byteLength(whole) <= PAGE_BYTES ? whole : documentOf(facts, true);
}

function documentOf({ status, manifest, history, owners }: PageFacts, isBrief: boolean): string {
  const { publicUrl, verdict, checked, written } = status;
  const title = `ClamAV mirror: ${shortWords(verdict)}`;
  const sections = [
    headline(status),
    !isBrief && owners.notice !== undefined && notice(owners.notice),
    notes(status),
    databases(status),
    extras(status),
    use(status),
    proof(status, manifest.proof, isBrief),
    days(history, status, isBrief),
    changes(history, status),
    files(manifest, status, isBrief),
  ];
  return `<!doctype html>
${html`<html lang="en">
<head>
<meta charset="utf-8">
${markup(PAGE_MARK)}${VERSION}">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="${`${title}, checked ${moment(checked)}, written ${moment(written)}`}">
<title>${title}</title>
<link rel="icon" href="${iconOf(verdict)}">
<link rel="alternate" type="application/atom+xml" title="What changed" href="${FEED_XML}">
<link rel="alternate" type="application/feed+json" title="What changed" href="${FEED_JSON}">
<style>${markup(STYLE)}</style>
</head>
<body data-verdict="${verdict}" data-checked="${checked}" data-written="${written}">
<header>
<p>${owners.hasLogo && html`<img src="${LOCAL_LOGO}" alt="" height="40"> `}<span>ClamAV mirror</span>${
  publicUrl !== null && html` <b>${publicUrl.replace(/^https?:\/\//, '')}</b>`
}</p>
</header>
<main>
${sections}
</main>
<footer>
<p>For programs: <a href="status.json">status.json</a>, <a href="history.json">history.json</a>,
<a href="metrics.prom">metrics.prom</a>, <a href="manifest.json">manifest.json</a>, <a href="badge.json">badge.json</a>,
<a href="badge.svg">badge.svg</a>, <a href="feed.xml">feed.xml</a>, <a href="feed.json">feed.json</a>.</p>
<p>Written by clamav-mirror ${VERSION}. ClamAV is a trademark of Cisco; this mirror is not affiliated with Cisco or Talos.</p>
</footer>
<script>${markup(SCRIPT)}</script>
</body>
</html>`}
`;
}

/** A picture for the tab, within the page: a browser would ask for one otherwise. */
function iconOf(verdict: Status['verdict']): string {
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${colourOf(verdict)}"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(picture)}`;
}

/** A text of the owner: HTML in a frame that may run nothing, and only leads elsewhere when somebody clicks. */
function notice(text: string): Html {
  const shown = text.split('\n').map(printable).join('\n');
  const inner = `<!doctype html><meta charset="utf-8"><title>Notice</title><base target="_top"><style>${NOTICE_STYLE}</style>${shown}`;
  return html`
<section class="notice" aria-label="Notice of the operator">
<iframe title="Notice of the operator" sandbox="allow-top-navigation-by-user-activation" srcdoc="${markup(escapeHtml(inner))}"></iframe>
</section>`;
}

const SITE = join(import.meta.dirname, '..', '..', 'site', 'page');
/** The style of every page that this program makes. */
export const STYLE = readFileSync(join(SITE, 'page.css'), 'utf8')
  .replaceAll('\n', '')
  .replaceAll(/ {2,}/g, ' ');
const SCRIPT = readFileSync(join(SITE, 'page.js'), 'utf8');
const NOTICE_STYLE =
  ':root{color-scheme:light dark}body{margin:0;font:1rem/1.5 system-ui,sans-serif;background:transparent}';

/** Policy by which a browser runs our own script and style, shows pictures of the mirror, and asks nobody else. */
const POLICY = [
  "default-src 'none'",
  "img-src 'self' data:",
  `style-src ${hashOf(STYLE)} ${hashOf(NOTICE_STYLE)}`,
  `script-src ${hashOf(SCRIPT)}`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** A text as a policy names it. */
export function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
