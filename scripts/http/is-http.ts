/** True for a URL with http:// or https://, also of a proxy. */
export function isHttp(url: string): boolean {
  return /^https?:$/.test(URL.parse(url)?.protocol ?? '');
}
