import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { isUnattended, searchPath } from '../../scripts/settings/environment.ts';
import { confirm } from '../../scripts/setup/confirm.ts';
import { ensureClamav } from '../../scripts/setup/install-clamav.ts';
import { ClamavView } from '../support/clamav/clamav-view.ts';
import { anyComparison, type Compared } from './differential.ts';

const HELP = `npm run fuzz [-- options]: what we read of changed CVDs, CLDs and CDIFFs beside real ClamAV; exit 1 for a difference
  --minutes <count>   how long (default: 60)
  --seed <number>     to begin with (default: the time)
`;
const ROUND = 200;
/** Differences that are printed; there are often many of one kind. */
const SHOWN = 20;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string' },
    help: { type: 'boolean' },
  },
});
const [minutes, first] = [Number(values.minutes), Number(values.seed ?? Math.floor(Date.now() / 1000))];
if (values.help || !(minutes > 0) || !Number.isSafeInteger(first)) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}
const say = (line: string) => void process.stdout.write(`${line}\n`);
const ask = async (question: string) => isUnattended() || (await confirm(question));
await using view = await ClamavView.open(
  await ensureClamav({ path: searchPath(), environment: process.env, log: say, ask }),
);

const counts: Record<Compared['ours'], number> = { proven: 0, read: 0, refused: 0 };
let differences = 0;
const end = performance.now() + minutes * 60_000;
for (let seed = first; performance.now() < end; seed++) {
  for (const { what, compare } of fc.sample(anyComparison, { seed, numRuns: ROUND })) {
    const { ours, difference } = await compare(view);
    counts[ours]++;
    if (difference === undefined || ++differences > SHOWN) continue;
    say(`DIFFERENCE with seed ${seed}: ${difference}\n  ${what}`);
  }
  if ((seed - first) % 10 === 9) report();
}
report();
process.exitCode = differences > 0 ? 1 : 0;

function report(): void {
  const { proven, read, refused } = counts;
  say(
    `${proven} proven, ${read} read, ${refused} refused by us; ${differences} seen in another way by ClamAV`,
  );
}
