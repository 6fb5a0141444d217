import * as core from '@actions/core';
import { LOG_TAIL } from '../base/limits/github.ts';
import type { Log } from '../base/log.ts';
import { logLine } from '../base/printable.ts';
import { withMoments } from '../base/words.ts';

/** Pause between two lines of progress, which only a debug log has. */
const PROGRESS_PAUSE_MS = 5000;

export interface ActionsLog extends Log {
  /** The last lines, oldest first. */
  readonly tail: readonly string[];
  /** Ends the group of the last step. */
  end(): void;
}

/**
 * Makes a log for a workflow's page: each step of a run is a group, each warning an annotation, and progress shows with
 * debugging on. No word from outside becomes a workflow command.
 */
export function actionsLog(now: () => number = Date.now): ActionsLog {
  const tail: string[] = [];
  let isOpen = false;
  let said = Number.NEGATIVE_INFINITY;
  const keep = (line: string) => {
    tail.push(logLine(withMoments(line)).slice(0, LOG_TAIL.characters));
    if (tail.length > LOG_TAIL.lines) tail.shift();
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
      core.info(logLine(withMoments(line)));
    },
    warn(line) {
      keep(`warning: ${line}`);
      core.warning(logLine(withMoments(line)));
    },
    progress(line) {
      if (now() - said < PROGRESS_PAUSE_MS) return;
      said = now();
      core.debug(logLine(line));
    },
    step(name) {
      end();
      core.startGroup(name);
      isOpen = true;
    },
  };
}

/** Reports a failure in an annotation of its own. */
export function annotateError(what: string, title: string): void {
  core.error(logLine(withMoments(what)), { title: logLine(title) });
}
