type Credentials = Pick<URL, 'username' | 'password'>;

/**
 * Value of the header (Proxy-)Authorization for the user and password of a URL; `undefined` if it has none. Settings take no
 * URL whose credentials cannot be decoded.
 */
export function basicAuthorization({ username, password }: Credentials): string | undefined {
  if (username === '' && password === '') return undefined;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

/** Words about a URL that is refused, behind the name of a setting. */
export const NOT_ENCODED = 'must have the special characters of its user and password percent-encoded';

/** True if the user and password of a URL are percent-encoded, as far as that can be seen. */
export function hasEncodedCredentials({ username, password }: Credentials): boolean {
  try {
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}
