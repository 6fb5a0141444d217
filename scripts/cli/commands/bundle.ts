import type { Command } from 'commander';
import { command, end, settingsFrom } from './command.ts';

export function addBundle(program: Command): void {
  const bundle = program
    .command('bundle')
    .description('carry the mirror to a network without internet: export on one side, import on the other');

  command(bundle, 'export')
    .description('write what the other side lacks into one file')
    .option('--json', 'print one JSON object about the bundle instead of text')
    .addHelpText(
      'after',
      `
The first bundle holds everything. Each later one goes on where the last export ended: CDIFFs, .sign files and the first
522 bytes of each CVD, from which the other side rebuilds the CVDs of Talos, bit for bit. A bundle is a tar with a list of
its contents. Nobody has to trust it, nor who carries it: the import verifies every signature again.

The note of the last export is exported.json in the work folder. With --since it is neither used nor changed.

Exit codes: 0 written, 1 failed, 2 wrong usage.

Examples:
  clamav-mirror bundle export --store /srv/clamav --to /media/usb/clamav-$(date +%F).tar
  clamav-mirror bundle export --store /srv/clamav --to week.tar --since 2026-11-21 --split 25
  clamav-mirror bundle export --store /srv/clamav --to all.tar --since nothing`,
    )
    .action(async (flags) => {
      const { exportTo } = await import('../bundle.ts');
      return await end(exportTo(await settingsFrom('export', flags), flags.json === true));
    });

  command(bundle, 'import')
    .argument('<files...>', 'bundles and their pieces, in any order')
    .description('run one cycle with what bundles bring, without any network')
    .option('--json', 'print one JSON object about the cycle instead of text')
    .addHelpText(
      'after',
      `
It is a cycle like that of sync, with bundles in the place of upstream: CVDs are rebuilt, each signature is verified, the
engines here prove the result, and it is published. Nothing is taken of any bundle if one is damaged, or if something
between the store and the bundles is missing. A bundle that brings nothing new is told, and is no error.

Exit codes: 0 imported, or nothing to do; 1 failed, or something is missing; 2 wrong usage; 3 refused: a bundle is damaged,
or a database could not be proven.

Examples:
  clamav-mirror bundle import /media/usb/clamav-2026-11-28.tar --store /srv/clamav
  clamav-mirror bundle import week.tar.* --store /srv/clamav`,
    )
    .action(async (files: string[], flags) => {
      const { importFrom } = await import('../bundle.ts');
      return await end(importFrom(files, await settingsFrom('import', flags), flags.json === true));
    });
}
