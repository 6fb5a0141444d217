import { runAction } from './actions/run.ts';
import { endOnSignal } from './commands/parts.ts';
import { outliveReaders } from './log.ts';
import { givenInputs } from './settings.ts';

/** For GitHub Actions: what action.yml runs. Wiring only. */
endOnSignal();
outliveReaders();
process.exitCode = await runAction(givenInputs());
