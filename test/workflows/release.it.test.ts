import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { shell } from '../../scripts/setup/shell.ts';

const WORKFLOW = join(import.meta.dirname, '../../.github/workflows/release.yml');

/** GitHub, as far as the job asks it, out of a repository of git: `gh` answers what its API would. */
const GH = `#!/bin/bash
set -euo pipefail
case "$1 $2" in
  'release create')
    git show-ref --verify --quiet "refs/tags/$3" && echo "$3" >> releases ;;
  api\\ repos/*/compare/main...*)
    commit=\${2##*...}
    if [ "$(git rev-parse main)" = "$commit" ]; then echo identical
    elif git merge-base --is-ancestor "$commit" main; then echo behind
    elif git merge-base --is-ancestor main "$commit"; then echo ahead
    else echo diverged; fi ;;
  'api --paginate')
    git for-each-ref --format='%(refname)' "refs/tags/\${3##*/tags/}*" ;;
  'api --method')
    for last; do [[ $last == sha=* ]] && sha=\${last#sha=}; [[ $last == ref=* ]] && ref=\${last#ref=}; done
    if [ "$3" = PATCH ]; then
      ref=refs/\${4##*/git/refs/}
      git show-ref --verify --quiet "$ref" || exit 1
    fi
    git update-ref "$ref" "$sha" ;;
  *) echo "unexpected: $*" >&2; exit 64 ;;
esac
`;

let folder: string;
const git = async (...args: string[]) =>
  (await shell({ environment: process.env, folder })`git ${args}`).stdout.trim();
const commit = async (message: string) => {
  await git(
    '-c',
    'user.name=a',
    '-c',
    'user.email=a@example',
    'commit',
    '-q',
    '--allow-empty',
    '-m',
    message,
  );
  return await git('rev-parse', 'HEAD');
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'release-'));
  await git('init', '-q', '-b', 'main');
  await commit('first');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Plays the job `release` for a tag that was pushed; gives the log. */
async function release(tag: string): Promise<string> {
  const { jobs } = parse(await readFile(WORKFLOW, 'utf8'));
  const tools = await mkdtemp(join(tmpdir(), 'gh-'));
  try {
    await writeFile(join(tools, 'gh'), GH, { mode: 0o755 });
    const env = {
      PATH: `${tools}:${process.env.PATH}`,
      GITHUB_REF_NAME: tag,
      GITHUB_SHA: await git('rev-parse', `${tag}^{commit}`),
      GITHUB_REPOSITORY: 'acme/mirror',
    };
    let log = '';
    for (const step of jobs.release.steps) {
      // as the runner has it where a step names no shell
      const $ = shell({ environment: env, folder });
      const { stdout, stderr } = await $`bash -e -c ${step.run}`.catch((error) => {
        throw new Error(`${step.name}: ${error.stdout}${error.stderr}`);
      });
      log += stdout + stderr;
    }
    return log;
  } finally {
    await rm(tools, { recursive: true, force: true });
  }
}

const releases = async () =>
  (await readFile(join(folder, 'releases'), 'utf8').catch(() => '')).trim().split('\n');

describe('a release', () => {
  test('makes the tag of its major version, and moves it on', async () => {
    await git('tag', 'v1.0.0');
    await release('v1.0.0');
    expect(await git('rev-parse', 'v1')).toBe(await git('rev-parse', 'v1.0.0'));
    await commit('second');
    await git('tag', 'v1.0.1');
    await release('v1.0.1');
    expect(await git('rev-parse', 'v1')).toBe(await git('rev-parse', 'v1.0.1'));
    expect(await releases()).toEqual(['v1.0.0', 'v1.0.1']);
  });

  test('of an older version is made, and moves nothing back', async () => {
    await git('tag', 'v1.2.9');
    const newest = await commit('second');
    await git('tag', 'v1.10.0'); // by number, not by letters
    await release('v1.10.0');
    await commit('third');
    await git('tag', 'v1.2.10');
    expect(await release('v1.2.10')).toContain('stays where it is');
    expect(await git('rev-parse', 'v1')).toBe(newest);
    expect(await releases()).toEqual(['v1.10.0', 'v1.2.10']);
  });

  test('of another major version has a tag of its own; tags of another form count for nothing', async () => {
    const first = await git('rev-parse', 'HEAD');
    await git('tag', 'v1.0.0');
    await git('tag', 'v1.9.9-rc.1');
    await git('tag', 'v10.0.0');
    await release('v1.0.0');
    await commit('second');
    await git('tag', 'v2.0.0');
    await release('v2.0.0');
    expect(await git('rev-parse', 'v1')).toBe(first);
    expect(await git('rev-parse', 'v2')).toBe(await git('rev-parse', 'main'));
  });

  test.each(['ahead of', 'beside'])(
    'of a commit %s main is refused before anything is made',
    async (where) => {
      await git('checkout', '-q', '-b', 'other');
      await commit('not reviewed');
      await git('tag', 'v1.0.0');
      if (where === 'beside') {
        await git('checkout', '-q', 'main');
        await commit('second');
      }
      await expect(release('v1.0.0')).rejects.toThrow(/^The tag is part of main: .*not part of main/);
      expect(await releases()).toEqual(['']);
      await expect(git('rev-parse', '--verify', 'v1')).rejects.toThrow();
    },
  );
});
