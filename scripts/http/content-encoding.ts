/** Content codings that change bytes (IANA's registry, and the names that RFC 9110 §8.4.1 keeps for old senders). */
const COMPRESSIONS = /^(?:x-)?(?:gzip|compress|deflate|br|zstd|dcb|dcz|exi|pack200-gzip)$/;

/**
 * Finds a coding in a Content-Encoding that would change the bytes of a file. Others are ignored: buckets keep words
 * such as `aws-chunked` there, for the way in which a file was uploaded. Its bytes are plain, and its signature
 * decides.
 */
export function compressionIn(contentEncoding: string | undefined): string | undefined {
  const codings = (contentEncoding ?? '').split(',').map((coding) => coding.trim().toLowerCase());
  return codings.find((coding) => COMPRESSIONS.test(coding));
}
