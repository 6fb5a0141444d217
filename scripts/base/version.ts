import packageJson from '../../package.json' with { type: 'json' };

export const VERSION: string = packageJson.version;
/**
 * Version of cvdupdate in our User-Agent. Upstream serves mirrors that send cvdupdate's form (clamav-formats.md §7).
 */
const CVDUPDATE_VERSION = '1.2.0';

export function userAgentOf(uuid: string): string {
  return `CVDUPDATE/${CVDUPDATE_VERSION} (${uuid}) clamav-mirror/${VERSION}`;
}
