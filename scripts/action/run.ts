import { mkdir } from 'node:fs/promises';
import * as core from '@actions/core';
import { codeOf, explain } from '../base/errors.ts';
import { SUMMARY_CHARACTERS } from '../base/limits/github.ts';
import { reportOnError } from '../notify/cycle-failures.ts';
import { plain } from '../notify/escape.ts';
import { fits, handedOn } from '../notify/job-report.ts';
import type { RunReport } from '../notify/run-report.ts';
import { type ActionCommand, type ActionSettings, actionSettings, secretsIn } from '../settings/action.ts';
import { withConfig } from '../settings/config/config.ts';
import { type Given, together } from '../settings/read.ts';
import { strangeVariables } from '../settings/unknown.ts';
import { EXIT, exitFor, type Verdict } from '../wiring/exit-code.ts';
import type { Ended, Prepare } from './action-command.ts';
import { type ActionsLog, actionsLog, annotateError } from './actions-log.ts';
import { requireAlerts, sendAlerts } from './alerts.ts';

/** Commands; each loads only what it needs. */
const COMMANDS: Readonly<Record<ActionCommand, () => Promise<Prepare>>> = {
  sync: async () => (await import('./sync.ts')).sync,
  resync: async () => (await import('./sync.ts')).resync,
  verify: async () => (await import('./probe.ts')).verify,
  probe: async () => (await import('./probe.ts')).probe,
  watchdog: async () => (await import('./watchdog.ts')).watchdog,
  client: async () => (await import('./client.ts')).client,
  rollback: async () => (await import('./rollback.ts')).rollback,
  release: async () => (await import('./rollback.ts')).release,
  notify: async () => (await import('./notify.ts')).notify,
  doctor: async () => (await import('./doctor.ts')).doctor,
};

/** Result of a command, with its settings if they could be read. */
interface Run {
  readonly action: ActionSettings | undefined;
  readonly ended: Omit<Ended, 'verdict'> & { readonly verdict: Verdict };
}

/** Runs the command that the inputs name, and hands its results to the runner. Returns the exit code. */
export async function runAction(inputs: Given): Promise<number> {
  const { given, error } = await withFile(inputs);
  const secrets = secretsIn(given);
  for (const secret of secrets) core.setSecret(secret);
  const log = actionsLog();
  warnOfVariables(given, log);
  const now = () => new Date();
  const { action, ended } =
    error === undefined
      ? await run(given, log, now)
      : { action: undefined, ended: failed(error, log, now()) };
  log.end();
  const { verdict, outputs, summary } = ended;
  const report = ended.report && withoutSecrets(ended.report, secrets);
  for (const { class: kind, code, what } of report?.failures ?? []) {
    annotateError(what, `${kind}: ${code}`);
  }
  for (const [name, value] of Object.entries(outputs)) {
    if (!fits(value)) log.warn(`the output ${name} is left empty: it is too long`);
    core.setOutput(name, fits(value) ? value : '');
  }
  if (report !== undefined) core.setOutput('report', handedOn(report));
  await addToSummary(hidden(summary, secrets), log);
  const told = await sendAlerts(report, { given, action, verdict, log });
  for (const [name, value] of Object.entries(told)) core.setOutput(name, value);
  return EXIT[verdict];
}

/** Adds what a settings file says, if an input names one; the inputs alone, and the error, if it is wrong. */
async function withFile(inputs: Given): Promise<{ readonly given: Given; readonly error?: unknown }> {
  const command = inputs.environment.CLAMAV_MIRROR_COMMAND ?? '';
  try {
    return { given: await withConfig(inputs, SECTIONS[command] ?? command) };
  } catch (error) {
    return { given: inputs, error };
  }
}

/** Commands of the action that another name has at a terminal. */
const SECTIONS: Readonly<Record<string, string>> = { resync: 'sync', watchdog: 'watch' };

/** Warns of unknown variables. They end nothing: a job has variables of other programs too. */
function warnOfVariables(given: Given, log: ActionsLog): void {
  try {
    for (const warning of strangeVariables(given)) log.warn(warning);
  } catch (error) {
    log.warn(explain(error));
  }
}

/** Removes secrets from a report: GitHub drops an output that holds one, and shows an issue to everybody. */
function withoutSecrets(report: RunReport, secrets: readonly string[]): RunReport {
  return JSON.parse(JSON.stringify(report), (_, value) =>
    typeof value === 'string' ? hidden(value, secrets) : value,
  );
}

/** Replaces secrets in a text, also where they are quoted or escaped for Markdown. */
function hidden(text: string, secrets: readonly string[]): string {
  const forms = secrets.flatMap((secret) => [JSON.stringify(secret).slice(1, -1), secret]);
  return [...forms, ...forms.map(plain)]
    .sort((one, other) => other.length - one.length) // one may be within another
    .reduce((rest, form) => rest.replaceAll(form, '***'), text);
}

/** Cuts a summary to the length that GitHub takes. */
export function withinSummary(text: string): string {
  return text.slice(0, SUMMARY_CHARACTERS);
}

async function addToSummary(text: string, log: ActionsLog): Promise<void> {
  if (text === '') return;
  await core.summary
    .addRaw(withinSummary(text))
    .write()
    .catch((error) => log.info(`the summary could not be written: ${explain(error)}`));
}

async function run(given: Given, log: ActionsLog, now: () => Date): Promise<Run> {
  let action: ActionSettings | undefined;
  try {
    const prepare = await COMMANDS[commandOf(given)]();
    const settings = together({
      action: () => {
        action = actionSettings(given);
        return action;
      },
      alerts: () => requireAlerts(given),
      start: () => prepare(given),
    });
    await mkdir(settings.action.folder, { recursive: true });
    return { action, ended: await settings.start({ action: settings.action, given, log, now }) };
  } catch (error) {
    return { action, ended: failed(error, log, now()) };
  }
}

/** Results of a command that could not begin, or that threw. */
function failed(error: unknown, log: ActionsLog, at: Date): Run['ended'] {
  const what = explain(error);
  return {
    verdict: exitFor(error),
    outputs: { outcome: 'failed' },
    summary: `## ❌ Failed\n\n${plain(what)}\n`,
    report: reportOnError({ code: codeOf(error) ?? 'unexpected', what }, { log: log.tail, at }),
  };
}

/** Reads the command alone, so that its settings can be validated with all others. Throws `setting/invalid`. */
function commandOf(given: Given): ActionCommand {
  const { CLAMAV_MIRROR_COMMAND: name = '' } = given.environment;
  return Object.hasOwn(COMMANDS, name) ? (name as ActionCommand) : actionSettings(given).command;
}
