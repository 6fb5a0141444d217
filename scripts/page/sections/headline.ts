import { lasting, took } from '../../base/words.ts';
import { ago, SHOWN_ROWS, short, timeAndAge, timeOf } from '../bits.ts';
import { type Html, html, markup } from '../html.ts';
import type { Status } from '../status.ts';
import { AGEING_MS, STALE_MS, STILL_MS, type Verdict } from '../verdict.ts';

/**
 * Says whether the mirror is well and how old what it serves is. The script puts one of the templates in its place when
 * the page itself has become too old.
 */
export function headline(status: Status): Html {
  const { written, checked, verdict } = status;
  const later = [
    ['ageing', AGEING_MS],
    ['stale', STALE_MS],
  ] as const;
  return html`
<section class="verdict" aria-label="State of the mirror">
<div id="banner" class="banner">${banner(verdict)}</div>
${later
  .filter(([name]) => verdict !== 'stale' && verdict !== name)
  .map(
    ([name, after]) =>
      html`<template data-verdict="${name}" data-after="${after / 1000}">${banner(name)}</template>`,
  )}
<p class="lead">${newest(status)}What it serves was ${verdict === 'pinned' ? 'last compared with' : 'last known to be'} upstream’s newest
${ago(checked, written, THAN)}: <strong>${timeOf(checked)}</strong>.</p>
<p id="still" class="still" hidden data-after="${STILL_MS / 1000}">This page stands still: <span data-still></span>.
A mirror that runs writes it anew in each cycle.</p>
<p id="clock" class="still">This page was written <strong>${timeOf(written)}</strong>. Compare that with a clock: if it is
more than ${lasting(STILL_MS)} ago, nothing writes this page any more, and the words on it are too good.</p>
<p class="tried">${tried(status)}</p>
</section>`;
}

/** Everything that needs attention, in words. */
export function notes(status: Status): Html | undefined {
  const { written, coolDown, lastTried, databases } = status;
  const isToldBelow = (code: string) => coolDown !== null && code === 'upstream/cool-down';
  const problems = (lastTried?.problems ?? []).filter(({ code }) => !isToldBelow(code));
  const found = [
    ...problems.map(({ database, code, what }) =>
      note(
        database === undefined ? 'The last cycle failed' : `${database}, in the last cycle`,
        html`${what} <span class="quiet">(${short(code)})</span>`,
      ),
    ),
    ...(coolDown === null
      ? []
      : [
          note(
            'Cooling down',
            html`upstream is not asked until ${timeOf(coolDown.until)}: ${coolDown.reason}. Clients get what is here.`,
          ),
        ]),
    ...Object.entries(databases).flatMap(([name, { version, pinned, quarantined, left, sign }]) => [
      ...(pinned === null
        ? []
        : [
            note(
              `${name} is pinned`,
              html`at version ${version} since ${timeAndAge(pinned.since, written)}: ${pinned.reason}`,
            ),
          ]),
      ...(quarantined === null
        ? []
        : [
            note(
              `${name} ${quarantined.version} is quarantined`,
              html`${quarantined.reason} <span class="quiet">(${short(quarantined.code)})</span>. Refused
${timeAndAge(quarantined.since, written)}; ${
                quarantined.until === null
                  ? 'not tried again until somebody asks for it'
                  : html`tried again after ${timeOf(quarantined.until)}`
              }.`,
            ),
          ]),
      ...(left === null
        ? []
        : [note(`${name} is no longer mirrored`, html`it stays as it was ${timeAndAge(left, written)}.`)]),
      ...(sign === 'withheld'
        ? [note(`${name} has no good .sign`, html`upstream’s is not good now, so clients do without it.`)]
        : []),
    ]),
  ];
  if (found.length === 0) return undefined;
  const more = found.length - SHOWN_ROWS.notes;
  return html`
<section class="notes" aria-labelledby="notes">
<h2 id="notes">To know</h2>
<ul>${found.slice(0, SHOWN_ROWS.notes)}</ul>
${more > 0 && html`<p class="quiet">And ${more} more in <a href="status.json">status.json</a>.</p>`}
</section>`;
}

/** The verdict in one line, for a badge and a title. */
export function shortWords(verdict: Verdict): string {
  return VERDICTS[verdict].short;
}

function banner(verdict: Verdict): Html {
  const { title, says, icon } = VERDICTS[verdict];
  return html`<svg class="sign" viewBox="0 0 48 48" aria-hidden="true">${markup(icon)}</svg>
<div><h1>${title}</h1><p>${says}</p></div>`;
}

/** The newest database, whose age is that of what the mirror serves. */
function newest({ databases, written }: Status): Html | undefined {
  const all = Object.entries(databases).filter(([, { left }]) => left === null);
  const [found] = all.sort(([, one], [, other]) => Date.parse(other.built) - Date.parse(one.built));
  if (found === undefined) return undefined;
  const [name, { version, built }] = found;
  return html`Its newest database, ${short(name)} ${version}, was built ${ago(built, written, THAN)}. `;
}

function tried({ lastTried, written }: Status): Html {
  if (lastTried === null) return html`No cycle has been recorded yet.`;
  const { at, outcome, seconds } = lastTried;
  return html`Last tried ${timeAndAge(at, written)}: ${OUTCOMES[outcome]}, after ${took(seconds)}.`;
}

function note(what: string, says: Html): Html {
  return html`<li><strong>${short(what)}:</strong> ${says}</li>`;
}

const THAN = 'before this page was written';

const OUTCOMES = {
  published: 'a new state was proven and published',
  proven: 'a new state was proven',
  unchanged: 'nothing was new',
  refused: 'something was refused',
  failed: 'it failed',
} as const;

const CIRCLE = '<circle cx="24" cy="24" r="20"/>';

/** Each verdict has words and a shape of its own: colour alone says nothing. */
const VERDICTS: Readonly<
  Record<
    Verdict,
    { readonly title: string; readonly says: string; readonly short: string; readonly icon: string }
  >
> = {
  well: {
    title: 'This mirror is well.',
    says: 'Everything it serves was proven with real ClamAV.',
    short: 'well',
    icon: `${CIRCLE}<path d="m15 25 6.5 6.5L34 18"/>`,
  },
  pinned: {
    title: 'This mirror is well, and holds a version back.',
    says: 'Its operator has pinned a database at an earlier version, proven like all the others.',
    short: 'pinned',
    icon: '<rect x="5" y="5" width="38" height="38" rx="7"/><path d="M19 12h10v9l4 6H15l4-6zM24 27v10"/>',
  },
  waiting: {
    title: 'This mirror is well, and a new version waits.',
    says: 'It is genuine but unusual, so it waits a day for somebody to look before the proof alone decides.',
    short: 'waiting',
    icon: '<path d="M12 5h24M12 43h24M14 5c0 12 20 26 20 38M34 5c0 12-20 26-20 38"/>',
  },
  'cooling down': {
    title: 'This mirror waits for upstream.',
    says: 'Upstream asked it to stay away for a while. What it serves was proven, and stays.',
    short: 'cooling down',
    icon: `${CIRCLE}<path d="M19 16v16M29 16v16"/>`,
  },
  failing: {
    title: 'The last cycle failed; what is served is still good.',
    says: 'What it serves was proven, and stays until a cycle succeeds.',
    short: 'failing',
    icon: '<path d="M24 5 45 42H3zM24 18v12M24 35.5v.5"/>',
  },
  refused: {
    title: 'This mirror refused an update.',
    says: 'Something that upstream offers could not be proven, and is not served. Clients get what was proven before.',
    short: 'refused',
    icon: '<path d="M24 4 41 10v13c0 11-7 17-17 21C14 40 7 34 7 23V10zM17 17l14 14M31 17 17 31"/>',
  },
  ageing: {
    title: 'This mirror is ageing.',
    says: 'No check of upstream has succeeded for a day. What it serves was proven, and lacks what came since.',
    short: 'a day old',
    icon: `${CIRCLE}<path d="M24 12v12l8 6"/>`,
  },
  stale: {
    title: 'This mirror is stale.',
    says: 'No check of upstream has succeeded for two days. Clients lack what came since: look why its cycles fail.',
    short: 'stale',
    icon: '<path d="M16 4h16l12 12v16L32 44H16L4 32V16zM24 14v14M24 34v.5"/>',
  },
};
