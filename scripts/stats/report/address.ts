import { createHmac, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import type { AddressForm } from '../settings.ts';

/** Hexadecimal characters of a name that stands for a client, or an address. */
const CHARACTERS = 10;

/** How a report names clients. */
export interface Labels {
  /** Address of a client, as a report may show it. */
  address(key: string): string;
  /** Name that tells clients of one report apart. */
  client(key: string): string;
}

/**
 * Names clients in one of the forms of an address. Names are made with a key that nobody keeps: they are the same within
 * one report, and cannot be found out by trying all addresses.
 */
export function labels(form: AddressForm, secret: Buffer = randomBytes(32)): Labels {
  const name = (text: string) => createHmac('sha256', secret).update(text).digest('hex').slice(0, CHARACTERS);
  const address = (key: string) => key.slice(0, key.indexOf(' '));
  return {
    address: (key) => {
      const whole = address(key);
      if (form === 'full') return whole;
      return (form === 'cut' ? cut(whole) : undefined) ?? `#${name(whole)}`;
    },
    client: (key) => (form === 'full' ? uuidIn(key) : undefined) ?? `#${name(key)}`,
  };
}

/** A text in which no address and no identifier can be read, in the place of each a mark. */
export function withoutAddresses(text: string): string {
  return text
    .replace(/[0-9A-Fa-f:.]{2,64}/g, (word) =>
      isIP(word.replace(/^[:.]$|[.]$/g, '')) === 0 ? word : '(address)',
    )
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/gi, '(UUID)');
}

/** The network of an address, `/24` or `/48`; `undefined` for a name of a host. */
function cut(address: string): string | undefined {
  const [plain = ''] = address.split('%');
  if (isIP(plain) === 4) return `${plain.split('.').slice(0, 3).join('.')}.0/24`;
  return isIP(plain) === 6 ? `${groupsOf(plain).slice(0, 3).join(':')}::/48` : undefined;
}

/** The first groups of an IPv6 address, without leading zeros; an IPv4 address at its end does not matter here. */
function groupsOf(address: string): string[] {
  const [before = '', after] = address.toLowerCase().split('::');
  const [head, tail] = [before, after ?? ''].map((part) => (part === '' ? [] : part.split(':')));
  const length = (tail ?? []).reduce((sum, group) => sum + (group.includes('.') ? 2 : 1), 0);
  const zeros = after === undefined ? 0 : 8 - (head?.length ?? 0) - length;
  const groups = [...(head ?? []), ...Array(Math.max(0, zeros)).fill('0'), ...(tail ?? [])];
  return groups.map((group) => group.replace(/^0+(?=.)/, ''));
}

/** The identifier of a freshclam. */
function uuidIn(key: string): string | undefined {
  return /\bUUID: ([0-9a-f-]{36})\b/i.exec(key)?.[1]?.toLowerCase();
}
