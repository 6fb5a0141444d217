/**
 * True for a URL that begins with http:// or https:// as it is written, also of a proxy. `http:user:password@host` and
 * `HTTP://…` are URLs too, but whoever hides a password looks for it behind that beginning.
 */
export function isHttp(url: string): boolean {
  return /^https?:\/\/[^/\\]/.test(url) && URL.canParse(url);
}
