import { timingSafeEqual } from 'node:crypto';
import { parseJson } from '../../base/json.ts';
import { PUSH_AGE_MS, PUSH_BYTES, PUSH_ID_CHARACTERS, PUSHES } from '../../base/limits/daemon.ts';
import { signature } from '../../notify/channels/webhook.ts';
import type { Answers, SmallAnswer, SmallRequest } from './small-server.ts';

export interface PushDeps {
  /** Key of the signatures; without one, nobody can push. */
  readonly secret: Buffer | undefined;
  readonly now: () => Date;
  /** Asks for a cycle. */
  readonly ask: () => string;
}

/**
 * Lets the mirror that is upstream tell of what it published, by the webhook of its `--alert` (site/alerts.md). A message counts
 * once, if its signature is right and it is not old. It says nothing that is believed: a cycle asks upstream itself.
 */
export function pushAnswers({ secret, now, ask }: PushDeps): Answers {
  if (secret === undefined) return {};
  const seen = new Map<string, number>();
  const take = async (request: SmallRequest): Promise<SmallAnswer> => {
    const time = now().getTime();
    for (const [id, at] of seen) if (time - at > 2 * PUSH_AGE_MS) seen.delete(id);
    const body = await request.body(PUSH_BYTES);
    if (body === undefined) return { status: 413, json: { error: 'the message is too long' } };
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': given } = request.headers;
    const isSigned =
      isOne(id) && isOne(at) && isOne(given) && isSignedBy(`${id}.${at}.${body}`, given, secret);
    if (!isSigned || id.length > PUSH_ID_CHARACTERS)
      return { status: 401, json: { error: 'the signature is missing or wrong' } };
    if (!(Math.abs(time - 1000 * Number(at)) <= PUSH_AGE_MS))
      return { status: 401, json: { error: 'the message is old, or a clock is wrong' } };
    if (seen.has(id)) return { status: 200, json: { cycle: 'asked for before' } };
    if (seen.size >= PUSHES) return { status: 429, json: { error: 'too many messages' } };
    seen.set(id, time);
    if (typeIn(body) !== 'mirror.published') return { status: 200, json: { cycle: 'not asked for' } };
    return { status: 202, json: { cycle: ask() } };
  };
  return { 'POST /push': take };
}

function isOne(header: string | readonly string[] | undefined): header is string {
  return typeof header === 'string' && header !== '';
}

/** One of the signatures, which are separated by blanks while a key is exchanged, must be ours. */
function isSignedBy(content: string, given: string, secret: Buffer): boolean {
  const ours = Buffer.from(signature(content, secret));
  return given.split(' ').some((one) => {
    const theirs = Buffer.from(one);
    return theirs.length === ours.length && timingSafeEqual(theirs, ours);
  });
}

function typeIn(body: string): unknown {
  try {
    return Object(parseJson(body, PUSH_BYTES)).type;
  } catch {
    return undefined;
  }
}
