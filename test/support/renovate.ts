import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from './repository.ts';
import { realPart } from './setup/real-part.ts';

/** Release whose schema and usual files the tests know. */
export const RENOVATE = '44.121.2';

const KEPT = ['package/renovate-schema.json', 'package/dist/manager-default-configs.generated.js'];

/**
 * Parts of the package `renovate`, which is not installed: with what it needs it has 360 MB, and its licence is not ours.
 * Its archive of 3 MB is fetched once. The value is the folder with the parts.
 */
export const renovatePackage = await realPart('renovate', async () => {
  const folder = join(REPOSITORY, '.cache', `renovate-${RENOVATE}`);
  if (existsSync(folder)) return folder;
  const fresh = `${folder}.${process.pid}`;
  await mkdir(fresh, { recursive: true });
  try {
    const run = promisify(execFile);
    const options = { cwd: fresh, timeout: 120_000 };
    const { stdout } = await run('npm', ['pack', '--silent', `renovate@${RENOVATE}`], options);
    await run('tar', ['-xzf', stdout.trim(), ...KEPT], options);
    await rename(join(fresh, 'package'), folder);
    return folder;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
});

/** JSON of Renovate's schema. */
export function renovateSchema(folder: string): object {
  return JSON.parse(readFileSync(join(folder, 'renovate-schema.json'), 'utf8'));
}

/** Usual files of a manager of Renovate, as patterns. */
export function usualFilesOf(manager: string, folder: string): string[] {
  const require = createRequire(import.meta.url); // vitest leaves it as it is
  const { managerDefaultConfigs } = require(join(folder, 'dist/manager-default-configs.generated.js'));
  return managerDefaultConfigs[manager].managerFilePatterns;
}
