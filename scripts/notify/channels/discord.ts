import { DISCORD } from '../../base/limits/alerts.ts';
import { escapedWithin, type Message, versionLines, within } from './message.ts';

/**
 * A message to a webhook of Discord. Nobody is mentioned, whatever is said (`allowed_mentions`), and others' words stand
 * without Markdown. https://discord.com/developers/docs/resources/webhook#execute-webhook
 */
export function discordMessage(message: Message): object {
  const { event, at, title, text, failure, link } = message;
  const said = failure === undefined ? [] : [failure.what, failure.advice, failure.more];
  const lines = [text.join(' '), ...said, versionLines(message).join('\n')].filter((line) => line !== '');
  return {
    allowed_mentions: { parse: [] },
    embeds: [
      {
        title: within(title, DISCORD.title),
        description: escapedWithin(lines.join('\n\n'), DISCORD.description, escaped),
        color: COLOURS[event],
        timestamp: at,
        ...(link !== undefined && { url: link }),
      },
    ],
  };
}

/** Escapes what Discord's Markdown is made of, and links. */
function escaped(character: string): string {
  return /[\\*_~`|>#[\]()<:-]/.test(character) ? `\\${character}` : character;
}

const [RED, GREEN, BLUE] = [0xb3261e, 0x1e7d32, 0x1f5fa8];
const COLOURS: Readonly<Record<Message['event'], number>> = {
  failing: RED,
  'still-failing': RED,
  well: GREEN,
  published: BLUE,
  test: BLUE,
};
