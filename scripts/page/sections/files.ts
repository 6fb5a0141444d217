import { bytes, counted } from '../../base/words.ts';
import { parseFileName } from '../../cvd/names.ts';
import type { Manifest } from '../../mirror/manifest.ts';
import type { FileRecord } from '../../store/file-record.ts';
import { copyable, SHOWN_ROWS } from '../bits.ts';
import { type Html, html } from '../html.ts';
import type { Status } from '../status.ts';

/** Files with size and SHA-256: all CVDs, and the newest CDIFFs. The manifest has the others. */
export function files(manifest: Pick<Manifest, 'files'>, status: Status, isBrief: boolean): Html {
  const all = Object.entries(manifest.files).sort(byImportance);
  const shown = isBrief ? [] : all.slice(0, SHOWN_ROWS.files);
  const more = all.length - shown.length;
  const { count, bytes: size } = status.files;
  return html`
<section aria-labelledby="files">
<h2 id="files">Files</h2>
<p>${counted(count, 'file')}, ${bytes(size)}. <a href="manifest.json">manifest.json</a> names them all.</p>
${
  shown.length > 0 &&
  html`<details><summary>Sizes and SHA-256 of the databases and the newest CDIFFs</summary>
<section class="scroll" aria-label="Table of files" tabindex="0">
<table><thead><tr><th scope="col">File</th><th scope="col">Size</th><th scope="col">SHA-256</th></tr></thead>
<tbody>${shown.map(row)}</tbody></table></section>
${more > 0 && html`<p class="quiet">And ${more} older ones.</p>`}
</details>`
}
</section>`;
}

function row([name, { size, sha256 }]: readonly [string, FileRecord]): Html {
  return html`<tr><th scope="row"><a href="${name}">${name}</a></th><td class="n">${bytes(size)}</td><td>${copyable(sha256)}</td></tr>
`;
}

function byImportance([one]: readonly [string, FileRecord], [other]: readonly [string, FileRecord]): number {
  const [a, b] = [parseFileName(one), parseFileName(other)];
  const rank = (file: typeof a) => ORDER.indexOf(file?.kind ?? 'archive-sign');
  const byVersion = (b?.version ?? 0) - (a?.version ?? 0);
  const isSameDatabase = a?.database === b?.database;
  return rank(a) - rank(b) || (isSameDatabase ? byVersion : 0) || one.localeCompare(other);
}

const ORDER: readonly string[] = ['cvd', 'sign', 'archive', 'cdiff', 'archive-sign'];
