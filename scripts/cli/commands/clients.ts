import type { Command } from 'commander';
import { command, end, settingsFrom } from './command.ts';

export function addClient(program: Command): void {
  command(program, 'client')
    .argument('<url>', 'a mirror, as clients have it in DatabaseMirror')
    .description('update a database folder from a mirror with a real freshclam, and write its freshclam.conf')
    .option('--json', 'print one JSON object about the result instead of text')
    .addHelpText(
      'after',
      `
For jobs that scan. Keep the folder in a cache, and a job downloads only CDIFFs from the mirror, and nothing from
ClamAV's own servers. Databases are kept, whichever ClamAV version wrote them, if what ClamAV loads of them is proven.
Everything else in the folder is removed.

Signatures of others and the allow list come too, if the mirror has them. Talos did not sign those: they have the size and
SHA-256 that the mirror names, so take them from a mirror that you trust, or leave them out with --talos-only. One with
which ClamAV fails, or no longer finds EICAR, is left out with a warning.

At the end the engine must find EICAR with the databases. That loads them once: about 20 seconds and 1.5 GB for main and
daily. It is skipped if nothing is new and there is no .cld, which nobody signs as a whole.

Exit codes: 0 the folder has the databases of the mirror, 1 it has not, or the mirror is stale.

Example:
  clamav-mirror client https://clamav.example --into ./clamav && clamscan --database ./clamav .`,
    )
    .action(async (url: string, flags) => {
      const { client } = await import('../client.ts');
      return await end(client(url, await settingsFrom('client', flags), flags.json === true));
    });
}

export function addClientConfig(program: Command): void {
  command(program, 'client-config')
    .argument('<urls...>', 'mirrors in the order in which clients try them, as DatabaseMirror has them')
    .description('print freshclam.conf and clamd.conf for clients of a mirror, and what they cost it')
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      `
Each file replaces the whole file of its name. The first mirror is asked which databases it has; without an answer, or
with --offline, clients ask for those that ClamAV asks for. Signatures of others and the allow list that it has are
named by DatabaseCustomURL: make the files anew when there are others. The figures are measured with real clients.

Passwords are not printed: PASSWORD stands for them. --into writes them, to files that only you can read, and says how
to put each file into its place.

Exit codes: 0 printed or written, also where no mirror could be asked, which a warning says; 1 a file could not be
written, or something was given that no configuration can hold; 2 wrong usage.

Examples:
  clamav-mirror client-config http://mirror.example:8080 --for debian
  clamav-mirror client-config http://one.example http://two.example --for kubernetes --into ./clamav
  CLAMAV_MIRROR_CLIENT_PROXY=http://me:secret@proxy.example:3128 \\
    clamav-mirror client-config https://mirror.example --for redhat --into ./clamav
  clamav-mirror client-config http://mirror.example --for docker --fips --oldest 1.5 --json | jq -r '.files[0].text'`,
    )
    .action(async (urls: string[], flags) => {
      const { clientConfig } = await import('../client-config.ts');
      return await end(clientConfig(urls, await settingsFrom('client-config', flags), flags.json === true));
    });
}
