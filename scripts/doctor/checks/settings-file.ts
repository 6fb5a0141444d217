import { counted } from '../../base/words.ts';
import { bad, good, type Seen } from '../finding.ts';
import type { DoctorFile } from '../settings.ts';

/** Secrets in the settings file are for its owner alone. That the rest is right was shown when it was read. */
export async function checkSettingsFile({ path, options, exposed }: DoctorFile): Promise<Seen> {
  if (exposed.length === 0) return good(`${path}, ${counted(options, 'option')}`);
  return bad(
    `${path} holds ${exposed.join(', ')}, and others can read it`,
    `Close it to others: chmod go-r '${path}'`,
  );
}
