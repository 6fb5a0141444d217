import { basename } from 'node:path';
import { FEED_JSON, FEED_XML } from '../../mirror/pages.ts';
import { SHOWN_ROWS, timeAndAge } from '../bits.ts';
import { happeningsOf } from '../feed/happenings.ts';
import type { History } from '../history.ts';
import { type Html, html } from '../html.ts';
import type { Status } from '../status.ts';

/** What happened lately, newest first, and where to follow it. */
export function changes(history: History, { written }: Status): Html | undefined {
  const latest = happeningsOf(history, SHOWN_ROWS.changes);
  if (latest.length === 0) return undefined;
  return html`
<section aria-labelledby="changes">
<h2 id="changes">Latest changes</h2>
<ol class="changes">${latest.map(
    ({ at, title, text, more }) =>
      html`<li>${timeAndAge(at, written)}
<strong>${title}</strong> ${text}${more !== undefined && html` <a href="${more}">${basename(more)}</a>`}</li>`,
  )}</ol>
<p class="quiet">Follow them as <a href="${FEED_XML}">Atom</a> or <a href="${FEED_JSON}">JSON Feed</a>.</p>
</section>`;
}
