import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openEngines } from '../../../scripts/engine/open.ts';
import { parseEngineSpec } from '../../../scripts/engine/spec.ts';
import { shell } from '../../../scripts/setup/shell.ts';
import { describeWithImages, image } from '../../support/docker/docker.ts';
import { docker } from '../../support/docker/of-this-run.ts';
import { digestOf, startRegistry, type TestRegistry } from '../../support/web/registry.ts';

const GONE = `sha256:${'0'.repeat(64)}`;
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

describeWithImages('newest')('an image that a registry has', () => {
  let registry: TestRegistry;
  let folder: string;
  let digest: string;

  /** The real image, under the tag 1.5. */
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'registry-'));
    registry = await startRegistry();
    await docker('save', '--output', join(folder, 'image.tar'), image('newest'));
    await shell({ environment: process.env, folder })`tar -xf image.tar`;
    const [saved] = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
    const add = async (name: string, mediaType: string) => {
      const file = join(folder, name);
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(file)) hash.update(chunk);
      const blob = `sha256:${hash.digest('hex')}`;
      registry.contents.set(blob, { type: 'application/octet-stream', bytes: { file } });
      return { mediaType, digest: blob, size: (await stat(file)).size };
    };
    const config = await add(saved.Config, 'application/vnd.oci.image.config.v1+json');
    const layers = [];
    for (const layer of saved.Layers) layers.push(await add(layer, 'application/vnd.oci.image.layer.v1.tar'));
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers }));
    digest = digestOf(bytes);
    registry.contents.set(digest, { type: MANIFEST, bytes });
    registry.tags.set('1.5', digest);
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  let lines: string[];
  beforeEach(() => {
    lines = [];
  });
  afterEach(async () => {
    for (const name of [`${registry.host}/clamav/clamav:1.5`, `${registry.host}/clamav/clamav@${digest}`])
      await docker('image', 'rm', name).catch(() => {});
  });

  async function open(name: string) {
    const log = {
      info: (line: string) => void lines.push(line),
      warn: (line: string) => void lines.push(`warning: ${line}`),
      progress() {},
    };
    const work = await mkdtemp(join(folder, 'work-'));
    const options = { path: process.env.PATH ?? '', work, log };
    const [engine] = await openEngines(
      [parseEngineSpec(`docker:${registry.host}/clamav/clamav:${name}`)],
      options,
    );
    return engine;
  }

  test('is pulled by its digest, which the engine names', async () => {
    const engine = await open(`1.5@${digest}`);
    expect(engine?.image).toBe(`${registry.host}/clamav/clamav@${digest}`);
    expect(lines).toEqual([expect.stringMatching(/^pulling /)]);
  });

  test('takes the place of one whose digest is gone, with a word, and the engine names what it really is', async () => {
    const engine = await open(`1.5.4@${GONE}`);
    expect(engine?.name).toBe(`docker:${registry.host}/clamav/clamav:1.5.4@${GONE}`);
    expect(engine?.image).toBe(`${registry.host}/clamav/clamav@${digest}`);
    expect(lines.filter((line) => line.startsWith('warning: '))).toEqual([
      expect.stringContaining(`${registry.host}/clamav/clamav:1.5 `),
    ]);
  });

  test('is not there if the tag is gone too', async () => {
    await expect(open(`1.4.1@${GONE}`)).rejects.toMatchObject({ code: 'engine/missing' });
  });

  describe('does not take the place of another', () => {
    afterEach(() => {
      registry.status = undefined;
    });

    test.each([403, 429, 500])('if the registry answers %i', async (status) => {
      registry.status = status;
      await expect(open(`1.5.4@${GONE}`)).rejects.toMatchObject({ code: 'engine/missing' });
      expect(lines).toEqual([expect.stringMatching(/^pulling /)]);
    });
  });

  test('is named by a container too, and one of no registry by its id', async () => {
    await docker('pull', '--quiet', `${registry.host}/clamav/clamav:1.5`);
    const ids = [];
    try {
      for (const name of [`${registry.host}/clamav/clamav:1.5`, image('newest')])
        ids.push(await docker('run', '--detach', '--entrypoint=sleep', name, 'infinity'));
      const work = await mkdtemp(join(folder, 'work-'));
      const options = { path: process.env.PATH ?? '', work, log: { info() {}, warn() {}, progress() {} } };
      const engines = await openEngines(
        ids.map((id) => parseEngineSpec(`container:${id}`)),
        options,
      );
      // docker knows both names of the one image
      expect(engines.map(({ image: used }) => used)).toEqual([
        `${registry.host}/clamav/clamav@${digest}`,
        expect.stringMatching(/sha256:[0-9a-f]{64}$/),
      ]);
    } finally {
      for (const id of ids) await docker('rm', '--force', '--volumes', id);
    }
  });
});
