import packageJson from '../../package.json' with { type: 'json' };

export const VERSION: string = packageJson.version;
/** The form of cvdupdate, which upstream serves to mirrors (clamav-formats.md §7), plus who we are. */
const CVDUPDATE_VERSION = '1.2.0';

export function userAgentOf(uuid: string): string {
  return `CVDUPDATE/${CVDUPDATE_VERSION} (${uuid}) clamav-mirror/${VERSION}`;
}
