import { CLOCK_TOLERANCE_MS } from '../clock.ts';
import { took } from '../words.ts';
import type { DoctorContext } from './context.ts';
import { bad, good, type Seen, skipped } from './finding.ts';

/** The clock of this machine goes as upstream's does. */
export async function checkClock({ askUpstream }: Pick<DoctorContext, 'askUpstream'>): Promise<Seen> {
  const { ahead } = await askUpstream();
  if (ahead === undefined) return skipped('upstream does not tell the time');
  const said = took(Math.abs(ahead) / 1000);
  if (Math.abs(ahead) <= CLOCK_TOLERANCE_MS) return good(`within ${said} of upstream's`);
  return bad(
    `${said} ${ahead > 0 ? 'behind' : 'ahead of'} upstream's`,
    'Set it by NTP: timedatectl set-ntp true (a container has the clock of its host)',
  );
}
