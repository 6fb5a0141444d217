import { eicar } from '../samples/samples.ts';

/** Name of a database of our own. freshclam takes it by its URL, and it needs no signature. */
export const OWN_DATABASE = 'control.ndb';
const NAME = 'Eicar-Test-Signature';

/** Content of the database: one signature, for EICAR. */
export function ownDatabase(): string {
  return `${NAME}:0:*:${Buffer.from(eicar()).toString('hex')}\n`;
}

/** Name that tools report for this signature, since Talos did not sign it. */
export const FOUND_BY_OWN = /^Eicar-Test-Signature\.UNOFFICIAL$/;
