import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take long, the longest first: the last file to end must not be one of them. */
const LONGEST = [
  'test/workflows/mirror.it.test.ts',
  'test/proof/engines/engine-faults.it.test.ts',
  'test/cycle/gate/signs.it.test.ts',
  'test/engine/containers.it.test.ts',
  'test/action/cache.it.test.ts',
  'test/workflows/watchdog.it.test.ts',
  'test/workflows/pages.it.test.ts',
  'test/probe/clients.it.test.ts',
  'test/store/s3/s3.it.test.ts',
  'test/engine/engines.it.test.ts',
  'test/hostile/mirror.it.test.ts',
  'test/cycle/in-place.it.test.ts',
];

/** As vitest orders files, by the time that each took the last time; in a fresh clone, too, the longest ones come first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}`));
      return at === -1 ? LONGEST.length : at;
    };
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}
