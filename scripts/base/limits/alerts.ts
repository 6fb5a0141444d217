/** Limits of alerts: of the addresses, of what each receiver takes, of its answers, and of the memory of what was told. */

/** Milliseconds for all alerts of a run together: a receiver must not hold a cycle up. */
export const ALERTS_MS = 10_000;
/** Addresses of `--alert`: a team, its pager and a few mirrors downstream. */
export const ALERT_ADDRESSES = 20;
/** Characters of an address: those of Teams have 300. */
export const ALERT_ADDRESS_CHARACTERS = 2000;
/** Recipients of a mail. */
export const MAIL_RECIPIENTS = 20;
/** Bytes of an answer of a mail server: a few lines. */
export const MAIL_ANSWER_BYTES = 64 * 1024;
/** Characters of others' words in an alert: what failed, and what else the error advises. Every receiver takes as many. */
export const ALERT_WORDS = { what: 2500, advice: 800 } as const;
/** Databases named in an alert. */
export const ALERT_DATABASES = 20;
/**
 * Characters that Slack takes in a header, a text object and a message. https://docs.slack.dev/reference/block-kit/blocks and
 * https://docs.slack.dev/changelog/2018-truncating-really-long-messages
 */
export const SLACK = { header: 150, text: 3000, message: 4000 } as const;
/** Bytes of a message to Teams: https://learn.microsoft.com/microsoftteams/limits-specifications-teams says 28 KB. */
export const TEAMS_BYTES = 28 * 1024;
/** Characters that Discord takes in an embed: https://discord.com/developers/docs/resources/message#embed-object-embed-limits */
export const DISCORD = { title: 256, description: 4096 } as const;
/** Characters that PagerDuty takes: https://developer.pagerduty.com/docs/send-alert-event */
export const PAGERDUTY = { summary: 1024, key: 255 } as const;
/** Characters of a mail's subject: a header's line has at most 998 (RFC 5322, 2.1.1). */
export const MAIL_SUBJECT_CHARACTERS = 200;
/** Bytes of `alerts.json`: a line for each address and class of failure takes a tenth. */
export const ALERT_MEMORY_BYTES = 256 * 1024;
/** Entries of each list in `alerts.json`: twenty addresses, eight classes, a few mirrors. */
export const ALERT_MEMORY_ENTRIES = 500;
/** Milliseconds to bring a memory from GitHub's cache, and to keep it there: it has a few kilobytes. */
export const ALERT_CACHE_MS = 30_000;
