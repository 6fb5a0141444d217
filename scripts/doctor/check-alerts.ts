import type { DoctorContext } from './context.ts';
import { badBy, good, type Seen, skipped } from './finding.ts';

/** The addresses for alerts are well formed. No message is sent: that is for a command of its own. */
export async function checkAlerts({ settings: { alerts } }: DoctorContext): Promise<Seen> {
  if (alerts instanceof Error) return badBy(alerts);
  if (alerts.length === 0) return skipped('no address is named by --alert');
  return good(
    `well formed: ${alerts.join(', ')}; none was told anything`,
    'Send each a test: clamav-mirror alert',
  );
}
