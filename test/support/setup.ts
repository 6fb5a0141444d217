import type { TestProject } from 'vitest/node';
import { ensureClamav } from '../../scripts/demo/clamav.ts';
import { confirm } from '../../scripts/demo/confirm.ts';
import { DEFAULT_CACHE, ensureOfficial } from '../../scripts/demo/official.ts';
import { explain } from '../../scripts/errors.ts';
import { isUnattended, searchPath } from '../../scripts/settings.ts';
import { type Ceph, startCephs } from './ceph.ts';
import { clamavForTests, type TestedClamav } from './clamav-15/suite.ts';
import { ensureImages, type Images } from './clamav-images.ts';
import { type DockerEngine, ensureDocker } from './docker-engine.ts';
import type { InstallOptions } from './install.ts';

/** Something real that tests need, or why it is not there. */
export type RealPart<T> = { readonly have: T } | { readonly missing: string };

declare module 'vitest' {
  interface ProvidedContext {
    /** `CLAMAV=1.5` in the environment asks for that version. */
    clamav: RealPart<TestedClamav>;
    /** A folder. */
    official: RealPart<string>;
    /** A Docker engine with these images. */
    docker: RealPart<Images>;
    /** S3 gateways that run; `CEPH=20,16` in the environment says which. */
    cephs: RealPart<readonly Ceph[]>;
    /** The name of this run of the tests, for what it leaves in the Docker engine. */
    run: string;
  }
}

/** Before the first test: the real parts are there, or it is known why not. After the last one: nothing is left running. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const ask = async (question: string) => isUnattended() || (await confirm(question));
  const options = { path: searchPath(), log: (line: string) => console.log(line), ask };
  const run = `${process.pid}-${Date.now()}`;
  const official = part(ensureOfficial(DEFAULT_CACHE, options));
  const installed = await part(ensureClamav({ ...options, daemon: true })); // one installation at a time
  const { clamav, close } = await clamavForTests(installed, process.env.CLAMAV);
  await import('./web-servers.ts'); // which installs what is missing of them
  const engine = await part(ensureDocker(run, options));
  const cephs = part(startCephs(process.env.CEPH, options));
  project.provide('run', run);
  project.provide('clamav', clamav);
  project.provide('docker', await withImages(engine, options));
  project.provide('official', await official);
  const gateways = await cephs;
  project.provide('cephs', 'have' in gateways ? { have: gateways.have.running } : gateways);
  return async () => {
    if ('have' in gateways) await gateways.have.close();
    if ('have' in engine) await engine.have.close();
    await close();
  };
}

async function withImages(
  engine: RealPart<DockerEngine>,
  options: InstallOptions,
): Promise<RealPart<Images>> {
  return 'have' in engine ? { have: await ensureImages(options) } : engine;
}

async function part<T>(wanted: Promise<T>): Promise<RealPart<T>> {
  return await wanted.then(
    (have) => ({ have }),
    (error) => ({ missing: explain(error) }),
  );
}
