import { describeMirror } from '../mirror/cycle.ts';
import { clamav, describeWith } from '../setup/official.ts';
import { realPart } from '../setup/real-part.ts';
import { requireStandIn } from './suite.ts';

/** Like `describe`, and skipped where the ClamAV that is there can neither be nor play 1.5. */
export const describeWithClamav15 = describeWith(
  await realPart('clamav-15', () => {
    const { real, ...tested } = clamav();
    requireStandIn(real ?? tested);
  }),
);

/** Like `describeMirror`, and skipped where there is no ClamAV 1.5 in that sense. */
export function describeMirrorWith15(name: string, body: () => void): void {
  describeMirror(name, () => describeWithClamav15('of 1.5', body));
}
