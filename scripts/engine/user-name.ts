import { userInfo } from 'node:os';

/**
 * Name of our user, which freshclam becomes when it is root. In a container a user number may have no name (`docker run
 * --user`, OpenShift). Such a user is not root, and then freshclam ignores the name.
 */
export function ourName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'clamav');
  }
}
