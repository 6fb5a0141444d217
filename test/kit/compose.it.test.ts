import { appendFile, chmod, copyFile, cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { parse } from 'yaml';
import { run } from '../../scripts/setup/programs.ts';
import { LABEL } from '../support/docker/docker-cli.ts';
import { docker } from '../support/docker/of-this-run.ts';
import { compose, composePart } from '../support/kit/compose.ts';
import { describeWithImage, mirrorImage } from '../support/kit/image.ts';
import { REPOSITORY } from '../support/repository.ts';
import { describeWith, describeWithOfficial, have, official } from '../support/setup/official.ts';
import { freePort } from '../support/web/ports.ts';

const FILE = join(REPOSITORY, 'site/compose/compose.yaml');
const CONFIGURATIONS = join(REPOSITORY, 'site/kubernetes/consumer/base');
/** A busy machine takes its time. */
const SOON = { timeout: 120_000 };
const SERVICES = ['clamav-mirror', 'clamd', 'databases', 'freshclam'];

/** Ends well if upstream answers. */
const ANSWERS = "fetch('http://127.0.0.1:8080/test.cvd').then(({ ok }) => process.exit(ok ? 0 : 1))";

/** Built at run time: a file that holds it would be quarantined. */
const EICAR = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD', '-ANTIVIRUS-TEST-FILE!$H+H*'].join('');

describeWith(composePart)('compose.yaml', () => {
  test('is what Compose understands, and gives nothing rights or a root to write to', async () => {
    const read = parse(await compose(have(composePart), [`--file=${FILE}`, 'config'])) as {
      services: Record<string, object>;
    };
    expect(Object.keys(read.services).sort()).toEqual(SERVICES);
    for (const service of Object.values(read.services))
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
  });

  describeWithImage('with the image', () => {
    describeWithOfficial("and Talos' databases", () => {
      let folder = '';
      let variables: Readonly<Record<string, string>> = {};
      let project = '';

      const up = async (...args: readonly string[]) => {
        const files = [`--file=${FILE}`, `--file=${join(folder, 'test.yaml')}`, `--project-name=${project}`];
        return await compose(have(composePart), [...files, ...args], variables);
      };

      /** What upstream offers. A file is there whole, or not at all. */
      const offer = async (from: string, to: string) => {
        await copyFile(official(from), join(folder, 'upstream', `.${to}`));
        await chmod(join(folder, 'upstream', `.${to}`), 0o644);
        await rename(join(folder, 'upstream', `.${to}`), join(folder, 'upstream', to));
      };

      beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), 'compose-'));
        await chmod(folder, 0o755);
        await cp(CONFIGURATIONS, join(folder, 'conf'), { recursive: true });
        await mkdir(join(folder, 'upstream'));
        await offer('test-1.cvd', 'test.cvd');
        const instead = ['main', 'daily', 'bytecode'].map((name) => `ExcludeDatabase ${name}\n`);
        await appendFile(join(folder, 'conf/freshclam.conf'), `${instead.join('')}ExtraDatabase test\n`);
        const port = await freePort();
        project = `kit${port}`;
        variables = {
          CLAMAV_MIRROR_IMAGE: mirrorImage(),
          CLAMAV_CONF: join(folder, 'conf'),
          CLAMAV_MIRROR_DATABASES: 'test',
          CLAMAV_MIRROR_UPSTREAM: 'http://upstream:8080',
          CLAMAV_MIRROR_PUBLISH: `127.0.0.1:${port}`,
          CLAMD_PUBLISH: `127.0.0.1:${await freePort()}`,
        };
        const labels = { [LABEL]: inject('run') };
        const upstream = {
          ...{ image: mirrorImage(), command: ['serve', '--store=/upstream', '--address=0.0.0.0'], labels },
          volumes: [`${join(folder, 'upstream')}:/upstream:ro`],
          healthcheck: { test: ['CMD', 'node', '--eval', ANSWERS], interval: '1s', retries: 100 },
        };
        const services = {
          ...Object.fromEntries(SERVICES.map((name) => [name, { labels }])),
          'clamav-mirror': { labels, depends_on: { upstream: { condition: 'service_healthy' } } },
          upstream,
        };
        const text = JSON.stringify({
          services: { ...services, upstream },
          networks: { default: { labels } },
        });
        await writeFile(join(folder, 'test.yaml'), text); // JSON is YAML
      });

      afterEach(async () => {
        await up('down', '--volumes', '--timeout=10');
        await rm(folder, { recursive: true });
      });

      test('brings up a mirror and a clamd that follows it without a restart', async () => {
        await up('up', '--detach');
        const clamd = (await up('ps', '--quiet', 'clamd')).trim();
        const scan = async (text: string) => {
          const command = 'printf %s "$0" | clamdscan --config-file=/etc/clamav/clamd.conf --no-summary -';
          const options = { path: process.env.PATH, environment: process.env, timeout: 60_000 };
          const { exitCode, stdout } = await run(
            ['docker', 'exec', clamd, 'sh', '-c', command, text],
            options,
          );
          return `${exitCode}: ${stdout.trim()}`;
        };
        await expect.poll(() => scan('a letter'), SOON).toBe('0: stream: OK');
        const started = await docker('inspect', '--format={{.State.StartedAt}}', clamd);
        expect(await scan(EICAR)).toBe('0: stream: OK'); // version 1 does not know it

        for (const version of [2, 3, 4, 5, 6]) await offer(`test-${version}.cdiff`, `test-${version}.cdiff`);
        await offer('test-6.cvd', 'test.cvd');
        await up('kill', '-s', 'HUP', 'clamav-mirror');
        const served = async () => {
          const answer = await fetch(`http://${variables.CLAMAV_MIRROR_PUBLISH}/test.cvd`);
          return (await answer.text()).split(':')[2];
        };
        await expect.poll(served, SOON).toBe('6');
        await up('kill', '-s', 'USR1', 'freshclam'); // it looks once an hour otherwise
        await expect.poll(() => scan(EICAR), SOON).toBe('1: stream: Eicar-Test-Signature FOUND');
        expect(await scan('a letter')).toBe('0: stream: OK');
        expect(await docker('inspect', '--format={{.State.StartedAt}}', clamd)).toBe(started);
      });
    });
  });
});
