/**
 * Schemas of what each service documents that it takes, written from its documentation and not from our code. Where the
 * documentation is silent about further properties, none is taken, so that a misspelt name is found.
 */

/** https://docs.slack.dev/reference/block-kit/blocks/header-block, section-block and composition-objects/text-object. */
const PLAIN_TEXT = (most: number) => ({
  type: 'object',
  required: ['type', 'text'],
  additionalProperties: false,
  properties: {
    type: { const: 'plain_text' },
    text: { type: 'string', minLength: 1, maxLength: most },
    emoji: { type: 'boolean' },
  },
});
const SLACK = {
  type: 'object',
  required: ['text'],
  additionalProperties: false,
  properties: {
    text: { type: 'string', minLength: 1, maxLength: 4000 },
    unfurl_links: { type: 'boolean' },
    unfurl_media: { type: 'boolean' },
    blocks: {
      type: 'array',
      maxItems: 50,
      items: {
        anyOf: [
          {
            type: 'object',
            required: ['type', 'text'],
            additionalProperties: false,
            properties: { type: { const: 'header' }, text: PLAIN_TEXT(150) },
          },
          {
            type: 'object',
            required: ['type', 'text'],
            additionalProperties: false,
            properties: {
              type: { const: 'section' },
              text: {
                anyOf: [
                  PLAIN_TEXT(3000),
                  {
                    type: 'object',
                    required: ['type', 'text'],
                    additionalProperties: false,
                    properties: {
                      type: { const: 'mrkdwn' },
                      text: { type: 'string', minLength: 1, maxLength: 3000 },
                    },
                  },
                ],
              },
            },
          },
        ],
      },
    },
  },
};

/**
 * https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using (the message), and
 * https://adaptivecards.io/explorer/RichTextBlock.html, TextRun.html and Action.OpenUrl.html (version 1.2 and later).
 */
const TEAMS = {
  type: 'object',
  required: ['type', 'attachments'],
  additionalProperties: false,
  properties: {
    type: { const: 'message' },
    attachments: {
      type: 'array',
      minItems: 1,
      maxItems: 1,
      items: {
        type: 'object',
        required: ['contentType', 'contentUrl', 'content'],
        additionalProperties: false,
        properties: {
          contentType: { const: 'application/vnd.microsoft.card.adaptive' },
          contentUrl: { type: 'null' },
          content: {
            type: 'object',
            required: ['type', 'version', 'body'],
            additionalProperties: false,
            properties: {
              $schema: { const: 'http://adaptivecards.io/schemas/adaptive-card.json' },
              type: { const: 'AdaptiveCard' },
              version: { enum: ['1.2', '1.3', '1.4', '1.5'] },
              body: {
                type: 'array',
                minItems: 1,
                items: {
                  type: 'object',
                  required: ['type', 'inlines'],
                  additionalProperties: false,
                  properties: {
                    type: { const: 'RichTextBlock' },
                    inlines: {
                      type: 'array',
                      items: {
                        type: 'object',
                        required: ['type', 'text'],
                        additionalProperties: false,
                        properties: {
                          type: { const: 'TextRun' },
                          text: { type: 'string' },
                          weight: { enum: ['Lighter', 'Default', 'Bolder'] },
                          size: { enum: ['Small', 'Default', 'Medium', 'Large', 'ExtraLarge'] },
                        },
                      },
                    },
                  },
                },
              },
              actions: {
                type: 'array',
                items: {
                  type: 'object',
                  required: ['type', 'url'],
                  additionalProperties: false,
                  properties: {
                    type: { const: 'Action.OpenUrl' },
                    title: { type: 'string' },
                    url: { type: 'string', pattern: '^https?://' },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};

/**
 * https://discord.com/developers/docs/resources/webhook#execute-webhook and
 * https://discord.com/developers/docs/resources/message#embed-object-embed-limits
 */
const DISCORD = {
  type: 'object',
  anyOf: [{ required: ['content'] }, { required: ['embeds'] }],
  required: ['allowed_mentions'],
  additionalProperties: false,
  properties: {
    content: { type: 'string', maxLength: 2000 },
    allowed_mentions: {
      type: 'object',
      required: ['parse'],
      additionalProperties: false,
      properties: { parse: { type: 'array', maxItems: 0 } },
    },
    embeds: {
      type: 'array',
      maxItems: 10,
      items: {
        type: 'object',
        additionalProperties: false,
        properties: {
          title: { type: 'string', minLength: 1, maxLength: 256 },
          description: { type: 'string', maxLength: 4096 },
          url: { type: 'string', pattern: '^https?://' },
          color: { type: 'integer', minimum: 0, maximum: 0xffffff },
          timestamp: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT' },
        },
      },
    },
  },
};

const LINKS = {
  type: 'array',
  items: {
    type: 'object',
    required: ['href'],
    additionalProperties: false,
    properties: { href: { type: 'string', pattern: '^https?://' }, text: { type: 'string' } },
  },
};
const ROUTING_KEY = { type: 'string', pattern: '^[0-9a-zA-Z]{32}$' };

/** https://developer.pagerduty.com/docs/send-alert-event (Events API v2, /v2/enqueue). */
const PAGERDUTY_ALERT = {
  type: 'object',
  required: ['routing_key', 'event_action'],
  additionalProperties: false,
  properties: {
    routing_key: ROUTING_KEY,
    event_action: { enum: ['trigger', 'acknowledge', 'resolve'] },
    dedup_key: { type: 'string', minLength: 1, maxLength: 255 },
    client: { type: 'string' },
    client_url: { type: 'string' },
    links: LINKS,
    payload: {
      type: 'object',
      required: ['summary', 'source', 'severity'],
      additionalProperties: false,
      properties: {
        summary: { type: 'string', minLength: 1, maxLength: 1024 },
        source: { type: 'string', minLength: 1 },
        severity: { enum: ['critical', 'error', 'warning', 'info'] },
        timestamp: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT' },
        component: { type: 'string' },
        group: { type: 'string' },
        class: { type: 'string' },
        custom_details: { type: 'object' },
      },
    },
  },
  if: { properties: { event_action: { const: 'trigger' } } },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ['payload'] },
  else: { required: ['dedup_key'] },
};

/** https://developer.pagerduty.com/docs/send-change-event (/v2/change/enqueue). */
const PAGERDUTY_CHANGE = {
  type: 'object',
  required: ['routing_key', 'payload'],
  additionalProperties: false,
  properties: {
    routing_key: ROUTING_KEY,
    links: LINKS,
    payload: {
      type: 'object',
      required: ['summary'],
      additionalProperties: false,
      properties: {
        summary: { type: 'string', minLength: 1, maxLength: 1024 },
        source: { type: 'string', minLength: 1 },
        timestamp: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT' },
        custom_details: { type: 'object' },
      },
    },
  },
};

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, "Payload structure". */
const WEBHOOK = {
  type: 'object',
  required: ['type', 'timestamp', 'data'],
  additionalProperties: false,
  properties: {
    type: { type: 'string', pattern: '^[a-zA-Z0-9_-]+(\\.[a-zA-Z0-9_-]+)*$' },
    timestamp: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT' },
    data: { type: 'object' },
  },
};

/** Bytes that Teams takes: https://learn.microsoft.com/microsoftteams/limits-specifications-teams */
const KB = 1024;

/** What a service takes at a path, and how it answers if it did. */
export interface Service {
  readonly schemas: Readonly<Record<string, object>>;
  readonly bytes: number;
  readonly answer: { readonly status: number; readonly body: string };
}

export const SERVICES = {
  slack: { schemas: { '/slack': SLACK }, bytes: 100 * KB, answer: { status: 200, body: 'ok' } },
  teams: { schemas: { '/teams': TEAMS }, bytes: 28 * KB, answer: { status: 202, body: '' } },
  discord: { schemas: { '/discord': DISCORD }, bytes: 100 * KB, answer: { status: 204, body: '' } },
  pagerduty: {
    schemas: { '/v2/enqueue': PAGERDUTY_ALERT, '/v2/change/enqueue': PAGERDUTY_CHANGE },
    bytes: 512 * KB,
    answer: { status: 202, body: '{"status":"success"}' },
  },
  webhook: { schemas: { '/webhook': WEBHOOK }, bytes: 100 * KB, answer: { status: 200, body: '' } },
} as const satisfies Readonly<Record<string, Service>>;

export type ServiceName = keyof typeof SERVICES;
