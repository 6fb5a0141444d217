import { bytes, moment } from '../../base/words.ts';
import { cvdName } from '../../cvd/names.ts';
import { ageAndTime, ago, grouped, SHOWN_ROWS, short } from '../bits.ts';
import { type Html, html } from '../html.ts';
import type { DatabaseStatus, Status } from '../status.ts';

/** The served databases, one card each. */
export function databases(status: Status): Html {
  const all = Object.entries(status.databases);
  const more = all.length - SHOWN_ROWS.databases;
  return html`
<section aria-labelledby="databases">
<h2 id="databases">Databases</h2>
<div class="cards">${all.slice(0, SHOWN_ROWS.databases).map(([name, one]) => card(name, one, status))}</div>
${more > 0 && html`<p class="quiet">And ${more} more in <a href="status.json">status.json</a>.</p>`}
</section>`;
}

function card(name: string, one: DatabaseStatus, { written, published }: Status): Html {
  const {
    version,
    built,
    signatures,
    size,
    fLevel,
    obtained,
    upstream,
    source,
    checked,
    pinned,
    quarantined,
    left,
  } = one;
  const marks = [
    ...(pinned === null ? [] : ['pinned']),
    ...(quarantined === null ? [] : ['an update is quarantined']),
    ...(left === null ? [] : ['not mirrored any more']),
  ];
  return html`
<article class="card">
<h3><a href="${cvdName(name)}">${short(name)}</a> <span class="version">${version}</span></h3>
${marks.map((mark) => html`<p class="mark">${mark}</p>`)}
<dl>
<div><dt>Built by Talos</dt><dd>${ageAndTime(built, written)}</dd></div>
<div><dt>Published here</dt><dd>${
    obtained === null ? html`by ${moment(published)}` : ageAndTime(obtained.at, written)
  }</dd></div>
<div><dt>Signatures</dt><dd>${grouped(signatures)}</dd></div>
<div><dt>Size</dt><dd>${bytes(size)}<span class="under">f-level ${fLevel}</span></dd></div>
<div><dt>Obtained</dt><dd>${how(one)}${
    source !== null && html`<span class="under">from ${short(source)}</span>`
  }</dd></div>
<div><dt>Upstream had</dt><dd>${
    upstream === null
      ? 'not recorded yet'
      : html`${upstream.version}<span class="under">${ago(upstream.at, written)}</span>`
  }</dd></div>
<div><dt>Last known to be newest</dt><dd>${ageAndTime(checked, written)}</dd></div>
</dl>
</article>`;
}

function how({ obtained, size }: DatabaseStatus): string {
  if (obtained === null) return 'before this page was kept';
  const { how, upstreamBytes } = obtained;
  if (how === 'rebuilt') return `rebuilt from CDIFFs: ${bytes(upstreamBytes)} instead of ${bytes(size)}`;
  if (how === 'adopted') return 'adopted from a folder';
  if (how === 'rolled back') return 'rolled back to, from the archive';
  return `downloaded: ${bytes(upstreamBytes)}`;
}
