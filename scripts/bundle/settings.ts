/** Everything that an export needs to know, validated. */
export interface ExportSettings {
  /** Path of the bundle, or the stem of its pieces. */
  readonly to: string;
  /** What the other side has, in words; `undefined`: what the last export left it with. */
  readonly since: string | undefined;
  /** Bytes of the largest piece; `undefined`: one file. */
  readonly split: number | undefined;
  readonly work: string;
}

/** Everything that an import needs to know beside the settings of its cycle, validated. */
export interface ImportSettings {
  readonly files: readonly string[];
  /** True to take bundles of another mirror than before. */
  readonly anyMirror: boolean;
  readonly work: string;
}
