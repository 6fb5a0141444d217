import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';

/** Asks the person at the terminal. Any answer but yes means no, and so does the end of the input. */
export async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const ended = once(terminal, 'close').then(() => '');
    return /^y(es)?$/i.test((await Promise.race([terminal.question(`${question} [y/N] `), ended])).trim());
  } finally {
    terminal.close();
  }
}
