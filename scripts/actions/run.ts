import { mkdir } from 'node:fs/promises';
import * as core from '@actions/core';
import { codeOf, explain } from '../errors.ts';
import { EXIT, exitFor, type Verdict } from '../exit.ts';
import { reportOnError } from '../notify/failures.ts';
import { plain } from '../notify/markdown.ts';
import type { RunReport } from '../notify/run-report.ts';
import { type ActionCommand, type ActionSettings, actionSettings, secretsIn } from '../settings/action.ts';
import { type Given, together } from '../settings/read.ts';
import type { Ended, Prepare } from './command.ts';
import { type ActionsLog, actionsLog } from './log.ts';
import { tellOthers } from './tell.ts';

/** Each loads what it needs. */
const COMMANDS: Readonly<Record<ActionCommand, () => Promise<Prepare>>> = {
  sync: async () => (await import('./sync.ts')).sync,
  resync: async () => (await import('./sync.ts')).resync,
  verify: async () => (await import('./look.ts')).verify,
  probe: async () => (await import('./look.ts')).probe,
  watchdog: async () => (await import('./watchdog.ts')).watchdog,
  client: async () => (await import('./client.ts')).client,
  rollback: async () => (await import('./rollback.ts')).rollback,
  release: async () => (await import('./rollback.ts')).release,
  notify: async () => (await import('./notify.ts')).notify,
};

/** What came of a command, and the settings, as far as they could be read. */
interface Run {
  readonly action: ActionSettings | undefined;
  readonly ended: Omit<Ended, 'verdict'> & { readonly verdict: Verdict };
}

/** Runs the command that the inputs name and tells the runner what came of it. Gives the exit code. Never throws. */
export async function runAction(given: Given): Promise<number> {
  const secrets = secretsIn(given);
  for (const secret of secrets) core.setSecret(secret);
  const log = actionsLog();
  const now = () => new Date();
  const { action, ended } = await run(given, log, now).catch((error) => failed(error, log, now()));
  log.end();
  const { verdict, outputs, summary } = ended;
  const report = ended.report && withoutSecrets(ended.report, secrets);
  for (const { class: kind, code, what } of report?.failures ?? []) {
    core.error(what, { title: `${kind}: ${code}` });
  }
  const all = { ...outputs, ...(report && { report: JSON.stringify(report) }) };
  for (const [name, value] of Object.entries(all)) core.setOutput(name, value);
  await addToSummary(summary);
  const told = await tellOthers(report, { given, action, verdict, log });
  for (const [name, value] of Object.entries(told)) core.setOutput(name, value);
  return EXIT[verdict];
}

/** GitHub does not hand on an output that holds a secret, and shows an issue to everybody. */
function withoutSecrets(report: RunReport, secrets: readonly string[]): RunReport {
  const hide = (text: string) => secrets.reduce((hidden, secret) => hidden.replaceAll(secret, '***'), text);
  return JSON.parse(JSON.stringify(report), (_, value) => (typeof value === 'string' ? hide(value) : value));
}

async function addToSummary(text: string): Promise<void> {
  if (text === '') return;
  await core.summary
    .addRaw(text.slice(0, SUMMARY))
    .write()
    .catch((error) => core.info(`there is no summary: ${explain(error)}`));
}

/** GitHub takes a megabyte, in bytes. */
const SUMMARY = 250_000;

async function run(given: Given, log: ActionsLog, now: () => Date): Promise<Run> {
  const { command } = actionCommand(given);
  const prepare = await COMMANDS[command]();
  const { action, start } = together({
    action: () => actionSettings(given),
    start: () => prepare(given),
  });
  await mkdir(action.folder, { recursive: true });
  try {
    return { action, ended: await start({ action, given, log, now }) };
  } catch (error) {
    return { ...failed(error, log, now()), action };
  }
}

/** Of a command that could not even begin, or that threw. */
function failed(error: unknown, log: ActionsLog, at: Date): Run {
  const what = explain(error);
  const report: RunReport = reportOnError(
    { code: codeOf(error) ?? 'unexpected', what },
    { log: log.tail, at },
  );
  const verdict = exitFor(error);
  const summary = `## ❌ Failed\n\n${plain(what)}\n`;
  return { action: undefined, ended: { verdict, outputs: { outcome: 'failed' }, summary, report } };
}

/** The command alone, so that its settings can be read with all others. */
function actionCommand(given: Given): Pick<ActionSettings, 'command'> {
  const { CLAMAV_MIRROR_COMMAND } = given.environment;
  return actionSettings({ ...given, environment: { CLAMAV_MIRROR_COMMAND } });
}
