import { isIP } from 'node:net';
import * as v from 'valibot';
import { FilePath, wholeNumber } from '../fields.ts';
import type { Option, Values } from '../option.ts';
import { type Given, validated } from '../read.ts';

export const SERVE_OPTIONS = [
  {
    name: 'store',
    value: '<folder>',
    help: 'folder of the published mirror',
    fallback: './mirror',
    schema: FilePath,
  },
  {
    name: 'address',
    value: '<ip>',
    help: 'IP address to listen on; 0.0.0.0 for every interface',
    fallback: '127.0.0.1',
    schema: v.pipe(
      v.string(),
      v.check((text) => isIP(text) !== 0, 'is not an IP address'),
    ),
  },
  {
    name: 'port',
    value: '<number>',
    help: 'port to listen on; 0 for any free port',
    fallback: '8080',
    schema: wholeNumber(0, 65_535),
  },
] as const satisfies readonly Option[];

/** Throws `setting/invalid`. */
export function serveSettings(from: Given): Values<typeof SERVE_OPTIONS> {
  return validated(SERVE_OPTIONS, from);
}
