import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { metrics } from '../../scripts/page/metrics.ts';
import { statusOf } from '../../scripts/page/status.ts';
import { REPOSITORY } from '../support/repository.ts';
import { describeWith, have } from '../support/setup/official.ts';
import { STATES } from './states.ts';

const promtool = inject('promtool');
const MONITORING = join(REPOSITORY, 'site', 'monitoring');

/** What promtool says, and its exit code. */
function run(args: readonly string[], input = ''): { said: string; status: number | null } {
  const { stdout, stderr, status } = spawnSync(have(promtool), args, { input, encoding: 'utf8' });
  return { said: `${stdout}${stderr}`, status };
}

describeWith(promtool)('Prometheus', () => {
  test.each(Object.entries(STATES))('understands the metrics of a mirror: %s', (_, facts) => {
    expect(run(['check', 'metrics'], metrics(statusOf(facts)))).toEqual({ said: '', status: 0 });
  });

  test('raises each alert when it is time, and none before', () => {
    const { said, status } = run(['test', 'rules', join(import.meta.dirname, 'alerts.rules.yml')]);
    expect({ said, status }).toMatchObject({ said: expect.stringContaining('SUCCESS'), status: 0 });
    const played = readFileSync(join(import.meta.dirname, 'alerts.rules.yml'), 'utf8');
    const alerts = readFileSync(join(MONITORING, 'alerts.yml'), 'utf8').matchAll(/alert: (\w+)/g);
    for (const [, alert = ''] of alerts)
      expect(played, alert).toMatch(new RegExp(`alertname: ${alert}\\n\\s+exp_alerts`));
  });
});
