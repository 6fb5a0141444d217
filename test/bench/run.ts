import { changes } from './changes/changes.ts';
import { cycle } from './cycle.ts';
import { run } from './daemon.ts';
import { face } from './face.ts';
import { host } from './host.ts';
import { proof } from './proof.ts';
import { publish } from './publish.ts';
import { rebuild } from './rebuild.ts';
import { stats } from './stats/stats.ts';
import { sayOn } from './support.ts';

/**
 * `npm run bench [-- name … --json]`: measurements as ratios taken in one run, because machines are noisy. With `--json`,
 * figures of those that have some are printed at the end, and all else goes to stderr.
 */
const benches = { changes, cycle, face, host, proof, publish, rebuild, run, stats } as const;

const isJson = process.argv.includes('--json');
const wanted = process.argv.slice(2).filter((argument) => argument !== '--json');
const unknown = wanted.find((name) => !(name in benches));
if (unknown !== undefined) {
  process.stderr.write(`no bench ${unknown}; there are: ${Object.keys(benches).join(', ')}\n`);
  process.exit(2);
}
if (isJson) sayOn(process.stderr);
const figures: Record<string, unknown> = {};
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  (isJson ? process.stderr : process.stdout).write(`\n${name}\n`);
  const found: unknown = await bench();
  if (found !== undefined) figures[name] = found;
}
if (isJson) process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
