import { eicar } from '../samples/samples.ts';

/** A database of our own: freshclam takes it by its URL, and it needs nobody's signature. */
export const OWN_DATABASE = 'control.ndb';
const NAME = 'Eicar-Test-Signature';

/** All that it holds: EICAR. */
export function ownDatabase(): string {
  return `${NAME}:0:*:${Buffer.from(eicar()).toString('hex')}\n`;
}

/** What tools make of a name that Talos did not sign. */
export const FOUND_BY_OWN = /^Eicar-Test-Signature\.UNOFFICIAL$/;
