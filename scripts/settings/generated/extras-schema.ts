import { EXTRAS } from '../../base/limits/manifest.ts';
import { FIELDS } from '../extras/fields.ts';

/** Path of the published schema of a list of extras, below the root of this project. */
export const EXTRAS_SCHEMA_FILE = 'site/extras.schema.json';

/** The JSON Schema of a list of extras, as the rows of its keys make it. */
export function extrasSchemaText(): string {
  const properties = Object.entries(FIELDS).map(([key, { json, help }]) => [
    key,
    { description: help, ...json },
  ]);
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Extras of clamav-mirror',
    description:
      'Files that ClamAV loads and Talos did not make, and where each comes from. Relative paths start from the folder of this file.',
    type: 'object',
    allowComments: true,
    allowTrailingCommas: true,
    properties: {
      $schema: { type: 'string', description: 'where this schema is, for editors' },
      extras: {
        description: 'each name once',
        type: 'array',
        maxItems: EXTRAS,
        items: {
          type: 'object',
          properties: Object.fromEntries(properties),
          required: ['name', 'url'],
          additionalProperties: false,
        },
      },
    },
    required: ['extras'],
    additionalProperties: false,
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}
