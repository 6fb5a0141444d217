/**
 * A ClamAV mirror served by a Cloudflare Worker out of an R2 bucket: Range, HEAD, 304, 416 and If-Range as clients need
 * them, 404 (never 403) for what is missing, no compression.
 *
 * To use: put the name of the bucket into wrangler.toml, then `npx wrangler deploy` and `clamav-mirror probe https://…`.
 * Access control is by variables of wrangler.toml: ALLOWED_ADDRESSES and BASIC_AUTH. For limits on requests, add a rate
 * limiting rule that answers 503, never 403 or 429, after which freshclam pauses for hours.
 */

/** Flat names, archive/ and changes/: everything else, dot files included, is 404. A DatabaseMirror may end with a slash. */
const SERVED = /^\/+((?:archive\/|changes\/)?[A-Za-z0-9][A-Za-z0-9._-]*)?$/;

/** What a freshclam left there: no mirror publishes it, and PrivateMirror clients take it before the CVD. */
const LEFTOVER = /^(?:archive\/)?(?!local_)[^/]*\.c[lu]d$/;

/** A browser obeys this for the status page beside the policy of the page itself, which is stricter. */
const PAGE_POLICY =
  "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** An object can be replaced between the question how large it is and its bytes. */
const ATTEMPTS = 3;

export default {
  async fetch(request, env) {
    if (!isAllowed(request, env)) return plain(403, 'forbidden\n');
    if (!hasPassword(request, env)) {
      return plain(401, 'a password is needed\n', { 'www-authenticate': 'Basic realm="ClamAV mirror"' });
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, '', { allow: 'GET, HEAD' });
    const path = SERVED.exec(new URL(request.url).pathname);
    if (path === null) return plain(404, 'not found\n');
    const key = path[1] ?? 'index.html';
    if (LEFTOVER.test(key)) return plain(404, 'not found\n');
    for (let left = ATTEMPTS; left > 0; left--) {
      const response = await answer(request, env.MIRROR, `${env.PREFIX ?? ''}${key}`);
      if (response !== undefined) return response;
    }
    return plain(503, 'it is being replaced, try again\n', { 'retry-after': '5' });
  },
};

/** `undefined` if the object was replaced meanwhile. */
async function answer(request, bucket, key) {
  const object = await bucket.head(key);
  if (object === null) return plain(404, 'not found\n');
  const modified = object.uploaded.toUTCString();
  const headers = new Headers({
    'accept-ranges': 'bytes',
    'cache-control': /\.cdiff$/.test(key) // all else gets new content under its name, a .sign too
      ? 'public, max-age=31536000, immutable, no-transform'
      : 'public, max-age=60, must-revalidate, no-transform',
    'content-type': object.httpMetadata?.contentType ?? 'application/octet-stream',
    etag: object.httpEtag,
    'x-content-type-options': 'nosniff',
  });
  if (/(^|\/)index\.html$/.test(key)) headers.set('content-security-policy', PAGE_POLICY);
  // Later than the build time of a CVD, as freshclam needs it. Not for a client that names a later date still, as one does
  // that sends the time of its own download: libcurl would drop what it gets.
  const since = Date.parse(request.headers.get('if-modified-since') ?? '');
  if (!(since > Date.parse(modified))) headers.set('last-modified', modified);
  if (isKnown(request.headers, object, modified)) return new Response(null, { status: 304, headers });
  const part = partOf(request.headers, object, modified);
  if (part === undefined) {
    headers.set('content-range', `bytes */${object.size}`);
    return new Response(null, { status: 416, headers });
  }
  const { from, to, whole } = part;
  const length = to - from + 1;
  headers.set('content-length', String(length));
  if (!whole) headers.set('content-range', `bytes ${from}-${to}/${object.size}`);
  const status = whole ? 200 : 206;
  const init = { status, headers, encodeBody: 'manual' };
  if (request.method === 'HEAD' || length === 0) return new Response(null, init);
  const found = await bucket.get(key, {
    onlyIf: { etagMatches: object.etag },
    range: { offset: from, length },
  });
  if (found === null || found.body === undefined || found.body === null) return undefined;
  return new Response(found.body, init);
}

function isKnown(headers, object, modified) {
  const tags = headers.get('if-none-match');
  if (tags !== null) return tags === '*' || tags.split(',').some((tag) => tag.trim() === object.httpEtag);
  // a later date may be of a download of the version before
  return Date.parse(headers.get('if-modified-since') ?? '') === Date.parse(modified);
}

/** The bytes to send; `undefined` if there are none where the client wants some. */
function partOf(headers, { size, httpEtag }, modified) {
  const all = { from: 0, to: size - 1, whole: true };
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(headers.get('range') ?? '') ?? [];
  if (first === undefined || (first === '' && last === '')) return all;
  const ifRange = headers.get('if-range');
  if (ifRange !== null && ifRange !== httpEtag && ifRange !== modified) return all;
  const from = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const to = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return all;
  return from > to ? undefined : { from, to, whole: false };
}

/** `ALLOWED_ADDRESSES`: addresses, or beginnings of addresses that end in a dot or colon, separated by commas. */
function isAllowed(request, { ALLOWED_ADDRESSES }) {
  if (!ALLOWED_ADDRESSES) return true;
  const address = request.headers.get('cf-connecting-ip') ?? '';
  return ALLOWED_ADDRESSES.split(',')
    .map((allowed) => allowed.trim())
    .some((allowed) => address === allowed || (/[.:]$/.test(allowed) && address.startsWith(allowed)));
}

/** `BASIC_AUTH`: `user:password`, as a secret: `npx wrangler secret put BASIC_AUTH`. */
function hasPassword(request, { BASIC_AUTH }) {
  return !BASIC_AUTH || request.headers.get('authorization') === `Basic ${btoa(BASIC_AUTH)}`;
}

function plain(status, text, headers = {}) {
  return new Response(text, { status, headers: { 'cache-control': 'no-store', ...headers } });
}
