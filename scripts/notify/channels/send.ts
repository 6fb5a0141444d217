import type { Address } from './address.ts';
import { discordMessage } from './discord.ts';
import type { Message } from './message.ts';
import { pagerDutyEvent } from './pagerduty.ts';
import { NotTaken, post, type Sending } from './post.ts';
import { slackMessage } from './slack.ts';
import { teamsMessage } from './teams.ts';
import { signedMessage } from './webhook.ts';

/** Sends a message to a receiver, in the form that it takes. Throws `NotTaken`, without a word of the address. */
export async function send(message: Message, address: Address, sending: Sending): Promise<void> {
  const ended = Promise.withResolvers<never>();
  const end = () => ended.reject(new NotTaken(LATE));
  sending.signal.addEventListener('abort', end, { once: true });
  try {
    sending.signal.throwIfAborted();
    await Promise.race([sendTo(message, address, sending), ended.promise]);
  } catch (error) {
    if (sending.signal.aborted) throw new NotTaken(LATE);
    throw error instanceof NotTaken ? error : new NotTaken('the message could not be sent');
  } finally {
    sending.signal.removeEventListener('abort', end);
  }
}

const LATE = 'no answer in time';

async function sendTo(message: Message, address: Address, sending: Sending): Promise<void> {
  const { kind } = address;
  if (kind === 'mail') {
    const { sendMail } = await import('./mail.ts');
    return await sendMail(message, address, sending);
  }
  if (kind === 'pagerduty') {
    const { path, json } = pagerDutyEvent(message, address.key);
    return await post(`${address.url}${path}`, JSON.stringify(json), sending);
  }
  if (kind === 'webhook') {
    const { json, headers } = signedMessage(message, address.secret, sending.now());
    return await post(address.url, json, sending, headers);
  }
  await post(address.url, JSON.stringify(FORMS[kind](message)), sending);
}

const FORMS = { slack: slackMessage, teams: teamsMessage, discord: discordMessage } as const;
