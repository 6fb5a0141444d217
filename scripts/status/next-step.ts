/** Flags that other commands need to reach the same mirror. */
export interface Called {
  /** Flags of `status` that differ from the defaults, by option name. */
  readonly flags: Readonly<Record<string, string>>;
  /** Flags of the last `sync` that differ from the defaults. */
  readonly syncFlags: Readonly<Record<string, string>>;
}

/** Commands to copy, word by word, with the flags that lead to the same store. */
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

/** Quotes text so that a shell reads it back unchanged. */
function quoted(text: string): string {
  return /^[\w./:,@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
