import { join } from 'node:path';
import { bytes, counted } from '../base/words.ts';
import { type Cost, FIXED } from '../conf/costs.ts';
import { MACHINES, type Machine } from '../conf/machines.ts';
import type { ConfigReport, ConfigSettings, Costs } from './config.ts';

/** The report for machines, without passwords. */
export function configJson(report: ConfigReport, { machine, checks }: ConfigSettings): unknown {
  const { shown, asked, way, costs, advice, warnings } = report;
  return {
    for: machine,
    asked: asked ?? null,
    way,
    checks,
    files: shown.map(({ name, path, text, isSecret }) => ({ name, path, isSecret, text })),
    costs,
    advice,
    warnings,
  };
}

/** The configurations one after the other, as `head` shows files, with what they cost behind them. */
export function configText(report: ConfigReport, settings: ConfigSettings): string[] {
  const files = report.shown.flatMap(({ path, text }) => [`==> ${path} <==`, ...text.split('\n')]);
  return [...files, ...afterwards(report, settings)];
}

/** The files that were written, and how to put each into its place. */
export function writtenText(report: ConfigReport, settings: ConfigSettings, folder: string): string[] {
  const { owner, isMounted }: Machine = MACHINES[settings.machine];
  const files = report.confs.map(({ name, path, isSecret }) => {
    const from = join(folder, name);
    if (isMounted) return `${from}: mount it at ${path}`;
    if (owner === undefined) return `${from}: copy it to ${path}`;
    const rights = isSecret ? `-m 0640 -o root -g ${owner}` : '-m 0644';
    return `install ${rights} ${from} ${path}`;
  });
  return [...files, '', ...afterwards(report, settings)];
}

function afterwards({ way, costs, advice, asked }: ConfigReport, settings: ConfigSettings): string[] {
  const of = asked === undefined ? '' : `, by what ${asked} has today`;
  return [
    `==> What a client costs its mirror (${way}${of}) <==`,
    ...costs.flatMap((cost) => costLines(cost, settings)),
    `A host that compares no dates sends ${bytes(FIXED.header)} for each database in a check`,
    ...(settings.isPrivate
      ? ['PrivateMirror takes each new version whole: DatabaseMirror takes its CDIFF']
      : []),
    '',
    ...advice,
  ];
}

/** One line, or two where a later ClamAV asks for more. */
function costLines({ occasion, databases, by }: Costs, { checks, fips }: ConfigSettings): string[] {
  const of = {
    check: `a check without news, ${checks} a day`,
    update: `one new version of ${databases.join()}`,
    start: 'an empty folder',
  };
  const [first, later] = [costText(by['0.103']), costText(by['1.5'])];
  const row = (name: string, cost: string) => `${`${name}:`.padEnd(34)}${cost}`;
  if (fips || first === later) return [row(of[occasion], later)];
  return [row(of[occasion], first), row('  from ClamAV 1.5 on', later)];
}

function costText({ requests, bytes: count }: Cost): string {
  return `${counted(requests, 'request')}${count === undefined ? '' : `, ${bytes(count)}`}`;
}
