/**
 * A function of CloudFront (viewer request, cloudfront-js-2.0) in front of a ClamAV mirror in a bucket: only flat names,
 * archive/ and changes/ are asked of the bucket, and "/" is the status page. All else is 404, never 403.
 */

/** Flat names, archive/ and changes/: everything else, dot files included, is 404. */
const SERVED = /^\/((archive\/|changes\/)?[A-Za-z0-9][A-Za-z0-9._-]*)?$/;

/** What a freshclam left in the bucket: no mirror publishes it, and PrivateMirror clients take it before the CVD. */
const LEFTOVER = /^\/(archive\/)?(?!local_)[^/]*\.c[lu]d$/;

// biome-ignore lint/correctness/noUnusedVariables: CloudFront calls it by this name
function handler(event) {
  const request = event.request;
  request.uri = request.uri.replace(/^\/+/, '/'); // of a DatabaseMirror that ends with a slash
  if (!SERVED.test(request.uri) || LEFTOVER.test(request.uri)) {
    return {
      statusCode: 404,
      statusDescription: 'Not Found',
      headers: { 'cache-control': { value: 'no-store' } },
    };
  }
  if (request.uri === '/') request.uri = '/index.html';
  return request;
}
