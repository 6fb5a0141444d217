import { posix } from 'node:path';
import { isHttp } from '../http/is-http.ts';

/**
 * A source in words: of a URL the host and the name of the file, for its user, its path and its query may be what a customer
 * is known by.
 */
export function wordsOfSource(from: string): string {
  if (!isHttp(from)) return from;
  const { protocol, host, pathname, search } = new URL(from);
  const name = /[^/]+\.[A-Za-z0-9]{1,8}$/.exec(pathname)?.[0] ?? '';
  const isAll = posix.join('/', name) === pathname && search === '';
  return `${protocol}//${host}/${isAll ? '' : '…/'}${name}`;
}

/** Shortest part of an address that may be a token. */
const TOKEN_LENGTH = 8;

/** Words of others without what may be secret in an address: an error page may repeat it. */
export function withoutSecretsOf(from: string, words: string): string {
  const { username, password, pathname, search } = new URL(from);
  const parts = [...pathname.split('/').slice(0, -1), ...search.split(/[?&=]/)];
  const secrets = [username, password, ...parts.filter(({ length }) => length >= TOKEN_LENGTH)];
  const all = secrets.filter((secret) => secret !== '');
  return all.reduce((text, secret) => text.replaceAll(secret, '…'), words);
}
