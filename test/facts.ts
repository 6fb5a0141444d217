/**
 * Facts about the world that stand in several of our files, each with its source. They age: whoever renews one changes it
 * here first, and `facts.test.ts` names every place that says something else.
 */

/** Megabytes of the databases that ClamAV publishes, as of October 2026 (database.clamav.net, Content-Length). */
export const DATABASE_MEGABYTES = { main: 85, daily: 22, bytecode: 0.3 };

/** Releases of ClamAV that are still supported (https://docs.clamav.net/faq/faq-eol.html, October 2026). */
export const SUPPORTED_CLAMAV = ['1.4', '1.5'];

/** Actions by others: the commit of a release, as its repository on GitHub has it, and that release; all run on Node 24. */
export const ACTIONS: Readonly<Record<string, string>> = {
  'actions/attest': '1e69f48acb82d1966a394da916b4c1698aa569d6 # v4.2.2',
  'actions/checkout': '3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1',
  'actions/deploy-pages': '368f82528645a54fb793d4d04e342629a3f51346 # v5.0.1',
  'actions/github-script': '3a2844b7e9c422d3c10d287c895573f7108da1b3 # v9.0.0',
  'actions/setup-node': '949feb2413d6458794dcd2491c4babbbce0c15c1 # v7.1.0',
  'actions/upload-pages-artifact': 'fc324d3547104276b827a68afc52ff2a11cc49c9 # v5.0.0',
  'aws-actions/configure-aws-credentials': 'e1253824e5c10ff9df46874f81ed3ec929e19cfd # v6.3.0',
};
