/** True if this is an upstream of ClamAV's own. Nobody else's 403 means that we are blocked (clamav-formats.md §7). */
export function isClamavsOwn(url: string): boolean {
  return /(^|\.)clamav\.net$/.test(URL.parse(url)?.hostname.replace(/\.$/, '') ?? '');
}
