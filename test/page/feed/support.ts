import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { SILENT } from '../../../scripts/base/log.ts';
import { FEED_JSON, FEED_XML } from '../../../scripts/mirror/pages.ts';
import { type FaceFacts, facePages, openFace } from '../../../scripts/page/face.ts';
import { StoreError } from '../../../scripts/store/store.ts';
import { REPOSITORY } from '../../support/repository.ts';

/** The schemas that feeds are held to; each names its source. */
export const ATOM_SCHEMA = join(REPOSITORY, 'fixtures', 'feeds', 'atom.rng');
const JSON_SCHEMA = join(REPOSITORY, 'fixtures', 'feeds', 'json-feed.schema.json');
const validate = new Ajv({ allErrors: true }).compile(JSON.parse(readFileSync(JSON_SCHEMA, 'utf8')));

/** An entry, as both feeds have it. */
export interface Entry {
  readonly id: string;
  readonly title: string;
  readonly content_text: string;
  readonly date_published: string;
  readonly tags: readonly string[];
  readonly url?: string;
}

/** The face of a mirror in memory, which each cycle reads back and writes anew. */
export class Told {
  /** Texts by name. */
  pages: Map<string, string>;

  constructor(pages: ReadonlyMap<string, string> = new Map()) {
    this.pages = new Map(pages);
  }

  get xml(): string {
    return this.pages.get(FEED_XML) ?? '';
  }

  get entries(): readonly Entry[] {
    return JSON.parse(this.pages.get(FEED_JSON) ?? '{"items":[]}').items;
  }

  /** Everything wrong with the JSON Feed, by its schema. */
  get faults(): unknown[] {
    validate(JSON.parse(this.pages.get(FEED_JSON) ?? '{}'));
    return validate.errors ?? [];
  }

  async tell(facts: FaceFacts): Promise<void> {
    const listing = new Map([...this.pages].map(([name, text]) => [name, text.length]));
    const readStart = async (name: string, length: number) => {
      const text = this.pages.get(name);
      if (text === undefined) throw new StoreError('store/missing', name);
      return Buffer.from(text).subarray(0, length);
    };
    const store = { where: 'memory', readStart };
    const face = await openFace(store, listing, { now: facts.now, log: SILENT });
    for (const [name, text] of facePages(face, facts)) this.pages.set(name, text);
  }
}
