import { triedPart } from '../setup/real-part.ts';

const trial = ['unshare', '--mount', 'mount', '--bind', '/dev/null', '/dev/null'];

/** The right to show a process other files than there are. */
export const mounts = await triedPart(
  'mounts',
  trial,
  'the right to mount in a namespace (root, and unshare)',
);
