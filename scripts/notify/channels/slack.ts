import { SLACK } from '../../base/limits/alerts.ts';
import { escapedWithin, type Message, versionLines, within } from './message.ts';

/**
 * A message to an incoming webhook of Slack. Others' words stand in plain text and are escaped, so they mention nobody;
 * `text` is for notifications, and for receivers of the same form that know no blocks.
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 */
export function slackMessage(message: Message): object {
  const { title, text, failure, link } = message;
  const versions = versionLines(message);
  const said = [
    title,
    ...text,
    ...(failure === undefined ? [] : [failure.what, failure.advice, failure.more]),
  ];
  return {
    text: markup([...said, ...versions].filter((one) => one !== '').join('\n'), SLACK.message),
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      { type: 'header', text: plain(title, SLACK.header) },
      ...sections([text.join(' ')]),
      ...(failure === undefined ? [] : sections([failure.what, failure.advice, failure.more])),
      ...sections([versions.join('\n')]),
      ...(link === undefined
        ? []
        : [{ type: 'section', text: { type: 'mrkdwn', text: `<${markup(link, SLACK.text - 2)}>` } }]),
    ],
  };
}

function sections(texts: readonly string[]): object[] {
  return texts
    .filter((text) => text !== '')
    .map((text) => ({ type: 'section', text: plain(text, SLACK.text) }));
}

function plain(text: string, limit: number): object {
  return { type: 'plain_text', text: within(text, limit), emoji: false };
}

/** Escapes the three characters by which Slack knows links and mentions. */
function markup(text: string, limit: number): string {
  return escapedWithin(text, limit, (character) => ESCAPED[character] ?? character);
}

const ESCAPED: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
