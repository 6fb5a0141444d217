import { createTransport } from 'nodemailer';
import { ALERTS_MS, MAIL_ANSWER_BYTES, MAIL_SUBJECT_CHARACTERS } from '../../base/limits/alerts.ts';
import { prepareNetwork } from '../../http/network.ts';
import type { MailAddress } from './mail-address.ts';
import { type Message, versionLines, within } from './message.ts';
import { NotTaken, reasonOf, type Sending } from './post.ts';

/** A mail, as nodemailer takes it. */
export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends a mail, with the password over TLS only. Throws `NotTaken`, with a code of SMTP and no word of the server. */
export async function sendMail(message: Message, address: MailAddress, sending: Sending): Promise<void> {
  prepareNetwork(sending.proxies.authorities);
  const { host, port, tls, auth } = address;
  const transport = createTransport({
    host,
    port,
    secure: tls === true,
    ...(tls === 'never' ? { ignoreTLS: true } : { requireTLS: true }),
    ...(auth !== undefined && { auth: { ...auth }, forceAuth: true }),
    connectionTimeout: ALERTS_MS,
    greetingTimeout: ALERTS_MS,
    socketTimeout: ALERTS_MS,
    dnsTimeout: ALERTS_MS,
    socketCloseTimeout: 0,
    maxResponseSize: MAIL_ANSWER_BYTES,
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: false,
  });
  try {
    const { to, ...mail } = mailOf(message, address);
    await transport.sendMail({ ...mail, to: [...to], signal: sending.signal });
  } catch (error) {
    throw new NotTaken(whyNot(error)); // no cause: its message may hold what the server said
  } finally {
    transport.close();
  }
}

/** Makes a mail in plain text. Its headers hold words of our own, in one line. */
export function mailOf(message: Message, { from, to }: Pick<MailAddress, 'from' | 'to'>): Mail {
  const { event, title, text, failure, mirror, link } = message;
  const versions = versionLines(message);
  const parts = [
    text.join('\n'),
    ...(failure === undefined || event === 'well'
      ? []
      : [
          `Class ${failure.class}, code ${failure.code}:\n${failure.what}`,
          `What to do:\n${failure.advice}`,
          failure.more,
        ]),
    versions.length === 0 ? '' : `Databases:\n${versions.map((line) => `- ${line}`).join('\n')}`,
    link ?? '',
    `-- \nclamav-mirror, mirror ${mirror.id}, on ${mirror.machine}`,
  ];
  return {
    from,
    to,
    subject: within(title.replace(/[\s\p{Cc}]+/gu, ' '), MAIL_SUBJECT_CHARACTERS),
    text: `${parts.filter((part) => part !== '').join('\n\n')}\n`,
    headers: { 'Auto-Submitted': 'auto-generated' }, // RFC 3834, 5: nobody answers that he is on holiday
  };
}

function whyNot(error: unknown): string {
  const { responseCode } = Object(error);
  if (typeof responseCode !== 'number') return reasonOf(error);
  const { command } = Object(error);
  const step = /^[A-Z]{4,8}( [A-Z]{2,4})?$/.test(command) ? ` to ${command}` : '';
  return `the mail server answers ${responseCode}${step}`;
}
