import { explain } from '../../../scripts/base/errors.ts';
import { refreshPackageLists } from '../../../scripts/setup/apt.ts';
import { run } from '../../../scripts/setup/programs.ts';
import { ensureProgram, type InstallOptions } from './install.ts';

/** Addresses of Debian's archives. */
export interface Archive {
  readonly plain: string;
  readonly security: string | undefined;
}

/**
 * The archives that this machine uses, and mmdebstrap, which unpacks from them. apt tells those whose lists are there;
 * where one is missing the lists are refreshed first.
 */
export async function findArchive(options: InstallOptions): Promise<Archive> {
  await ensureProgram('mmdebstrap', ['mmdebstrap'], options);
  let { plain, security } = await archivesInLists(options);
  if (plain === undefined || security === undefined) {
    await refresh(options);
    ({ plain, security } = await archivesInLists(options));
  }
  if (plain !== undefined) return { plain, security };
  throw new Error("this machine's package lists name no archive of Debian; apt-get update fetches them");
}

async function archivesInLists(
  options: InstallOptions,
): Promise<{ plain: string | undefined; security: string | undefined }> {
  const command = ['apt-get', 'indextargets', '--format', '$(LABEL) $(REPO_URI)'];
  const { stdout } = await run(command, { ...options, timeout: 60_000 });
  const addressOf = (label: string) => new RegExp(`^${label} (\\S+)$`, 'm').exec(stdout)?.[1];
  return { plain: addressOf('Debian'), security: addressOf('Debian-Security') };
}

async function refresh(options: InstallOptions): Promise<void> {
  if (!(await options.ask("Refresh this machine's package lists, which lack an archive (apt-get update)?")))
    return;
  await refreshPackageLists(options).catch((error) => options.log(explain(error)));
}
