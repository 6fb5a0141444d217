import * as v from 'valibot';
import { FILE_BYTES, isPlausibleTime, TIME_CHARACTERS } from '../base/limits/manifest.ts';

/** A time as the manifest writes it. */
export const Time = v.pipe(
  v.string(),
  v.maxLength(TIME_CHARACTERS),
  v.isoTimestamp(),
  v.check(isPlausibleTime, 'is no plausible time'),
);

const Size = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(FILE_BYTES));

/** Size and hash of a published file. */
export const FileSchema = v.object({
  /** Bytes. */
  size: Size,
  /** 64 lowercase hex digits. */
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  /** End of the first certificate in the chain of a `.sign`, and so of its signature. */
  notAfter: v.optional(Time),
});

export type FileRecord = v.InferOutput<typeof FileSchema>;
