import { test } from 'vitest';
import { describeMirror } from '../../support/mirror/cycle.ts';
import { expectToSurviveKills } from './killing.ts';

describeMirror('the first run of a mirror', () => {
  test('may be killed in any change it makes to files', { timeout: 300_000 }, async () => {
    await expectToSurviveKills(undefined);
  });
});
