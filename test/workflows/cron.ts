const MINUTE_MS = 60_000;

/** Times of a schedule in so many days from a time, in milliseconds since 1970. Knows minutes and hours; all days are alike. */
export function timesOf(cron: string, start: number, days: number): number[] {
  const [minutes = '', hours = '', ...rest] = cron.split(' ');
  if (rest.join(' ') !== '* * *') throw new Error(`not a schedule of each day: ${cron}`);
  const [inHour, inDay] = [valuesOf(minutes, 60), valuesOf(hours, 24)];
  return Array.from({ length: days }, (_, day) => day).flatMap((day) =>
    inDay.flatMap((hour) => inHour.map((minute) => start + ((day * 24 + hour) * 60 + minute) * MINUTE_MS)),
  );
}

/** `7`, `7,37`, `*` or `*` with a step. */
function valuesOf(field: string, end: number): number[] {
  const all = Array.from({ length: end }, (_, value) => value);
  const [, step = '1'] = /^\*(?:\/(\d+))?$/.exec(field) ?? [];
  if (field.startsWith('*')) return all.filter((value) => value % Number(step) === 0);
  const values = field.split(',').map(Number);
  if (!values.every((value) => all.includes(value))) throw new Error(`not a time: ${field}`);
  return values;
}
