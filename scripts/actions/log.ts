import * as core from '@actions/core';
import { type Log, printable } from '../log.ts';

/** Lines that are kept for whoever reads of a failure somewhere else. */
const TAIL = 30;
/** Of one of them. */
const LENGTH = 240;
/** Progress is told this rarely, and only where somebody debugs. Milliseconds. */
const PAUSE = 5000;

export interface ActionsLog extends Log {
  /** The last lines, oldest first. */
  readonly tail: readonly string[];
  /** Ends the group of the last part. */
  end(): void;
}

/**
 * A log for a workflow's page: each part of a run is a group, a warning an annotation, and progress is for
 * those who turned debugging on. Nobody's words are taken for a workflow command.
 */
export function actionsLog(now: () => number = Date.now): ActionsLog {
  const tail: string[] = [];
  let isOpen = false;
  let said = Number.NEGATIVE_INFINITY;
  const keep = (line: string) => {
    tail.push(printable(line).slice(0, LENGTH));
    if (tail.length > TAIL) tail.shift();
  };
  const end = () => {
    if (isOpen) core.endGroup();
    isOpen = false;
  };
  return {
    tail,
    end,
    info(line) {
      keep(line);
      core.info(harmless(printable(line)));
    },
    warn(line) {
      keep(`warning: ${line}`);
      core.warning(printable(line));
    },
    progress(line) {
      if (now() - said < PAUSE) return;
      said = now();
      core.debug(printable(line));
    },
    part(name) {
      end();
      core.startGroup(name);
      isOpen = true;
    },
  };
}

/** The runner takes a line for a command that begins with `::`, and one that has `##[` anywhere. */
export function harmless(line: string): string {
  return line.replace(/^(\s*):(?=:)/, '$1: ').replace(/##(?=\[)/g, '# #');
}
