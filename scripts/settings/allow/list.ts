import { getNodeValue } from 'jsonc-parser';
import * as v from 'valibot';
import { explain } from '../../base/errors.ts';
import { ALLOW_LIST_BYTES } from '../../base/limits/given.ts';
import { ALLOWED } from '../../base/limits/manifest.ts';
import { listOf } from '../../base/schema.ts';
import type { ListedEntry } from '../../cycle/extras/wanted-entries.ts';
import { readText } from '../../files/open.ts';
import { parseJsonc } from '../config/syntax.ts';
import { Reason } from '../fields.ts';
import { SettingError } from '../read.ts';
import { Until, What } from './entries.ts';

const ListSchema = v.strictObject({
  /** Editors look for a schema there. */
  $schema: v.optional(v.string()),
  allow: listOf(v.strictObject({ what: What, reason: Reason, until: v.optional(Until) }), ALLOWED),
});

/**
 * Reads an allow list: `{ "allow": [{ "what": "Win.Foo-1", "reason": "…", "until": "2026-12-31" }] }`, in which comments may
 * stand. Throws `setting/invalid`.
 */
export async function readAllowList(path: string): Promise<readonly ListedEntry[]> {
  const json: unknown = getNodeValue(parseJsonc(await textOf(path), path).root);
  const parsed = v.safeParse(ListSchema, json);
  if (!parsed.success) {
    throw invalid(
      `${path} is no allow list: ${v.summarize(parsed.issues).replaceAll('\n', ' ').slice(0, 500)}`,
    );
  }
  const whats = parsed.output.allow.map(({ what }) => what);
  const twice = whats.find((what, at) => whats.indexOf(what) < at);
  if (twice !== undefined) throw invalid(`${path} names ${twice} twice`);
  return parsed.output.allow.map(({ until, ...entry }) => ({
    ...entry,
    ...(until !== undefined && { until }),
  }));
}

async function textOf(path: string): Promise<string> {
  try {
    return await readText(path, ALLOW_LIST_BYTES, { follow: true });
  } catch (cause) {
    throw invalid(`the allow list ${path} cannot be read: ${explain(cause)}`, cause);
  }
}

function invalid(what: string, cause?: unknown): SettingError {
  return new SettingError('setting/invalid', what, {
    ...(cause !== undefined && { cause }),
    advice:
      'It is JSON with comments: { "allow": [{ "what": "Win.Foo-1", "reason": "flags our installer" }] }',
  });
}
