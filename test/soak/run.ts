import { parseArgs } from 'node:util';
import { isUnattended, searchPath } from '../../scripts/settings/environment.ts';
import { confirm } from '../../scripts/setup/confirm.ts';
import { ensureClamav } from '../../scripts/setup/install-clamav.ts';
import { ensureImages } from '../support/clamav/clamav-images.ts';
import { ensureDocker } from '../support/docker/docker-engine.ts';
import { startCephs } from '../support/s3/ceph.ts';
import { ensureWebServers } from '../support/web/web-servers.ts';
import { ENGINES, HOSTS, type SoakUpdate, soak } from './soak.ts';
import { soakTable } from './table.ts';

const HELP = `npm run soak [-- options]: real freshclams update while our code publishes; exit 1 if one sees a fault
  --updates <count>   how many updates in all (default: 1000)
  --hosts <names>     of ${HOSTS.join(', ')} (default: s3,nginx,lighttpd,caddy)
  --engines <names>   of ${ENGINES.join(', ')} (default: native,oldest)
  --seed <number>     of what is left to chance (default: 1)
`;
const say = (line: string) => void process.stdout.write(`${line}\n`);
const SHOWN = 5;

const { values } = parseArgs({
  options: {
    updates: { type: 'string', default: '1000' },
    hosts: { type: 'string', default: 's3,nginx,lighttpd,caddy' },
    engines: { type: 'string', default: 'native,oldest' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit();
}
const plan = {
  updates: number(values.updates),
  hosts: known(HOSTS, values.hosts),
  engines: known(ENGINES, values.engines),
  seed: number(values.seed),
};

await using stack = new AsyncDisposableStack();
const label = `${process.pid}-${Date.now()}`;
const ask = async (question: string) => isUnattended() || (await confirm(question));
const options = { path: searchPath(), environment: process.env, log: say, ask };
const clamav = await ensureClamav(options);
const images = plan.engines.some((name) => name !== 'native') ? await startDocker() : undefined;
if (plan.hosts.some((host) => host !== 's3')) await ensureWebServers(options);
const cephs = plan.hosts.includes('s3') ? await startCephs(process.env.CEPH, options) : undefined;
if (cephs !== undefined) stack.defer(() => cephs.close());
const ceph = cephs?.running[0];

const begun = performance.now();
const seconds = () => `${Math.round((performance.now() - begun) / 1000)} s`;
let done = 0;
let faulty = 0;
let interrupted = false;
process.once('SIGINT', () => {
  interrupted = true; // so that nothing is left running
});
const result = await soak(plan, {
  clamav,
  label,
  image: (name) => {
    const part = images?.[name] ?? { missing: `no image ${name}` };
    if ('have' in part) return part.have;
    throw new Error(part.missing);
  },
  ...(ceph === undefined ? {} : { ceph }),
  onUpdate,
});
for (const line of ['', ...soakTable(result), `${seconds()}, Ceph ${ceph?.version ?? '–'}`]) say(line);
process.exitCode = faulty > 0 ? 1 : 0;

function onUpdate({ host, engine, state, version, faults }: SoakUpdate): void {
  if (interrupted) throw new Error('interrupted');
  done++;
  if (faults.length > 0 && ++faulty <= SHOWN) {
    say(`FAULT: ${host}, ${engine}, ${state} before, version ${version ?? 'none'} after:`);
    for (const fault of faults) say(`  ${fault.replaceAll('\n', '\n    ')}`);
  }
  if (done % 50 === 0) say(`${done} of ${plan.updates} updates, ${faulty} with faults, ${seconds()}`);
}

async function startDocker() {
  const engine = await ensureDocker(label, options);
  stack.defer(() => engine.close());
  return await ensureImages(options);
}

function known<T extends string>(names: readonly T[], given: string): T[] {
  return given.split(',').map((one) => {
    const found = names.find((name) => name === one.trim());
    return found ?? refuse(`there is no ${one}, only ${names.join(', ')}`);
  });
}

function number(given: string): number {
  return /^\d{1,9}$/.test(given) ? Number(given) : refuse(`not a number: ${given}`);
}

function refuse(why: string): never {
  process.stderr.write(`${why}\n${HELP}`);
  process.exit(2);
}
