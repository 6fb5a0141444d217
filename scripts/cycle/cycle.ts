import type { Published } from '../mirror/published.ts';
import { acquireUpdates } from './acquire/acquire.ts';
import { openAdoption } from './adopt/open-adoption.ts';
import { settle } from './adopt/settle.ts';
import { surveyAdopted } from './adopt/survey-adopted.ts';
import { confirmUnchanged } from './confirm.ts';
import type { Cycle, CycleDeps } from './context.ts';
import { refreshExtrasOf } from './extras/extras-phase.ts';
import { tellOutcome } from './face/cycle-face.ts';
import { bringLocalFiles } from './face/local-files.ts';
import { publishChanges } from './face/publish-changes.ts';
import { openMemory } from './memory/memory.ts';
import { rememberRefusals } from './memory/refusals.ts';
import { openCycle } from './open-cycle.ts';
import { Progress } from './progress.ts';
import { proveStage } from './prove.ts';
import { publishStage } from './publish.ts';
import { requireServed } from './read-back.ts';
import type { CycleReport } from './report.ts';
import type { CycleSettings } from './settings.ts';
import { surveyDatabases } from './survey/survey.ts';
import { openWorkspace } from './workspace.ts';

/** One run of the mirror: from what upstream advertises to what clients see. Never throws: the report says it. */
export async function runCycle(settings: CycleSettings, deps: CycleDeps): Promise<CycleReport> {
  const progress = new Progress(deps, settings.dryRun);
  try {
    await using workspace = await openWorkspace(settings.work, deps.log); // one run at a time
    const memory = await openMemory(settings.work, deps);
    let seen: Published | undefined;
    const hasLocalFiles = await bringLocalFiles(settings, deps); // a status page shows them
    try {
      // What somebody gave us comes first, and is published before upstream is asked for anything.
      const adoption = await openAdoption(settings, deps);
      progress.adoption = adoption;
      adoption?.requireUseful(settings.databases);
      for (const databases of memory.trials.turns(settings.only ?? settings.databases)) {
        for (const isAdopting of adoption === undefined ? [false] : [true, false]) {
          const turn = { workFolder: workspace.folder, memory, databases, progress, adoption, isAdopting };
          await using cycle = await openCycle(settings, deps, turn);
          seen = cycle.published;
          await progress.turn(cycle.published, async () => await run(cycle));
          settle(cycle, progress.report().databases);
        }
      }
    } catch (error) {
      progress.fail(error); // the published mirror is as it was
    }
    const { folder: workFolder } = workspace;
    await refreshExtrasOf({ settings, deps, workFolder, memory, progress, seen });
    if (!settings.dryRun) await memory.rememberRun(progress.report(), settings);
    if (!hasLocalFiles) await bringLocalFiles(settings, deps);
    const hasChanges = await publishChanges(settings, { ...deps, progress, seen, folder: workFolder });
    if (hasChanges) progress.told = undefined; // the page tells of them
    await tellOutcome({ ...deps, settings, progress, memory });
  } catch (error) {
    progress.fail(error);
  }
  return progress.report();
}

async function run(cycle: Cycle): Promise<void> {
  const { settings, progress, memory, isAdopting } = cycle;
  // What is published, and what does upstream offer? One DNS question, or 522 bytes for each database.
  await progress.step('survey', () => (isAdopting ? surveyAdopted(cycle) : surveyDatabases(cycle)));
  if (!progress.hasWork) return await confirmUnchanged(cycle);

  // Without an engine nothing could be published, so that is found out before anything is downloaded.
  const prove = await cycle.openProver();
  await using _trial = await memory.trials.begin(progress.surveys); // the next run knows if this one dies of it

  // New, signed files enter the stage: rebuilt from CDIFFs, else downloaded. A database that fails stays as published.
  await progress.step('acquire', () => acquireUpdates(cycle));

  // Real clients must get along with the mirror as it will be. What they refuse is withdrawn, one database at a time.
  if (progress.hasUpdates) await progress.step('prove', () => proveStage(cycle, prove));
  await rememberRefusals(cycle, prove.basis);
  if (!progress.hasUpdates) return await confirmUnchanged(cycle);
  if (settings.dryRun) return;

  // CDIFFs first, CVDs next, the manifest last, if it is still the one that this run started from.
  const publication = await progress.step('publish', () => publishStage(cycle));

  // What clients get must be what was proven; else what was there before is published again.
  const { publicUrl } = settings;
  if (publicUrl !== undefined)
    await progress.step('read back', () => requireServed(publicUrl, publication, cycle));
}
