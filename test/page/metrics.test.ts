import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { badgeJson, badgeSvg } from '../../scripts/page/badge.ts';
import { metrics } from '../../scripts/page/metrics.ts';
import { statusOf } from '../../scripts/page/status.ts';
import { REPOSITORY } from '../support/repository.ts';
import { ago } from './facts.ts';
import { STATES } from './states.ts';

const texts = Object.values(STATES).map((facts) => metrics(statusOf(facts)));
const [, well = ''] = texts;

describe('the metrics', () => {
  test('give ages as timestamps, so that they grow while nobody writes the file', () => {
    const checked = Math.floor(Date.parse(ago(4 * 60_000)) / 1000);
    expect(well).toContain(`clamav_mirror_checked_timestamp_seconds ${checked}\n`);
    expect(well).toContain(`clamav_mirror_database_checked_timestamp_seconds{database="daily"} ${checked}\n`);
    expect(well).not.toMatch(/age_seconds/);
  });

  test('are OpenMetrics: a type for each, no empty line, and an end', () => {
    for (const text of texts) {
      expect(text.endsWith('\n# EOF\n')).toBe(true);
      expect(text).not.toContain('\n\n');
      const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      for (const line of lines) expect(line).toMatch(/^[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)+\})? [\d.]+$/);
      const names = new Set(lines.map((line) => line.replace(/[{ ].*$/, '')));
      expect(names).toEqual(new Set([...text.matchAll(/^# TYPE (\w+) gauge$/gm)].map(([, name]) => name)));
      expect(new Set(lines).size).toBe(lines.length);
    }
  });

  test('have every metric that the alerts and the dashboard ask for', () => {
    const known = new Set(
      texts.flatMap((text) => [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name)),
    );
    for (const file of ['alerts.yml', 'dashboard.json']) {
      const text = readFileSync(join(REPOSITORY, 'site', 'monitoring', file), 'utf8');
      const wanted = [...text.matchAll(/clamav_mirror_\w+/g)].map(([name]) => name);
      expect(wanted.length).toBeGreaterThan(5);
      expect(
        wanted.filter((name) => !known.has(name)),
        file,
      ).toEqual([]);
    }
    JSON.parse(readFileSync(join(REPOSITORY, 'site', 'monitoring', 'dashboard.json'), 'utf8'));
  });
});

describe('the badge', () => {
  test('has the form that shields reads', () => {
    const badges = Object.values(STATES).map((facts) => JSON.parse(badgeJson(statusOf(facts))));
    for (const badge of badges)
      expect(badge).toMatchObject({
        schemaVersion: 1,
        label: 'ClamAV mirror',
        color: expect.stringMatching(/^[0-9a-f]{6}$/),
      });
    expect(badges[1].message).toBe('well, checked 2026-11-28');
    expect(badges.filter(({ isError }) => isError)).toHaveLength(1);
  });

  test('says in the picture what it says in words', () => {
    for (const facts of Object.values(STATES)) {
      const [picture, { message }] = [badgeSvg(statusOf(facts)), JSON.parse(badgeJson(statusOf(facts)))];
      expect(picture).toContain(`<title>ClamAV mirror: ${message}</title>`);
    }
  });
});
