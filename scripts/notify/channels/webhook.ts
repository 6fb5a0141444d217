import { createHmac, randomUUID } from 'node:crypto';
import type { Message } from './message.ts';

/** A message to a receiver of one's own, and the headers that sign it. */
export interface SignedMessage {
  readonly json: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Makes a message as Standard Webhooks describes it (https://www.standardwebhooks.com): with a secret it is signed by
 * HMAC-SHA256 over its id, its time in seconds and its bytes, so that a receiver can refuse what is forged or repeated.
 */
export function signedMessage(message: Message, secret: Buffer | undefined, now: Date): SignedMessage {
  const { event, at, ...data } = message;
  const json = JSON.stringify({ type: `mirror.${event}`, timestamp: at, data });
  const id = `msg_${randomUUID()}`;
  const seconds = String(Math.floor(now.getTime() / 1000));
  const headers = { 'webhook-id': id, 'webhook-timestamp': seconds };
  if (secret === undefined) return { json, headers };
  return {
    json,
    headers: { ...headers, 'webhook-signature': signature(`${id}.${seconds}.${json}`, secret) },
  };
}

/** Signature in version 1 of Standard Webhooks. */
export function signature(content: string, secret: Buffer): string {
  return `v1,${createHmac('sha256', secret).update(content).digest('base64')}`;
}
