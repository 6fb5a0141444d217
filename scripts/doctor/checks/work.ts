import { codeOf } from '../../base/errors.ts';
import { bytes } from '../../base/log.ts';
import type { DoctorContext } from '../context.ts';
import { badBy, good, type Seen } from '../finding.ts';
import { freeIn, noFolder, roomForWork, tooLittle, unwritable } from './disk-space.ts';

/** The work folder can be made or is ours alone, and has room. */
export async function checkWork({
  settings: { sync },
  testFolders,
}: Pick<DoctorContext, 'settings' | 'testFolders'>): Promise<Seen> {
  const { work } = sync;
  const other = await noFolder(work, 'work');
  if (other !== undefined) return other;
  try {
    const free = await freeIn((await testFolders.inWork(work)).folder);
    return tooLittle(work, free, roomForWork(sync), 'work') ?? good(`${work}, ${bytes(free)} free`);
  } catch (error) {
    return codeOf(error) === 'setting/unsafe-folder' ? badBy(error) : unwritable(error, work, 'work');
  }
}
