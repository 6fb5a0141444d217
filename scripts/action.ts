import { runAction } from './action/run.ts';
import { outliveReaders } from './base/log.ts';
import { givenInputs } from './settings/environment.ts';
import { endOnSignal } from './wiring/on-signal.ts';

/** Entry for GitHub Actions: action.yml runs this file. Wiring only. */
endOnSignal();
outliveReaders();
process.exitCode = await runAction(givenInputs());
