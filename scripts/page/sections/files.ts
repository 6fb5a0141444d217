import { inOrder } from '../../base/order.ts';
import { bytes, counted } from '../../base/words.ts';
import { parseFileName } from '../../cvd/names.ts';
import type { Manifest } from '../../mirror/manifest.ts';
import type { FileRecord } from '../../store/file-record.ts';
import { copyable, SHOWN_ROWS } from '../bits.ts';
import { type Html, html } from '../html.ts';
import type { Status } from '../status.ts';

/** Files with size and SHA-256: all CVDs, and the newest CDIFFs. The manifest has the others. */
export function files(manifest: Pick<Manifest, 'files'>, status: Status, isBrief: boolean): Html {
  const all = Object.entries(manifest.files).map(ranked).sort(byImportance);
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
<tbody>${shown.map(({ name, record }) => row(name, record))}</tbody></table></section>
${more > 0 && html`<p class="quiet">And ${more} older ones.</p>`}
</details>`
}
</section>`;
}

function row(name: string, { size, sha256 }: FileRecord): Html {
  return html`<tr><th scope="row"><a href="${name}">${name}</a></th><td class="n">${bytes(size)}</td><td>${copyable(sha256)}</td></tr>
`;
}

interface Ranked {
  readonly name: string;
  readonly record: FileRecord;
  readonly rank: number;
  readonly database: string | undefined;
  readonly version: number;
}

function ranked([name, record]: readonly [string, FileRecord]): Ranked {
  const { kind = 'archive-sign', database, version = 0 } = parseFileName(name) ?? {};
  return { name, record, rank: ORDER.indexOf(kind), database, version };
}

function byImportance(one: Ranked, other: Ranked): number {
  const byVersion = one.database === other.database ? other.version - one.version : 0;
  return one.rank - other.rank || byVersion || inOrder(one.name, other.name);
}

const ORDER: readonly string[] = ['cvd', 'sign', 'archive', 'cdiff', 'archive-sign'];
