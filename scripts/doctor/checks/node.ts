import packageJson from '../../../package.json' with { type: 'json' };
import type { DoctorContext } from '../context.ts';
import { bad, good, type Seen } from '../finding.ts';

/** The Node that runs this. */
export async function checkNode({ node }: Pick<DoctorContext, 'node'>): Promise<Seen> {
  const least = packageJson.engines.node.replace('>=', '');
  if (isAtLeast(numbersOf(node), numbersOf(least))) return good(`Node ${node.replace(/^v/, '')}`);
  return bad(
    `Node ${node.replace(/^v/, '')} is too old: ${least} or newer is needed`,
    'npm brings the right one: npm ci && npm run -s clamav-mirror -- doctor',
  );
}

function isAtLeast(found: readonly number[], least: readonly number[]): boolean {
  const at = least.findIndex((number, index) => (found[index] ?? 0) !== number);
  return at === -1 || (found[at] ?? 0) > (least[at] ?? 0);
}

function numbersOf(version: string): number[] {
  return version
    .replace(/^v/, '')
    .split('.')
    .map((part) => Number.parseInt(part, 10));
}
