import { cycle } from './cycle.ts';
import { host } from './host.ts';
import { proof } from './proof.ts';
import { publish } from './publish.ts';
import { rebuild } from './rebuild.ts';

/** `npm run bench [-- name …]`: measurements as ratios taken in one run, because machines are noisy. */
const benches = { cycle, host, proof, publish, rebuild } as const;

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !(name in benches));
if (unknown !== undefined) {
  process.stderr.write(`no bench ${unknown}; there are: ${Object.keys(benches).join(', ')}\n`);
  process.exit(2);
}
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stdout.write(`\n${name}\n`);
  await bench();
}
