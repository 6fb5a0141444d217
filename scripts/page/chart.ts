import { HISTORY_DAYS } from '../base/limits/page.ts';
import { type Html, html, markup } from './html.ts';

/** A value on one of the ninety days; the last one is today. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

/** A point with the number of its shape. */
export interface Dot extends Point {
  readonly shape: number;
}

const WIDTH = 320;
const HEIGHT = 110;
const LOW = { width: WIDTH, height: 36 };
/** Room for the scale above a chart, and for the days below it. */
const [TOP, BOTTOM] = [14, 16];
const STEP = WIDTH / HISTORY_DAYS;

/** A line that keeps its height until the next day, between its own lowest and highest value. */
export function steps(points: readonly Point[], label: string): Html {
  const values = points.map(({ value }) => value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const y = (value: number) =>
    most === least ? LOW.height / 2 : LOW.height - 3 - ((value - least) / (most - least)) * (LOW.height - 6);
  let path = '';
  for (const { at, value } of points) {
    path += `${path === '' ? 'M' : 'L'}${one(at * STEP)} ${one(y(value))}H${one((at + 1) * STEP)}`;
  }
  return svg(label, LOW.height, `<path class="line" d="${path}"/>`);
}

/** Bars for each day, each with a darker one in front of it. `last` names the last of the days. */
export function bars(
  back: readonly Point[],
  front: readonly Point[],
  label: string,
  words: (value: number) => string,
  last = 'today',
): Html {
  const most = Math.max(...[...back, ...front].map(({ value }) => value), 0);
  const height = HEIGHT - TOP - BOTTOM;
  const all = (points: readonly Point[], name: string) => {
    const path = points
      .filter(({ value }) => value > 0)
      .map(({ at, value }) => {
        const tall = Math.max(1, (value / most) * height);
        return `M${one(at * STEP)} ${one(HEIGHT - BOTTOM - tall)}h${one(STEP - 0.8)}v${one(tall)}h-${one(STEP - 0.8)}z`;
      });
    return `<path class="${name}" d="${path.join('')}"/>`;
  };
  return svg(label, HEIGHT, `${all(back, 'pale')}${all(front, 'dark')}`, words(most), last);
}

/** A shape for each value: a disc, a square, a triangle. */
export function dots(points: readonly Dot[], label: string, words: (value: number) => string): Html {
  const most = Math.max(...points.map(({ value }) => value), 0);
  const height = HEIGHT - TOP - BOTTOM - 4;
  const path = points.map(({ at, value, shape }) => {
    const x = (at + 0.5) * STEP;
    const y = HEIGHT - BOTTOM - 4 - (most === 0 ? 0 : (value / most) * height);
    return SHAPES[shape % SHAPES.length]?.(x, y) ?? '';
  });
  return svg(label, HEIGHT, `<path class="dark" d="${path.join('')}"/>`, words(most));
}

const SHAPES: readonly ((x: number, y: number) => string)[] = [
  (x, y) => `M${one(x - 2.2)} ${one(y)}a2.2 2.2 0 1 0 4.4 0a2.2 2.2 0 1 0-4.4 0z`,
  (x, y) => `M${one(x - 2)} ${one(y - 2)}h4v4h-4z`,
  (x, y) => `M${one(x)} ${one(y - 2.8)}l2.8 5h-5.6z`,
];

/** A drawing of numbers and class names of our own, with the scale above and the days below it. */
function svg(label: string, height: number, drawing: string, top?: string, last = 'today'): Html {
  const scale =
    top !== undefined &&
    html`<path class="rule" d="M0 ${TOP - 1.5}H${WIDTH}M0 ${HEIGHT - BOTTOM + 0.5}H${WIDTH}"/>
<text x="0" y="9">${top}</text><text x="0" y="${HEIGHT - 3}">90 days before</text><text class="end" x="${WIDTH}" y="${
      HEIGHT - 3
    }">${last}</text>`;
  return html`<svg class="chart" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label}">${scale}${markup(drawing)}</svg>`;
}

function one(value: number): string {
  return String(Math.round(value * 10) / 10);
}
