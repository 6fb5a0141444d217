import { bytes, counted } from '../../base/words.ts';
import { ageAndTime, SHOWN_ROWS, short, timeOf } from '../bits.ts';
import type { ExtrasStatus } from '../extras-status.ts';
import { type Html, html } from '../html.ts';
import type { Status } from '../status.ts';

/** Signatures that Talos did not make, and those of Talos that are off; nothing for a mirror without any. */
export function extras({ extras, written }: Status): Html | undefined {
  const files = Object.entries(extras.files);
  const { allowed, failing } = extras;
  if (files.length + allowed.length + failing.length === 0) return undefined;
  return html`
<section aria-labelledby="extras">
<h2 id="extras">Extra signatures and allow list</h2>
<p>Talos did not sign these files. They are proven with the databases by every engine.</p>
${failing
  .slice(0, SHOWN_ROWS.extras)
  .map(
    ({ name, what }) => html`<p class="mark">${name} is not brought up to date: ${what}</p>`,
  )}${more(failing.length)}
${
  files.length > 0 &&
  table(
    'Extra signatures',
    ['File', 'Source', 'Size', 'Since'],
    files.slice(0, SHOWN_ROWS.extras).map(
      ([name, { source, size, published }]) =>
        html`<tr><th scope="row"><a href="${name}">${name}</a></th><td>${short(source)}</td><td class="n">${bytes(size)}</td><td>${ageAndTime(published, written)}</td></tr>
`,
    ),
  )
}${more(files.length)}
${
  allowed.length > 0 &&
  html`<p>${counted(allowed.length, 'signature or file', 'signatures or files')} in which nothing is found:</p>
${table('Allow list', ['Name', 'Reason', 'Since', 'Until'], allowed.slice(0, SHOWN_ROWS.extras).map(entry))}`
}${more(allowed.length)}
</section>`;

  function entry({ what, reason, since, until }: ExtrasStatus['allowed'][number]): Html {
    return html`<tr><th scope="row">${short(what)}</th><td>${reason}</td><td>${ageAndTime(since, written)}</td><td>${
      until === null ? 'somebody takes it out' : timeOf(until)
    }</td></tr>
`;
  }
}

function more(count: number): Html | undefined {
  const rest = count - SHOWN_ROWS.extras;
  if (rest <= 0) return undefined;
  return html`<p class="quiet">And ${rest} more in <a href="status.json">status.json</a>.</p>`;
}

function table(label: string, heads: readonly string[], rows: readonly Html[]): Html {
  return html`<section class="scroll" aria-label="${label}" tabindex="0">
<table><thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table></section>`;
}
