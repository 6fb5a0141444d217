import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, inject, test } from 'vitest';
import { startHost } from '../../scripts/host/host.ts';
import { METRICS_PROM } from '../../scripts/mirror/pages.ts';
import { metrics } from '../../scripts/page/metrics.ts';
import { statusOf } from '../../scripts/page/status.ts';
import { publishedMirror } from '../probe/support.ts';
import { describeMirror } from '../support/mirror/cycle.ts';
import { REPOSITORY } from '../support/repository.ts';
import { describeWith, have } from '../support/setup/official.ts';
import { freePort } from '../support/web/ports.ts';
import { startServer } from '../support/web/server.ts';
import { NOW } from './facts.ts';
import { STATES } from './states.ts';

const prometheus = inject('prometheus');
const ALERTS = join(REPOSITORY, 'site', 'monitoring', 'alerts.yml');

interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

/** A real Prometheus that scrapes these mirrors each second, as site/monitoring/README.md says, and evaluates our alerts. */
async function startPrometheus(targets: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
  const port = await freePort();
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    scrape_configs: [
      {
        ...{ job_name: 'clamav-mirror', metrics_path: `/${METRICS_PROM}` },
        static_configs: [{ targets: targets.map((url) => new URL(url).host) }],
      },
    ],
    rule_files: [ALERTS],
  };
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config)); // JSON is YAML
  const options = [
    `--config.file=${folder}/prometheus.yml`,
    `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const server = await startServer({ program: have(prometheus), args: options, port, own: folder });
  /** Asks until the answer is as it shall be: it may take as long as it takes. */
  const until = async <T>(path: string, isSo: (data: T) => boolean): Promise<T> => {
    for (;;) {
      const response = await fetch(`${server.url}/api/v1/${path}`).catch(() => undefined);
      const { data } = response?.ok ? ((await response.json()) as { data: T }) : {};
      if (data !== undefined && isSo(data)) return data;
      if (server.hasEnded()) throw new Error('Prometheus has ended');
      await wait(100);
    }
  };
  return { ...server, until };
}

/** Metrics as they would be now: the states have a clock of their own. */
function ofToday(text: string): string {
  const later = Math.round((Date.now() - NOW.getTime()) / 1000);
  return text.replaceAll(
    /^(\w+_timestamp_seconds\S*) (\d+)$/gm,
    (_, name, time) => `${name} ${Number(time) + later}`,
  );
}

/** A host of the metrics of a mirror in this state. */
async function hostOf(folder: string, state: string) {
  const facts = STATES[state];
  if (facts === undefined) throw new Error(`there is no state ${state}`);
  const own = join(folder, state);
  await mkdir(own);
  await writeFile(join(own, METRICS_PROM), ofToday(metrics(statusOf(facts))));
  return await startHost({ folder: own });
}

describeMirror('a real Prometheus', () => {
  describeWith(prometheus)('of Debian', () => {
    test('scrapes a mirror from our host, and raises no alert on one that is well', async () => {
      await using mirror = await publishedMirror();
      await using host = await startHost({ folder: mirror.store });
      await using server = await startPrometheus([host.url]);
      const { activeTargets } = await server.until<{
        activeTargets: { health: string; lastError: string }[];
      }>('targets', ({ activeTargets: found }) => found.some(({ health }) => health !== 'unknown'));
      expect(activeTargets).toMatchObject([{ health: 'up', lastError: '' }]);
      const { result } = await server.until<{ result: { metric: { database: string } }[] }>(
        'query?query=clamav_mirror_database_checked_timestamp_seconds',
        ({ result: found }) => found.length > 0,
      );
      expect(result.map(({ metric }) => metric.database)).toEqual(['test']);
      const isEvaluated = ({ groups }: Groups) =>
        groups.length > 0 && groups.every(({ rules }) => rules.every(({ health }) => health !== 'unknown'));
      const { groups } = await server.until<Groups>('rules', isEvaluated);
      const rules = groups.flatMap(({ rules: all }) => all);
      expect(rules.length).toBeGreaterThan(5);
      expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
      // "silent" begins to wait before the first scrape, and must be over then
      await server.until<{ alerts: Alert[] }>('alerts', ({ alerts }) => alerts.length === 0);
    });

    test('raises those that are due, of the mirror that they are about', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'states-'));
      try {
        await using refused = await hostOf(folder, 'refused');
        await using stale = await hostOf(folder, 'stale');
        await using server = await startPrometheus([refused.url, stale.url]);
        const of = (alerts: readonly Alert[], name: string, url: string) =>
          alerts.find(({ labels }) => labels.alertname === name && labels.instance === new URL(url).host)
            ?.state;
        const { alerts: raised } = await server.until<{ alerts: Alert[] }>(
          'alerts',
          ({ alerts }) =>
            of(alerts, 'ClamavMirrorRefused', refused.url) === 'firing' &&
            of(alerts, 'ClamavMirrorTwoDaysOld', stale.url) === 'pending', // for five minutes
        );
        expect(of(raised, 'ClamavMirrorRefused', stale.url)).toBeUndefined();
        expect(of(raised, 'ClamavMirrorTwoDaysOld', refused.url)).toBeUndefined();
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  });
});

interface Groups {
  readonly groups: readonly { readonly rules: readonly { readonly health: string }[] }[];
}
