import { type Message, versionLines } from './message.ts';

/**
 * A message to the trigger "When a Teams webhook request is received" of a workflow: an Adaptive Card. Others' words stand
 * in text runs, which know no Markdown; nobody is mentioned, for a card mentions only whom its `msteams.entities` name.
 * https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
 */
export function teamsMessage(message: Message): object {
  const { title, text, failure, link } = message;
  const said = failure === undefined ? [] : [failure.what, failure.advice, failure.more];
  const lines = [...said, ...versionLines(message)].filter((line) => line !== '');
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [
            run(title, { weight: 'Bolder', size: 'Medium' }),
            ...text.map((one) => run(one)),
            ...lines.map((line) => run(line)),
          ],
          ...(link !== undefined && { actions: [{ type: 'Action.OpenUrl', title: 'More', url: link }] }),
        },
      },
    ],
  };
}

function run(text: string, look: Readonly<Record<string, string>> = {}): object {
  return { type: 'RichTextBlock', inlines: [{ type: 'TextRun', text, ...look }] };
}
