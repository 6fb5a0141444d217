import { givenUpIn } from '../upstream/official.ts';
import { SettingError } from './read.ts';

/** Throws `setting/invalid`. Another upstream may have kept what ClamAV gave up. */
export function requireKept(upstreams: readonly string[], databases: readonly string[] = []): void {
  for (const database of databases) {
    const year = upstreams.map((upstream) => givenUpIn(upstream, database)).find((one) => one !== undefined);
    if (year === undefined) continue;
    throw new SettingError(
      'setting/invalid',
      `databases names ${database}: ClamAV gave it up in ${year}, and its servers answer 403, after which they are left alone for a day`,
      { advice: 'Leave it out, or name an --upstream that still has it' },
    );
  }
}
