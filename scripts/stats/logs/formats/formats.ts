import { emptyAccess, type ParseLine } from '../access.ts';
import { cloudfrontParser } from './cloudfront.ts';
import { parseCommon } from './common.ts';
import { parseCaddy, parseCloudflare, parseServed } from './json.ts';
import { parseS3 } from './s3.ts';

/** Formats of logs by name. nginx, Apache and lighttpd write the same one. */
export const FORMATS = {
  nginx: () => parseCommon,
  apache: () => parseCommon,
  lighttpd: () => parseCommon,
  caddy: () => parseCaddy,
  cloudfront: cloudfrontParser,
  s3: () => parseS3,
  r2: () => parseCloudflare,
  serve: () => parseServed,
} as const satisfies Readonly<Record<string, () => ParseLine>>;

export type FormatName = keyof typeof FORMATS;

/** The format under its most usual name, where it has several. */
export type FoundFormat = Exclude<FormatName, 'nginx' | 'apache' | 'lighttpd'> | 'common';

const FOUND: Readonly<Record<FoundFormat, () => ParseLine>> = {
  common: FORMATS.nginx,
  s3: FORMATS.s3,
  cloudfront: FORMATS.cloudfront,
  caddy: FORMATS.caddy,
  r2: FORMATS.r2,
  serve: FORMATS.serve,
};

/** Finds the format that most of these lines have: as requests, else as something else that it knows. */
export function formatOf(lines: readonly string[]): FoundFormat | undefined {
  let best: { readonly name: FoundFormat; readonly score: number } | undefined;
  for (const [name, open] of Object.entries(FOUND) as [FoundFormat, () => ParseLine][]) {
    const parse = open();
    const into = emptyAccess();
    let score = 0;
    for (const line of lines) {
      const outcome = parse(line, into);
      score += outcome === 'request' ? lines.length + 1 : outcome === 'other' || outcome === 'gap' ? 1 : 0;
    }
    if (score > (best?.score ?? 0)) best = { name, score };
  }
  return best?.name;
}
