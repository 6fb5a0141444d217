import { run } from '../../scripts/demo/programs.ts';
import { ensureProgram, type InstallOptions } from './install.ts';

/** Addresses of Debian's archives. */
export interface Archive {
  readonly plain: string;
  readonly security: string | undefined;
}

/** The archives that this machine uses, and mmdebstrap, which unpacks from them. */
export async function findArchive(options: InstallOptions): Promise<Archive> {
  await ensureProgram('mmdebstrap', ['mmdebstrap'], options);
  const command = ['apt-get', 'indextargets', '--format', '$(LABEL) $(REPO_URI)'];
  const { stdout } = await run(command, { ...options, timeout: 60_000 });
  const plain = /^Debian (\S+)$/m.exec(stdout)?.[1];
  const security = /^Debian-Security (\S+)$/m.exec(stdout)?.[1];
  if (plain !== undefined) return { plain, security };
  throw new Error("this machine's package lists name no archive of Debian; apt-get update fetches them");
}
