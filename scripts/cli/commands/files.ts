import type { Command } from 'commander';
import { command, end, settingsFrom } from './command.ts';

export function addVerify(program: Command): void {
  command(program, 'verify')
    .argument(
      '[paths...]',
      'files, folders with a published mirror, or s3://bucket/prefix (default: the store of the settings, else ./mirror)',
    )
    .description('prove CVD, CLD, CDIFF and .sign files, or a whole published mirror')
    .option(
      '--database <name>',
      'the database that the files must belong to, where their names do not say it',
    )
    .option('--json', 'print one JSON object about everything that was checked')
    .addHelpText(
      'after',
      `
A CVD is proven by its header's signature and MD5, the signature of its .info, and the hash of each file inside.
A CDIFF is proven by its signature, a .sign file by its certificates and the file beside it that it signs. A CLD, which
freshclam makes of a CVD and CDIFFs, has no signature over the whole: the signature of its .info is checked, and the
hash of each file that ClamAV loads. A published mirror must also match its manifest.

Exit codes: 0 all proven, 1 a file could not be read, 3 something could not be proven.

A bucket is downloaded whole, to a temporary folder.

Examples:
  clamav-mirror verify /srv/clamav
  clamav-mirror verify s3://our-bucket/clamav
  clamav-mirror verify daily.cvd daily-28001.cdiff`,
    )
    .action(async (paths: string[], flags) => {
      const { verify } = await import('../files/verify.ts');
      return await end(
        verify(paths, {
          database: flags.database,
          given: await settingsFrom('verify', flags),
          json: flags.json === true,
        }),
      );
    });
}

export function addRebuild(program: Command): void {
  program
    .command('rebuild')
    .description('rebuild an official CVD, bit for bit, from an earlier one and CDIFFs')
    .requiredOption('--from <cvd>', 'the earlier CVD')
    .requiredOption('--cdiff <files...>', 'the CDIFFs of all later versions, in any order')
    .requiredOption(
      '--header <file|url>',
      'the first 522 (or 512) bytes of the new CVD, or its URL to fetch them from',
    )
    .requiredOption('--output <cvd>', 'path of the new CVD; the file appears once it is proven')
    .option('--json', 'print one JSON object about the result instead of text')
    .addHelpText(
      'after',
      `
The CDIFFs hold what changed. The header holds the signature, which only Talos can make. The result is the file that
Talos signed, bit for bit, or nothing.

Exit codes: 0 rebuilt, 1 failed, 3 the CVD and the CDIFFs do not lead to the CVD that the header signs.

Example:
  clamav-mirror rebuild --from daily.cvd --cdiff daily-28001.cdiff daily-28002.cdiff \\
    --header https://database.clamav.net/daily.cvd --output daily.new.cvd`,
    )
    .action(async (flags) => {
      const { rebuild } = await import('../files/rebuild.ts');
      return await end(rebuild(flags, flags.json === true));
    });
}

export function addInspect(program: Command): void {
  program
    .command('inspect')
    .argument('<files...>', 'CVD, CLD, CDIFF or .sign files')
    .description('show what is inside database files, genuine or not')
    .option('--json', 'print one JSON object for each file')
    .addHelpText(
      'after',
      `
It shows the header and the contents as they are, and says whether they are proven. To decide anything, use verify.
Files in a CLD that ClamAV does not load are marked.

Example:
  clamav-mirror inspect daily.cvd`,
    )
    .action(async (files: string[], flags) => {
      const { inspect } = await import('../files/inspect.ts');
      return await end(inspect(files, flags.json === true));
    });
}
