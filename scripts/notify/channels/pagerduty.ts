import { PAGERDUTY } from '../../base/limits/alerts.ts';
import type { FailureClass } from '../run-report.ts';
import { type Message, within } from './message.ts';

/** An event for PagerDuty, and the path that takes it. */
export interface PagerDutyEvent {
  readonly path: string;
  readonly json: object;
}

/**
 * Makes an event of Events API v2: an alert of a class is triggered and resolved under one key, and a reminder triggers it
 * again. A publication, and a test, is a change, which pages nobody. https://developer.pagerduty.com/docs/send-alert-event
 * and https://developer.pagerduty.com/docs/send-change-event
 */
export function pagerDutyEvent(message: Message, key: string): PagerDutyEvent {
  const { event, at, mirror, title, text, failure, versions, link } = message;
  const source = URL.parse(mirror.url ?? '')?.host || mirror.machine;
  const links = link === undefined ? {} : { links: [{ href: link, text: 'More' }] };
  const details = { text: text.join(' '), versions, mirror: mirror.id };
  if (failure === undefined) {
    const payload = {
      summary: within(title, PAGERDUTY.summary),
      timestamp: at,
      source,
      custom_details: details,
    };
    return { path: '/v2/change/enqueue', json: { routing_key: key, payload, ...links } };
  }
  const dedup = {
    routing_key: key,
    dedup_key: within(`clamav-mirror/${mirror.id}/${failure.class}`, PAGERDUTY.key),
  };
  if (event === 'well') return { path: '/v2/enqueue', json: { ...dedup, event_action: 'resolve' } };
  const { what, advice, more, code, since, runs } = failure;
  const payload = {
    summary: within(`${title}: ${what}`.replace(/\s+/g, ' '), PAGERDUTY.summary),
    timestamp: at,
    source,
    severity: SEVERITIES[failure.class],
    component: 'clamav-mirror',
    class: failure.class,
    custom_details: { ...details, what, advice, more, code, since, runs },
  };
  return {
    path: '/v2/enqueue',
    json: { ...dedup, event_action: 'trigger', client: 'clamav-mirror', payload, ...links },
  };
}

const SEVERITIES: Readonly<Record<FailureClass, 'critical' | 'error' | 'warning'>> = {
  upstream: 'warning',
  integrity: 'critical',
  engine: 'error',
  proof: 'warning',
  publication: 'error',
  host: 'error',
  stale: 'error',
  configuration: 'error',
  extras: 'warning',
};
