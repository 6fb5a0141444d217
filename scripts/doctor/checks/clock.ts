import { CLOCK_TOLERANCE_MS } from '../../base/clock.ts';
import { lasting, took } from '../../base/words.ts';

const MINUTE_MS = 60_000;

import type { DoctorContext } from '../context.ts';
import { bad, good, type Seen, skipped } from '../finding.ts';

/** The clock of this machine goes as upstream's does. */
export async function checkClock({ askUpstream }: Pick<DoctorContext, 'askUpstream'>): Promise<Seen> {
  const { ahead } = await askUpstream();
  if (ahead === undefined) return skipped('upstream does not tell the time');
  const off = Math.abs(ahead);
  const said = off < 2 * MINUTE_MS ? took(off / 1000) : lasting(Math.round(off / MINUTE_MS) * MINUTE_MS);
  if (Math.abs(ahead) <= CLOCK_TOLERANCE_MS) return good(`within ${said} of upstream's`);
  return bad(
    `${said} ${ahead > 0 ? 'behind' : 'ahead of'} upstream's`,
    'Set it by NTP: timedatectl set-ntp true (a container has the clock of its host)',
  );
}
