import { SILENT } from '../../scripts/base/log.ts';
import type { ExtrasContext } from '../../scripts/extras/extra.ts';
import { NO_PROXIES } from '../support/web/no-proxies.ts';

export const BEGIN = Date.parse('2026-06-01T12:00:00Z');

export function contextIn(work: string, change: Partial<ExtrasContext> = {}): ExtrasContext {
  return {
    published: {},
    work,
    userAgent: 'a mirror under test',
    proxies: NO_PROXIES,
    now: () => new Date(BEGIN),
    log: SILENT,
    patience: { idle: 10_000, total: 20_000 },
    ...change,
  };
}
