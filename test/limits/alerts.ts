import { expect } from 'vitest';
import {
  ALERT_ADDRESS_CHARACTERS,
  ALERT_ADDRESSES,
  ALERT_DATABASES,
  ALERT_MEMORY_BYTES,
  ALERT_MEMORY_ENTRIES,
  ALERT_WORDS,
  MAIL_RECIPIENTS,
  MAIL_SUBJECT_CHARACTERS,
} from '../../scripts/base/limits/alerts.ts';
import { parseMemory } from '../../scripts/notify/alerts/memory.ts';
import { failing, type Sender } from '../../scripts/notify/alerts/texts.ts';
import { parseAddresses } from '../../scripts/notify/channels/address.ts';
import { mailOf } from '../../scripts/notify/channels/mail.ts';
import { begun } from '../../scripts/notify/lasting.ts';
import { elsewhere, ends, type Row } from './rows.ts';

const AT = new Date('2026-06-01T12:00:00.000Z');
const CHANNELS = 'notify/alerts/channels.test.ts';
const RECEIVERS = 'notify/alerts/receivers.test.ts';
const isCut = 'the rest is left out';
const isRefused = 'the setting is wrong';
const words = '%s from outside';

export const ALERT_LIMITS: Readonly<Record<string, Row>> = {
  ALERTS_MS: elsewhere('a warning', RECEIVERS, 'never answers costs the time for alerts'),
  ALERT_ADDRESSES: ends(isRefused, () => {
    const many = (count: number) =>
      parseAddresses(Array.from({ length: count }, (_, at) => `https://a.example/${at}`).join(' '));
    expect(many(ALERT_ADDRESSES)).toHaveLength(ALERT_ADDRESSES);
    expect(() => many(ALERT_ADDRESSES + 1)).toThrow('more than');
  }),
  ALERT_ADDRESS_CHARACTERS: ends(isRefused, () => {
    expect(() => parseAddresses('https://a.example/'.padEnd(ALERT_ADDRESS_CHARACTERS + 1, 'x'))).toThrow(
      'too long',
    );
  }),
  MAIL_RECIPIENTS: ends(isRefused, () => {
    const many = (count: number) =>
      parseAddresses(`smtp://m.example/?from=a@b.example${'&to=a@b.example'.repeat(count)}`);
    expect(many(MAIL_RECIPIENTS)).toHaveLength(1);
    expect(() => many(MAIL_RECIPIENTS + 1)).toThrow('at most');
  }),
  MAIL_ANSWER_BYTES: elsewhere('a warning', RECEIVERS, 'goes on greeting for ever'),
  'ALERT_WORDS.what': ends(isCut, () => {
    expect(messageOf('x'.repeat(ALERT_WORDS.what + 1)).failure?.what).toHaveLength(ALERT_WORDS.what);
  }),
  'ALERT_WORDS.advice': ends(isCut, () => {
    expect(messageOf('x'.repeat(ALERT_WORDS.advice + 1)).failure?.more).toHaveLength(ALERT_WORDS.advice);
  }),
  ALERT_DATABASES: ends(isCut, () => {
    const names = Array.from({ length: ALERT_DATABASES + 1 }, (_, at) => [`d${at}`, at]);
    const message = messageOf('x', Object.fromEntries(names));
    expect(Object.keys(message.versions)).toHaveLength(ALERT_DATABASES);
  }),
  'SLACK.header': elsewhere(isCut, CHANNELS, words),
  'SLACK.text': elsewhere(isCut, CHANNELS, words),
  'SLACK.message': elsewhere(isCut, CHANNELS, words),
  TEAMS_BYTES: elsewhere(isCut, CHANNELS, words),
  'DISCORD.title': elsewhere(isCut, CHANNELS, words),
  'DISCORD.description': elsewhere(isCut, CHANNELS, words),
  'PAGERDUTY.summary': elsewhere(isCut, CHANNELS, words),
  'PAGERDUTY.key': elsewhere(isCut, CHANNELS, words),
  MAIL_SUBJECT_CHARACTERS: ends(isCut, () => {
    const message = { ...messageOf('x'), title: 'x'.repeat(MAIL_SUBJECT_CHARACTERS + 1) };
    expect(mailOf(message, { from: 'a@b.example', to: [] }).subject).toHaveLength(MAIL_SUBJECT_CHARACTERS);
  }),
  ALERT_MEMORY_BYTES: ends('nothing was told', () => {
    expect(parseMemory(memoryOf(1).padEnd(ALERT_MEMORY_BYTES), AT).told).toHaveLength(1);
    expect(parseMemory(memoryOf(1).padEnd(ALERT_MEMORY_BYTES + 1), AT).told).toHaveLength(0);
  }),
  ALERT_MEMORY_ENTRIES: ends('the first ones are forgotten', () => {
    expect(parseMemory(memoryOf(ALERT_MEMORY_ENTRIES + 1), AT).told).toHaveLength(ALERT_MEMORY_ENTRIES);
  }),
  ALERT_CACHE_MS: elsewhere(
    'nothing is restored',
    'action/cache.it.test.ts',
    'of a service that is too slow for our patience',
  ),
};

function messageOf(what: string, versions: Readonly<Record<string, number>> = {}) {
  const serving = { versions, checked: AT.toISOString(), published: AT.toISOString() };
  const report = { failures: [], recovered: [], serving, upstream: {}, at: AT.toISOString() };
  const sender: Sender = {
    mirror: '01234567',
    url: undefined,
    machine: 'm',
    runUrl: undefined,
    report,
    at: AT,
  };
  const failure = { class: 'host', code: 'probe/range', what, advice: what, log: [] } as const;
  return failing({ ...failure, log: [] }, begun('run', AT), false, sender);
}

function memoryOf(count: number): string {
  const told = { receiver: '0123456789ab', mirror: '01234567', class: 'host', ...begun('run', AT) };
  return JSON.stringify({ told: Array(count).fill(told), runs: [], published: [] });
}
