import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TRANSCRIPT_CHARACTERS, TRANSCRIPTS } from '../base/limits/engines.ts';
import { printableText } from '../base/printable.ts';
import { replaceFile } from '../files/atomic.ts';
import { type Engine, endOf, type Program, type Task, type ToolRun } from './engine.ts';

/** Name of a file that `keep` writes. Other files are not ours to remove. */
const TRANSCRIPT = /^\d{4}-\d\d-\d\dT\d{6}\.\d{3}Z-[A-Za-z0-9.-]{1,120}\.log$/;

/** Transcript of a scenario: everything that its tools said. */
export class Transcript {
  readonly #parts: string[] = [];
  readonly #runs: ToolRun[] = [];

  /** Runs of the tools that have ended. */
  get runs(): readonly ToolRun[] {
    return this.#runs;
  }

  addRun(command: string, run: ToolRun): void {
    this.add(command, `${run.output}\n${endOf(run)}`);
    this.#runs.push(run);
  }

  add(title: string, text: string): void {
    this.#parts.push(`$ ${title}\n${shortened(text.trimEnd())}\n`);
  }

  /** Writes the transcript to a new file in `folder` and removes the oldest files there. Returns the path. */
  async keep(folder: string, name: string, reason: string): Promise<string> {
    await mkdir(folder, { recursive: true });
    const path = join(folder, `${new Date().toISOString().replaceAll(':', '')}-${slug(name)}.log`);
    await replaceFile(path, printableText(`${name}\n${reason}\n\n${this.#parts.join('\n')}`));
    const names = (await readdir(folder)).filter((file) => TRANSCRIPT.test(file)).sort();
    for (const old of names.slice(0, -TRANSCRIPTS)) await rm(join(folder, old), { force: true });
    return path;
  }
}

/** Wraps an engine so that everything its tools say is added to a transcript. */
export function recorded(engine: Engine, transcript: Transcript): Engine {
  const start = async (task: Task): Promise<Program> => {
    let command = task.tool as string;
    const args = (folder: string) => {
      const given = task.args(folder);
      command = [task.tool, ...given].join(' ');
      return given;
    };
    const program = await engine.start({ ...task, args });
    const ended = program.ended.then((run) => {
      transcript.addRun(command, run);
      return run;
    });
    ended.catch(() => {}); // the program itself reports the failure
    return { ...program, ended };
  };
  return { ...engine, start };
}

function shortened(text: string): string {
  if (text.length <= TRANSCRIPT_CHARACTERS) return text;
  const half = TRANSCRIPT_CHARACTERS / 2;
  return `${text.slice(0, half)}\n[… ${text.length - TRANSCRIPT_CHARACTERS} characters …]\n${text.slice(-half)}`;
}

function slug(text: string): string {
  return text.replace(/[^A-Za-z0-9.]+/g, '-').slice(0, 120);
}
