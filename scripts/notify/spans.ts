/** `2026-11-20 10:00 UTC` */
export function moment(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return 'unknown';
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** How long from one time to another: `2 days 3 hours`, `5 minutes`. */
export function span(from: string, to: string): string {
  const minutes = Math.floor((Date.parse(to) - Date.parse(from)) / 60_000);
  if (Number.isNaN(minutes)) return 'an unknown time';
  if (minutes < 1) return 'less than a minute';
  const parts = [
    counted(Math.floor(minutes / 1440), 'day'),
    counted(Math.floor(minutes / 60) % 24, 'hour'),
    counted(minutes % 60, 'minute'),
  ];
  const first = parts.findIndex((part) => part !== '');
  return parts
    .slice(first, first + 2)
    .filter((part) => part !== '')
    .join(' ');
}

/** `1 run`, `2 runs`; nothing for none. */
export function counted(count: number, what: string): string {
  return count === 0 ? '' : `${count} ${what}${count === 1 ? '' : 's'}`;
}
