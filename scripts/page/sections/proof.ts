import { counted, took } from '../../base/words.ts';
import type { Proof, ScenarioResult } from '../../proof/record.ts';
import { SHOWN_CHARACTERS, SHOWN_ROWS, short, timeAndAge } from '../bits.ts';
import { type Html, html } from '../html.ts';
import type { Status } from '../status.ts';

/** What was proven, with which engines; the evidence can be unfolded. */
export function proof(status: Status, record: Proof, isBrief: boolean): Html {
  const { written } = status;
  const { passed, failed, skipped } = status.proof.scenarios;
  const together = Object.entries(record.databases).slice(0, SHOWN_ROWS.databases);
  const rows = { left: SHOWN_ROWS.scenarios };
  return html`
<section aria-labelledby="proof">
<h2 id="proof">Proof</h2>
<p>${together.map(([name, version]) => `${short(name)} ${version}`).join(', ')} were ${
    record.passed ? 'proven' : html`<strong>not</strong> proven`
  } together ${timeAndAge(record.started, written)}, in ${took(record.duration)}: ${passed} passed${
    failed > 0 && `, ${failed} failed`
  }${skipped > 0 && `, ${skipped} skipped`}.</p>
${
  record.accepted &&
  html`<p class="mark">Accepted by the operator, because: ${short(record.accepted.reason, SHOWN_CHARACTERS.reason)}</p>`
}
${record.engines.slice(0, SHOWN_ROWS.engines).map((engine) => {
  const results = record.results.filter((one) => one.engine === engine.name);
  const shown = isBrief ? [] : results.slice(0, rows.left);
  rows.left -= shown.length;
  return evidence(engine, results, shown);
})}
<p class="quiet">All of it: <a href="proof.txt">proof.txt</a>, <a href="proof.json">proof.json</a>.</p>
</section>`;
}

function evidence(
  { name, version, fLevel }: Proof['engines'][number],
  all: readonly ScenarioResult[],
  shown: readonly ScenarioResult[],
): Html {
  const failed = all.filter(({ result }) => result === 'failed').length;
  const passed = all.filter(({ result }) => result === 'passed').length;
  const says = `${counted(passed, 'scenario')} passed${failed > 0 ? `, ${failed} failed` : ''}`;
  return html`
<details><summary><strong>ClamAV ${short(version)}</strong> <span class="quiet">${short(name, 60)}, f-level ${
    fLevel ?? 'unknown'
  }</span> · ${says}</summary>
<ol class="evidence">${shown.map(
    ({ scenario, result, evidence, duration }) =>
      html`<li><b class="${result}">${RESULTS[result]}</b> ${short(scenario)} <span class="quiet">${took(duration)}</span>
<p>${short(evidence, SHOWN_CHARACTERS.evidence)}</p></li>`,
  )}</ol>
${shown.length < all.length && html`<p class="quiet">${all.length - shown.length} more in proof.txt.</p>`}
</details>`;
}

const RESULTS = { passed: '✓ passed', failed: '✗ failed', skipped: '– skipped' } as const;
