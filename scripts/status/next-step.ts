/** How the user called `status`, as far as other commands need the same. */
export interface Called {
  /** By option name, those that are not what holds without a word. */
  readonly flags: Readonly<Record<string, string>>;
  /** What the last run of `sync` was given, where it differs from what holds without a word. */
  readonly syncFlags: Readonly<Record<string, string>>;
}

/** Commands to copy, word by word, with the flags that bring them to the same store. */
export function nextSteps({ flags, syncFlags }: Called) {
  const command = (name: string, given: Readonly<Record<string, string | true>>) => [
    'clamav-mirror',
    name,
    ...Object.entries(given).map(([flag, value]) => word(flag, value)),
  ];
  const { work: _, ...ofStore } = flags;
  return {
    sync: (more: Readonly<Record<string, string | true>> = {}) =>
      command('sync', { ...syncFlags, ...flags, ...more }),
    doctor: () => command('doctor', { ...syncFlags, ...flags }),
    release: (database: string) => command('release', { database, ...ofStore }),
    rollback: (database: string, to: number) => command('rollback', { database, to: String(to), ...flags }),
  };
}

export type NextSteps = ReturnType<typeof nextSteps>;

function word(flag: string, value: string | true): string {
  return value === true ? `--${flag}` : `--${flag} ${quoted(value)}`;
}

/** As a shell reads it back, whatever it holds. */
function quoted(text: string): string {
  return /^[\w./:,@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
