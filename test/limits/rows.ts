import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

/** What becomes of something that is one over a limit. */
export interface Row {
  /** A typed error's code; or in words what becomes of it where nothing fails. */
  readonly ends: string;
  /** Goes over the limit, and expects what `ends` says. */
  readonly reach: () => unknown;
}

/** Goes over the limit here: fails with this code. */
export function fails(code: string, reach: () => unknown): Row {
  const attempt = async () => await reach();
  return { ends: code, reach: async () => await expect(attempt()).rejects.toMatchObject({ code }) };
}

/** Goes over the limit here, where nothing fails: `reach` expects what becomes of it. */
export function ends(how: string, reach: () => unknown): Row {
  return { ends: how, reach };
}

/**
 * Another test goes over the limit, for it takes real parts, or a patience that is a shorter one. That test must be there,
 * and where `how` is a code, its file must expect that code.
 */
export function elsewhere(how: string, file: string, name: string): Row {
  return {
    ends: how,
    reach: () => {
      const text = readFileSync(join(import.meta.dirname, '..', file), 'utf8');
      const names = text.split('\n').filter((line) => line.includes(name));
      expect(names.length, `${file}: ${name}`).toBeGreaterThan(0);
      if (/^[a-z-]+\/[a-z-]+$/.test(how)) expect(text.includes(how), `${file}: ${how}`).toBe(true);
    },
  };
}

/** Every number in these exports, by its path: `PATIENCE.idle`. */
export function numbersIn(exports: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(exports).flatMap(([name, value]) => {
    if (typeof value === 'number') return [name];
    if (typeof value !== 'object' || value === null) return [];
    return numbersIn(value as Record<string, unknown>).map((below) => `${name}.${below}`);
  });
}
