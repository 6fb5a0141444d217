import { VERSION } from '../base/version.ts';
import { escapeHtml } from './html.ts';
import { shortWords } from './sections/headline.ts';
import type { Status } from './status.ts';
import type { Verdict } from './verdict.ts';

const LABEL = 'ClamAV mirror';
/** Start of a badge of ours. */
export const BADGE_MARK = '<!-- clamav-mirror/';

/** Colours in which dark text and white text on the left can be read; the words say the same. */
const COLOURS: Readonly<Record<Verdict, string>> = {
  well: '#1b7a4b',
  pinned: '#80520a',
  waiting: '#80520a',
  'cooling down': '#80520a',
  failing: '#a34a00',
  refused: '#a12622',
  ageing: '#a34a00',
  stale: '#a12622',
};

/** The colour of a verdict. Words always say the same. */
export function colourOf(verdict: Verdict): string {
  return COLOURS[verdict];
}

/** The verdict in the form that shields.io reads (https://shields.io/badges/endpoint-badge). */
export function badgeJson(status: Status): string {
  const { verdict } = status;
  const badge = {
    schemaVersion: 1,
    label: LABEL,
    message: messageOf(status),
    color: COLOURS[verdict].slice(1),
  };
  return `${JSON.stringify({ ...badge, ...(verdict === 'stale' && { isError: true }) }, undefined, 2)}\n`;
}

/** The verdict as a picture that needs no font of its own, and says when it was made: a picture cannot grow old by itself. */
export function badgeSvg(status: Status): string {
  const message = messageOf(status);
  const [left, right] = [widthOf(LABEL), widthOf(message)];
  const total = left + right;
  const says = escapeHtml(`${LABEL}: ${message}`);
  const text = (x: number, width: number, words: string) =>
    `<text x="${x + width / 2}" y="14" textLength="${width - 14}" lengthAdjust="spacingAndGlyphs">${escapeHtml(words)}</text>`;
  return `${BADGE_MARK}${VERSION} -->
<svg xmlns="http://www.w3.org/2000/svg" width="${total}" height="20" role="img" aria-label="${says}"><title>${says}</title>
<clipPath id="r"><rect width="${total}" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)"><path fill="#3b434b" d="M0 0h${left}v20H0z"/><path fill="${COLOURS[status.verdict]}" d="M${left} 0h${right}v20H${left}z"/></g>
<g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">${text(0, left, LABEL)}${text(left, right, message)}</g>
</svg>
`;
}

/** The verdict, and the day of the last successful check. */
function messageOf({ verdict, checked }: Status): string {
  return `${shortWords(verdict)}, checked ${checked.slice(0, 10)}`;
}

/** Width of words in Verdana 11 px with a margin, near enough: the text is fitted to it. */
function widthOf(words: string): number {
  return Math.round(words.length * 6.4 + 14);
}
