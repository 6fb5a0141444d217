/** A command line or a configuration, as far as 1.5 knows more of it than the real program. */
export interface OwnOptions {
  readonly fips: boolean;
  /** The folder that it names. */
  readonly certificates: string | undefined;
}

/** Takes out of a command line what the real program does not know. */
export function takeArguments(args: readonly string[]): {
  readonly own: OwnOptions;
  readonly rest: string[];
} {
  let [fips, certificates]: [boolean, string | undefined] = [false, undefined];
  const rest = args.filter((arg) => {
    const [, value] = /^--cvdcertsdir=(.*)$/.exec(arg) ?? [];
    certificates = value ?? certificates;
    const isFips = /^--fips-limits(?:=(?:yes|true|1))?$/.test(arg);
    fips ||= isFips;
    return value === undefined && !isFips && !arg.startsWith('--fips-limits=');
  });
  return { own: { fips, certificates }, rest };
}

/** The value of `--name=value` or `--name value`, the last one if there are several. */
export function argumentOf(args: readonly string[], ...names: readonly string[]): string | undefined {
  return argumentsOf(args, ...names).at(-1);
}

export function argumentsOf(args: readonly string[], ...names: readonly string[]): string[] {
  return args.flatMap((arg, at) => {
    if (names.includes(arg)) return args[at + 1] ?? [];
    const name = names.find((name) => name.startsWith('--') && arg.startsWith(`${name}=`));
    return name === undefined ? [] : arg.slice(name.length + 1);
  });
}

/** One line of a `freshclam.conf` or `clamd.conf`. */
export interface ConfLine {
  readonly key: string;
  readonly value: string;
}

export function parseConf(text: string): ConfLine[] {
  return text.split('\n').flatMap((line) => {
    const [, key, value] = /^\s*([A-Za-z][A-Za-z0-9]*)\s+(.*?)\s*$/.exec(line) ?? [];
    return key === undefined || value === undefined ? [] : { key, value: value.replace(/^"(.*)"$/, '$1') };
  });
}

export function encodeConf(lines: readonly ConfLine[]): string {
  return lines.map(({ key, value }) => `${key} ${/\s/.test(value) ? `"${value}"` : value}\n`).join('');
}

/** Takes out of a configuration what the real program does not know. */
export function takeLines(lines: readonly ConfLine[]): {
  readonly own: OwnOptions;
  readonly rest: ConfLine[];
} {
  const last = (key: string) => lines.findLast((line) => line.key === key)?.value;
  return {
    own: { fips: isYes(last('FIPSCryptoHashLimits')), certificates: last('CVDCertsDirectory') },
    rest: lines.filter(({ key }) => key !== 'FIPSCryptoHashLimits' && key !== 'CVDCertsDirectory'),
  };
}

export function isYes(value: string | undefined): boolean {
  return /^(?:yes|true|1)$/i.test(value ?? '');
}
