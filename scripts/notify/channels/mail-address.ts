import { MAIL_RECIPIENTS } from '../../base/limits/alerts.ts';

/** A mail server, and whom to write to. */
export interface MailAddress {
  readonly host: string;
  readonly port: number;
  /** True: TLS from the start. False: STARTTLS, which must succeed. `never`: a server on this machine, without a password. */
  readonly tls: boolean | 'never';
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
  readonly from: string;
  readonly to: readonly string[];
}

/**
 * Reads `smtp://user:password@host:587/?from=…&to=…`. Throws what `fail` makes. Nothing of it can leave its place in a header
 * or a command of SMTP.
 */
export function parseMail(url: URL, fail: (what: string) => Error): MailAddress {
  const isTls = url.protocol === 'smtps:';
  const host = decodedOr(url.hostname.replace(/^\[(.*)\]$/, '$1'), fail);
  if (!/^[A-Za-z0-9._:-]{1,253}$/.test(host)) throw fail('names no mail server');
  const parameters = parametersOf(url.search);
  const others = [...parameters.keys()].filter((name) => name !== 'from' && name !== 'to');
  if (others.length > 0) throw fail('takes only from= and to= behind the ? of a mail server');
  const [user, pass] = [decodedOr(url.username, fail), decodedOr(url.password, fail)];
  if ((user === '') !== (pass === '')) throw fail('needs both a user and a password, or none');
  const to = parameters.getAll('to').flatMap((list) => list.split(',').map((one) => one.trim()));
  const from = parameters.get('from') ?? user;
  if (to.length === 0 || to.length > MAIL_RECIPIENTS)
    throw fail(`needs to= with one recipient, at most ${MAIL_RECIPIENTS}`);
  if (!to.every(isMailbox)) throw fail('has something in to= that is not a mail address');
  if (!isMailbox(from)) throw fail('needs from= with a mail address');
  const isHere = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host);
  return {
    host,
    port: url.port === '' ? (isTls ? 465 : 587) : Number(url.port),
    tls: isTls || (isHere && user === '' ? 'never' : false),
    auth: user === '' ? undefined : { user, pass },
    from,
    to,
  };
}

/** Parameters behind a `?` or `#`. A plus is one, as in base64 and in mail addresses, and no space. */
export function parametersOf(text: string): URLSearchParams {
  return new URLSearchParams(text.slice(1).replaceAll('+', '%2B'));
}

/** True for a plain address (RFC 5321, 4.1.2, without quotes), which needs no quoting anywhere. */
function isMailbox(text: string): boolean {
  return (
    text.length <= 254 &&
    /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text)
  );
}

function decodedOr(text: string, fail: (what: string) => Error): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw fail('has a % that is no escape');
  }
}
