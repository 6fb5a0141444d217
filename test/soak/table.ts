import { STATES, type State } from './client.ts';
import type { SoakResult, SoakUpdate } from './soak.ts';

/** The updates by host and engine, and by what clients had before, as lines of text. */
export function soakTable({ updates, publications }: SoakResult): string[] {
  const names = [...new Set(updates.map(nameOf))].sort();
  const rows = names.map((name) => [name, ...cells(updates.filter((update) => nameOf(update) === name))]);
  const head = ['', ...STATES, 'updates', 'PrivateMirror', 'during a publication', 'versions', 'faults'];
  const table = [head, ...rows, ['all', ...cells(updates)]];
  const widths = head.map((_, at) => Math.max(...table.map((row) => row[at]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  '),
  );
  const stores = Object.entries(publications).map(([store, count]) => `${store} ${count}`);
  return [...lines, `publications meanwhile: ${stores.join(', ')}`];
}

function nameOf({ host, engine }: SoakUpdate): string {
  return `${host}, ${engine}`;
}

function cells(updates: readonly SoakUpdate[]): string[] {
  const before = (state: State) => updates.filter((update) => update.state === state).length;
  const counts = [
    ...STATES.map(before),
    updates.length,
    updates.filter(({ isPrivate }) => isPrivate).length,
    updates.filter(({ during }) => during).length,
    new Set(updates.map(({ version }) => version)).size,
    updates.filter(({ faults }) => faults.length > 0).length,
  ];
  return counts.map(String);
}
