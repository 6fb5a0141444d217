import { createHash } from 'node:crypto';
import { ALERT_ADDRESS_CHARACTERS, ALERT_ADDRESSES } from '../../base/limits/alerts.ts';
import { hasEncodedCredentials, NOT_ENCODED } from '../../http/credentials.ts';
import { type MailAddress, parametersOf, parseMail } from './mail-address.ts';

/** News that a receiver wants: failures, with their reminders and their end, and publications. */
export type Wanted = 'failures' | 'publications';

/** Receiver that takes JSON by HTTP. All of `url` is secret. */
interface HttpAddress {
  readonly url: string;
}

/** Receiver of alerts. Nothing of it may be printed but its kind. */
export type Address = {
  readonly wants: ReadonlySet<Wanted>;
  /** Name of the receiver in a memory: a digest without passwords, from which nobody learns the address. */
  readonly id: string;
} & (
  | ({ readonly kind: 'slack' | 'teams' | 'discord' } & HttpAddress)
  | ({ readonly kind: 'pagerduty'; readonly key: string } & HttpAddress)
  | ({ readonly kind: 'webhook'; readonly secret: Buffer | undefined } & HttpAddress)
  | ({ readonly kind: 'mail' } & MailAddress)
);
export type Kind = Address['kind'];

/** An address that cannot be understood. The message never quotes it. */
export class AddressError extends Error {}

/** Parses addresses, separated by line breaks, spaces or commas. Throws `AddressError`. */
export function parseAddresses(text: string): readonly Address[] {
  const addresses = splitAddresses(text);
  if (addresses.length > ALERT_ADDRESSES)
    throw new AddressError(`names more than ${ALERT_ADDRESSES} addresses`);
  const parsed = addresses.map((address, at) => {
    try {
      return parseAddress(address);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      throw new AddressError(addresses.length === 1 ? error.message : `${error.message} (address ${at + 1})`);
    }
  });
  return [...Map.groupBy(parsed, ({ id }) => id).values()].flatMap(asOne);
}

/** An address that stands there twice is one receiver, which wants what either says. */
function asOne(same: readonly Address[]): Address[] {
  return same.slice(0, 1).map((one) => ({ ...one, wants: new Set(same.flatMap(({ wants }) => [...wants])) }));
}

/** Every text by which an address could be recognised or used, for those who hide secrets in a log. */
export function secretsOfAddresses(text: string): string[] {
  const parts = splitAddresses(text).flatMap((address) => {
    const url = URL.parse(address);
    if (url === null) return [address];
    const { pathname, search, hash, username, password } = url;
    const own = [...parametersOf(hash).values()];
    const key = /^pagerduty(\+|:)/.test(address) ? [url.hostname, username] : [];
    const [user, pass] = [username, password].map(decoded) as [string, string];
    const pieces = [`${pathname}${search}`, search, hash, password, pass, `${user}:${pass}`, ...own, ...key];
    return [
      address,
      address.replace(/^\w+\+/, ''),
      ...pieces.filter((piece) => piece.length >= LEAST_SECRET),
    ];
  });
  return [...new Set(parts)];
}

/** Characters of a part that is secret by itself; a shorter one, such as `/`, stands in many a text. */
const LEAST_SECRET = 6;

/** A comma within an address, as between recipients of a mail, has no scheme after it. */
function splitAddresses(text: string): string[] {
  return text.split(/[\s,]+(?=[a-z][a-z0-9+]*:)|\s+/i).filter((part) => part !== '');
}

function parseAddress(text: string): Address {
  if (text.length > ALERT_ADDRESS_CHARACTERS) throw new AddressError('is too long for an address');
  const [, prefix = '', rest = ''] = /^([a-z]+)(?=\+https?:)\+(.*)$/i.exec(text) ?? ['', '', text];
  const url = URL.parse(rest);
  if (url === null) throw new AddressError('is not the URL of a receiver');
  const own = parametersOf(url.hash);
  url.hash = '';
  const kind = kindOf(prefix.toLowerCase(), url);
  const known = kind === 'webhook' ? ['events', 'secret'] : ['events'];
  if ([...own.keys()].some((name) => !known.includes(name)))
    throw new AddressError(
      `takes only ${known.map((name) => `${name}=`).join(' and ')} behind the # of an address`,
    );
  const address = addressOf(kind, url, own.get('secret'));
  return { ...address, wants: wantsOf(own), id: idOf(kind, url) } as Address;
}

/** Hosts of services that are known without a prefix. */
const HOSTS: readonly (readonly [RegExp, Kind])[] = [
  [/^hooks\.slack(-gov)?\.com$/, 'slack'],
  [/\.(logic\.azure\.(com|us)|api\.powerplatform\.(com|us)|webhook\.office\.com)$/, 'teams'],
  [/^((canary|ptb)\.)?discord(app)?\.com$/, 'discord'],
  [/^events\.(eu\.)?pagerduty\.com$/, 'pagerduty'],
];
const PREFIXES: Readonly<Record<string, Kind>> = {
  slack: 'slack',
  teams: 'teams',
  discord: 'discord',
  pagerduty: 'pagerduty',
  webhook: 'webhook',
};

function kindOf(prefix: string, { protocol, hostname }: URL): Kind {
  if (prefix !== '') {
    const kind = Object.hasOwn(PREFIXES, prefix) ? PREFIXES[prefix] : undefined;
    if (kind === undefined)
      throw new AddressError(
        `begins with a word before + that is none of ${Object.keys(PREFIXES).join(', ')}`,
      );
    return kind;
  }
  if (protocol === 'smtp:' || protocol === 'smtps:') return 'mail';
  if (protocol === 'pagerduty:') return 'pagerduty';
  if (protocol !== 'https:' && protocol !== 'http:')
    throw new AddressError(
      'must start with https://, http://, slack+https://, teams+https://, discord+https://, pagerduty://, smtp:// or smtps://',
    );
  return HOSTS.find(([host]) => host.test(hostname))?.[1] ?? 'webhook';
}

function addressOf(kind: Kind, url: URL, secret: string | null) {
  const fail = (what: string) => new AddressError(what);
  if (kind === 'mail') return { kind, ...parseMail(url, fail) };
  if (kind === 'pagerduty') return { kind, ...pagerDutyOf(url) };
  if (url.hostname === '') throw fail('names no host');
  if (!hasEncodedCredentials(url)) throw fail(NOT_ENCODED);
  return {
    kind,
    url: url.href,
    ...(kind === 'webhook' && { secret: secret === null ? undefined : keyOf(secret) }),
  };
}

/** `pagerduty://KEY`, `pagerduty://KEY@events.eu.pagerduty.com`, `pagerduty+https://KEY@host:port`. */
function pagerDutyOf({ protocol, username, hostname, host, pathname }: URL) {
  const key = username === '' ? hostname : username;
  if (!/^[0-9a-zA-Z]{32}$/.test(key))
    throw new AddressError('needs the key of an integration, which has 32 letters and digits');
  if (pathname.replace('/', '') !== '') throw new AddressError('takes no path after the host of PagerDuty');
  const scheme = protocol === 'http:' ? 'http' : 'https';
  return { key, url: `${scheme}://${username === '' ? 'events.pagerduty.com' : host}` };
}

/** Key of a signature, as Standard Webhooks writes it; any other text is taken as it is. Throws `AddressError`. */
export function keyOf(secret: string): Buffer {
  const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? [];
  const key = Buffer.from(base64 ?? secret, base64 === undefined ? 'utf8' : 'base64');
  if (key.length < LEAST_KEY) throw new AddressError(`needs a secret of at least ${LEAST_KEY} bytes`);
  return key;
}

/** Bytes of a key below which its signatures could be guessed. */
const LEAST_KEY = 16;

function wantsOf(own: URLSearchParams): ReadonlySet<Wanted> {
  const names = (own.get('events') ?? 'failures').split(',').map((name) => name.trim());
  const isWanted = (name: string): name is Wanted => name === 'failures' || name === 'publications';
  if (!names.every(isWanted))
    throw new AddressError('takes events=failures, events=publications or both, separated by a comma');
  return new Set(names.filter(isWanted));
}

function idOf(kind: Kind, url: URL): string {
  const where = `${url.protocol}//${url.username}@${url.host}${url.pathname}${url.search}`;
  return createHash('sha256').update(`${kind} ${where}`).digest('hex').slice(0, 12);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
