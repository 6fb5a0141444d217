import * as v from 'valibot';

const Text = v.string();
const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

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
  duration: v.number(),
});

/** The record of engines × scenarios for one set of databases, proven together. */
export const ProofSchema = v.object({
  passed: v.boolean(),
  /** ISO time. */
  started: Text,
  /** Seconds. */
  duration: v.number(),
  /** Which versions were proven together. */
  databases: v.record(Text, v.number()),
  engines: v.array(v.object({ name: Text, version: Text, fLevel: v.optional(Count) })),
  /** What looked implausible and was taken all the same, and why. */
  accepted: v.optional(v.object({ reason: Text, findings: v.array(Text) })),
  results: v.array(ResultSchema),
});

export type ScenarioResult = v.InferOutput<typeof ResultSchema>;
export type Proof = v.InferOutput<typeof ProofSchema>;
