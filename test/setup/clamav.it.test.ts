import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { ensureClamav } from '../../scripts/setup/install-clamav.ts';
import { clamav, describeWithClamav } from '../support/setup/official.ts';

describeWithClamav('the ClamAV of this machine', () => {
  test('is found without a PATH, without a question and without a word', async () => {
    const never = () => expect.unreachable();
    const found = await ensureClamav({ path: '', ask: never, log: never });
    expect(found.version).toBe((clamav().real ?? clamav()).version); // without a PATH, none stands in
    for (const tool of [found.freshclam, found.clamscan, found.sigtool]) {
      expect(execFileSync(tool, ['--version'], { encoding: 'utf8' })).toContain(`ClamAV ${found.version}`);
    }
  });
});
