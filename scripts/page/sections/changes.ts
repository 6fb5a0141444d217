import { bytes } from '../../base/words.ts';
import { SHOWN_ROWS, short, timeAndAge } from '../bits.ts';
import type { Change, History } from '../history.ts';
import { type Html, html } from '../html.ts';
import type { Status } from '../status.ts';

/** The latest changes of databases, newest first. */
export function changes({ changes: all }: History, { written }: Status): Html | undefined {
  if (all.length === 0) return undefined;
  return html`
<section aria-labelledby="changes">
<h2 id="changes">Latest changes</h2>
<ol class="changes">${all
    .slice(-SHOWN_ROWS.changes)
    .reverse()
    .map(
      (change) =>
        html`<li>${timeAndAge(change.at, written)}
<strong>${short(change.database)} ${change.from ?? 'none'} → ${change.to}</strong> ${how(change)}</li>`,
    )}</ol>
</section>`;
}

function how({ how, upstreamBytes }: Change): string {
  if (how === 'adopted') return 'adopted from a folder';
  return how === 'rolled back' ? 'rolled back' : `${how}, ${bytes(upstreamBytes)} from upstream`;
}
