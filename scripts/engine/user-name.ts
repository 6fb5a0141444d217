import { userInfo } from 'node:os';

/**
 * The name of the user that we are: freshclam as root becomes it. In a container a number may have none (`docker run
 * --user`, OpenShift); then we are not root, and freshclam does not look at it.
 */
export function ourName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'clamav');
  }
}
