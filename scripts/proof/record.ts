import * as v from 'valibot';
import { EVIDENCE_CHARACTERS, isPlausibleCount, MANIFEST_NUMBER } from '../base/limits/manifest.ts';

/** Characters: it stands in the manifest, which has bounds in everything (base/limits/manifest.ts). */
const Text = v.pipe(v.string(), v.maxLength(EVIDENCE_CHARACTERS));
const Count = v.pipe(
  v.number(),
  v.check((count) => isPlausibleCount(count), 'is no plausible number'),
);
const Seconds = v.pipe(v.number(), v.minValue(0), v.maxValue(MANIFEST_NUMBER));

/** One thing a client does against the stage, and how it went. */
const ResultSchema = v.object({
  engine: Text,
  /** A sentence. */
  scenario: Text,
  /** `skipped` for what this engine or this machine cannot do; the evidence says why. */
  result: v.picklist(['passed', 'failed', 'skipped']),
  /** What was read that shows it: versions that arrived, signatures that were named, the line of a log. */
  evidence: Text,
  /** Seconds. */
  duration: Seconds,
});

/** The record of engines × scenarios for one set of databases, proven together. */
export const ProofSchema = v.object({
  passed: v.boolean(),
  /** ISO time. */
  started: Text,
  /** Seconds. */
  duration: Seconds,
  /** Which versions were proven together. */
  databases: v.record(Text, Count),
  engines: v.array(v.object({ name: Text, version: Text, fLevel: v.optional(Count) })),
  /** What looked implausible and was taken all the same, and why. */
  accepted: v.optional(v.object({ reason: Text, findings: v.array(Text) })),
  results: v.array(ResultSchema),
});

export type ScenarioResult = v.InferOutput<typeof ResultSchema>;
export type Proof = v.InferOutput<typeof ProofSchema>;
