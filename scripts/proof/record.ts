import * as v from 'valibot';
import { EVIDENCE_CHARACTERS, isPlausibleCount, MANIFEST_NUMBER } from '../base/limits/manifest.ts';

/** Text with a limit, because it is part of the manifest (base/limits/manifest.ts). */
const Text = v.pipe(v.string(), v.maxLength(EVIDENCE_CHARACTERS));
const Count = v.pipe(
  v.number(),
  v.check((count) => isPlausibleCount(count), 'is not a plausible number'),
);
const Seconds = v.pipe(v.number(), v.minValue(0), v.maxValue(MANIFEST_NUMBER));

/** Result of one scenario: one thing that a client does against the stage. */
const ResultSchema = v.object({
  engine: Text,
  /** Name of the scenario, a sentence. */
  scenario: Text,
  /** `skipped` if this engine or machine cannot do it; the evidence says why. */
  result: v.picklist(['passed', 'failed', 'skipped']),
  /** Observation that shows the result: versions that arrived, signatures that were named, the line of a log. */
  evidence: Text,
  /** Seconds from the start of the proof to its own: scenarios run beside each other. Records of before have none. */
  began: v.optional(Seconds),
  /** Seconds. */
  duration: Seconds,
});

/** Record of engines × scenarios for one set of databases, proven together. */
export const ProofSchema = v.object({
  passed: v.boolean(),
  /** Start of the proof, as ISO time. */
  started: Text,
  /** Seconds. */
  duration: Seconds,
  /** Versions that were proven together, by database. */
  databases: v.record(Text, Count),
  /** `image` has the digest that was really used, whatever name the engine was asked for by. */
  engines: v.array(
    v.object({ name: Text, version: Text, fLevel: v.optional(Count), image: v.optional(Text) }),
  ),
  /** Implausible findings that somebody accepted, and the reason. */
  accepted: v.optional(v.object({ reason: Text, findings: v.array(Text) })),
  /** Memory in MB: of one loaded set of databases, as it was measured, and what there was to use. */
  memory: v.optional(
    v.object({
      loaded: v.optional(Count),
      usable: Count,
      /** True if something had to wait until another had given its memory back. */
      oneByOne: v.boolean(),
    }),
  ),
  results: v.array(ResultSchema),
});

export type ScenarioResult = v.InferOutput<typeof ResultSchema>;
export type Proof = v.InferOutput<typeof ProofSchema>;
