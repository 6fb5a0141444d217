import { FEED_BYTES } from '../../base/limits/page.ts';
import { FEED_JSON, FEED_XML, INDEX_HTML } from '../../mirror/pages.ts';
import { html, markup } from '../html.ts';
import type { Happening } from './happenings.ts';
import { type FeedIdentity, idOf } from './identity.ts';

/** Everything that feeds are made of. They are the same for ever while nothing happens. */
export interface FeedFacts {
  readonly feed: FeedIdentity;
  /** Newest first. */
  readonly happenings: readonly Happening[];
  readonly publicUrl: string | undefined;
}

/** Text near the start of an Atom feed of ours, and of a JSON Feed. */
export const ATOM_MARK = '<generator>clamav-mirror</generator>';
export const JSON_FEED_MARK = '"_clamav_mirror"';

/** What happened, as an Atom feed (RFC 4287). */
export function atomFeed(facts: FeedFacts): string {
  const { feed, happenings, publicUrl } = facts;
  const link = (rel: string, type: string, name: string) =>
    html`<link rel="${rel}" type="${type}" href="${addressOf(name, publicUrl) ?? name}"/>`;
  const head = html`<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
${markup(ATOM_MARK)}
<id>urn:uuid:${feed.id}</id>
<title>${titleOf(publicUrl)}</title>
<updated>${updatedOf(facts)}</updated>
<author><name>clamav-mirror</name></author>
${link('self', 'application/atom+xml', FEED_XML)}
${link('alternate', 'text/html', INDEX_HTML)}
`;
  const entries = happenings.map(
    ({ key, at, title, text, tags, more }) =>
      html`<entry>
<id>${idOf(key, feed)}</id>
<title>${title}</title>
<updated>${at}</updated>
<published>${at}</published>
${tags.map((tag) => html`<category term="${tag}"/>`)}
${link('alternate', 'text/html', `${INDEX_HTML}#changes`)}
${
  more !== undefined &&
  html`${link('related', 'application/json', more)}
`
}<content type="text">${text}</content>
</entry>
`.text,
  );
  const start = `<?xml version="1.0" encoding="utf-8"?>\n${head}`;
  return fitted(start, entries, '</feed>\n');
}

/** What happened, as a JSON Feed (https://jsonfeed.org/version/1.1). */
export function jsonFeed(facts: FeedFacts): string {
  const { feed, happenings, publicUrl } = facts;
  const [home, self] = [addressOf('', publicUrl), addressOf(FEED_JSON, publicUrl)];
  const head = {
    version: 'https://jsonfeed.org/version/1.1',
    _clamav_mirror: { id: `urn:uuid:${feed.id}` },
    title: titleOf(publicUrl),
    ...(home !== undefined && { home_page_url: home, feed_url: self }),
    language: 'en',
    authors: [{ name: 'clamav-mirror' }],
  };
  const url = addressOf(`${INDEX_HTML}#changes`, publicUrl);
  const items = happenings.map(({ key, at, title, text, tags, more }) =>
    JSON.stringify({
      ...{ id: idOf(key, feed), ...(url !== undefined && { url }) },
      ...{ title, content_text: text, date_published: at, tags },
      ...(more !== undefined && { _clamav_mirror: { changes: more } }),
    }),
  );
  const start = `${JSON.stringify(head, undefined, 2).slice(0, -2)},\n  "items": [`;
  const [first, ...rest] = items;
  const lines = first === undefined ? [] : [`\n    ${first}`, ...rest.map((item) => `,\n    ${item}`)];
  return fitted(start, lines, '\n  ]\n}\n');
}

/** As many of the newest entries as fit. */
function fitted(start: string, entries: readonly string[], end: string): string {
  let text = start;
  let left = FEED_BYTES - Buffer.byteLength(start) - Buffer.byteLength(end);
  for (const entry of entries) {
    left -= Buffer.byteLength(entry);
    if (left < 0) break;
    text += entry;
  }
  return text + end;
}

function updatedOf({ feed, happenings }: FeedFacts): string {
  return new Date(happenings[0]?.at ?? feed.since).toISOString();
}

function titleOf(publicUrl: string | undefined): string {
  return `ClamAV mirror${publicUrl === undefined ? '' : ` ${publicUrl.replace(/^https?:\/\//, '').replace(/\/$/, '')}`}`;
}

function addressOf(name: string, publicUrl: string | undefined): string | undefined {
  return publicUrl === undefined ? undefined : `${publicUrl.replace(/\/$/, '')}/${name}`;
}
