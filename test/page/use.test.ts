import { expect, test } from 'vitest';
import { mirrorLines } from '../../scripts/conf/freshclam-conf.ts';
import { confText } from '../../scripts/files/clamav-conf.ts';
import { use } from '../../scripts/page/sections/use.ts';
import { statusOf } from '../../scripts/page/status.ts';
import { extraRecord, extrasOf } from '../mirror/extras.ts';
import { databaseRecord } from '../store/support.ts';
import { production, wellFacts } from './facts.ts';

/** The lines for freshclam.conf on the page. */
function linesOn(publicUrl: string | undefined): string {
  const manifest = production(0, {
    databases: { daily: databaseRecord(1), extra: databaseRecord(2) },
    extras: extrasOf({ 'own.ndb': extraRecord('') }),
  });
  const page = use(statusOf(wellFacts({ manifest, publicUrl }))).text;
  const [, shown = ''] = /<pre><code class="copy">(DatabaseMirror[\s\S]*?)<\/code><\/pre>/.exec(page) ?? [];
  return shown;
}

test('the page has the lines that client-config prints', () => {
  const mirror = 'https://clamav.example';
  const lines = confText(
    mirrorLines({
      ...{ mirrors: [mirror], databases: ['daily', 'extra'], record: undefined },
      extras: { mirror, names: ['own.ndb'] },
    }),
  );
  expect(`${linesOn(mirror)}\n`).toBe(lines);
  expect(lines).toContain('ExcludeDatabase main\nExcludeDatabase bytecode\nExtraDatabase extra\n');
});

test('an address of the mirror cannot begin a line there, and is no markup', () => {
  const shown = linesOn('https://x/\nOnUpdateExecute "><script>');
  expect(shown.split('\n').map((line) => line.split(' ')[0])).not.toContain('OnUpdateExecute');
  expect(shown).not.toContain('<script>');
});
