import { join } from 'node:path';
import { printJson, printRows, runLog, streamLog } from '../base/log.ts';
import { printableJson } from '../base/printable.ts';
import { stamp } from '../base/words.ts';
import { runDaemon } from '../daemon/daemon.ts';
import { type DaemonEvent, told } from '../daemon/journal.ts';
import { RequestLog, requestLine } from '../host/request-log.ts';
import type { RequestLine } from '../host/response.ts';
import { runSettings } from '../settings/commands/run.ts';
import { type LogSettings, logSettings } from '../settings/log.ts';
import { type Given, together } from '../settings/read.ts';
import { alertOfDeath, leaveSoon } from '../wiring/send-alerts.ts';

const CLI = join(import.meta.dirname, '..', 'cli.ts');

/** `clamav-mirror run`: serves and syncs in one process, until SIGINT or SIGTERM. */
export async function run(given: Given, json: boolean): Promise<'good'> {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ending.abort());
  process.on('SIGHUP', () => {}); // it ends nothing, not even before anybody can be asked for a cycle
  const { settings, voice } = together({
    settings: () => runSettings(given),
    voice: () => logSettings(given),
  });
  using requests = requestLog(json);
  const log = json ? jsonTeller(voice, requests) : textTeller(voice, requests);
  let alerting = Promise.resolve();
  const tell: Teller = (event) => {
    log(event);
    // a cycle tells its own end by --alert, unless it died of it
    if (event.event === 'cycle-end' && event.outcome === 'died')
      alerting = alertOfDeath(told(event).text, { given, log: streamLog(process.stderr) });
  };
  const cycle = [process.execPath, ...process.execArgv, CLI, 'sync', '--json'] as const;
  await runDaemon(settings, { cycle, tell, onAsked: onHangUp }, ending.signal);
  await alerting;
  leaveSoon(); // a store that does not answer may still be asked whether it is well
  return 'good';
}

/** Lets SIGHUP ask for a cycle. */
function onHangUp(ask: () => void): Disposable {
  process.on('SIGHUP', ask);
  return { [Symbol.dispose]: () => process.off('SIGHUP', ask) };
}

type Teller = (event: DaemonEvent) => void;

/** One JSON object a line. Requests are told with --verbose: metrics count them. */
function jsonTeller({ voice }: LogSettings, requests: RequestLog): Teller {
  return (event) => {
    const row = { at: new Date().toISOString(), ...event };
    if (event.event !== 'request') printJson(process.stdout, row, 0);
    else if (voice === 'verbose') requests.add(printableJson(row));
  };
}

function textTeller({ voice, isStamped }: LogSettings, requests: RequestLog): Teller {
  const log = runLog(process.stdout, { voice, isStamped });
  return (event) => {
    if (event.event === 'request') return tellRequest(event, voice, requests);
    if (event.event === 'cycle-line') return printRows(process.stdout, [event.line]); // it has its time
    const { weight, text } = told(event);
    if (weight === 'detail') log.info(text);
    else if (weight !== 'routine') log.say(`${PREFIXES[weight]}${text}`);
    else if (voice !== 'quiet') log.say(text);
  };
}

const PREFIXES = { news: '', warning: 'warning: ', error: 'error: ' } as const;

function tellRequest(line: RequestLine, voice: LogSettings['voice'], requests: RequestLog): void {
  if (voice === 'verbose') requests.add(`${stamp(new Date())} ${requestLine(line)}`);
}

function requestLog(json: boolean): RequestLog {
  return new RequestLog((lines) => printRows(process.stdout, lines), {
    waiting: () => process.stdout.writableLength,
    ...(json && { gap: (notLogged: number) => printableJson({ event: 'request', notLogged }) }),
  });
}
