import { textsFor } from './advice.ts';
import type { Failure } from './run-report.ts';

/** Title of an issue or alert: the failure, its databases and versions, and the mirror, by its public host if it has one. */
export function titleOf(
  failure: Failure,
  { mirror, url }: { readonly mirror: string; readonly url: string | undefined },
): string {
  const about = failure.about === undefined ? '' : `: ${failure.about}`;
  return `${textsFor(failure).title}${about} (mirror ${nameOf(mirror, url)})`;
}

/** Name of a mirror for people: its public host, if it has one, and its id. */
export function nameOf(mirror: string, url: string | undefined): string {
  const host = URL.parse(url ?? '')?.host ?? '';
  return /^[a-z0-9.:-]{1,80}$/.test(host) ? `${host}, ${mirror}` : mirror;
}
