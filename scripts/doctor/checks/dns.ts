import { lookUpProxied } from '../../upstream/look-up.ts';
import type { DoctorContext } from '../context.ts';
import { badBy, good, type Seen, skipped } from '../finding.ts';

/** The record that advertises versions is answered, and is not an old one. */
export async function checkDns({ settings: { sync }, now }: DoctorContext): Promise<Seen> {
  const { dns, proxies } = sync;
  if (dns === undefined) return skipped('off: upstream itself is asked');
  const { record } = dns;
  try {
    const { versions, epoch } = await lookUpProxied({ ...dns, proxies }, now());
    const told = [...versions].map(([database, version]) => `${database} ${version}`).join(', ');
    const age = Math.max(0, Math.round((now().getTime() / 1000 - epoch) / 60));
    return good(`${record} has ${told}, ${age} min old`);
  } catch (error) {
    return badBy(
      error,
      `Look at it: dig TXT ${record}; name another nameserver by --nameservers, or do without: --dns off`,
    );
  }
}
