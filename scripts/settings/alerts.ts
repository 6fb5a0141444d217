import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { ALERTS_FILE } from '../notify/alerts/memory.ts';
import { AddressError, parseAddresses, secretsOfAddresses } from '../notify/channels/address.ts';
import { mirrorId } from '../notify/mirror-id.ts';
import type { AlertSettings } from '../notify/settings.ts';
import { isS3Address } from '../store/s3/address.ts';
import { workFolderOf } from './commands/store.ts';
import { FilePath } from './fields.ts';
import { NETWORK_OPTIONS, networkFrom } from './network.ts';
import { ISSUE_AFTER } from './notify.ts';
import type { Option } from './option.ts';
import { type Given, textOf, validated, variableOf } from './read.ts';

/** Addresses to tell of failures. Each is a secret. */
const ALERT = {
  name: 'alert',
  value: '<url>',
  help: 'address to tell when the mirror fails and when it is well again; may stand several times. Chats, pagers, mail and webhooks: see site/alerts.md. It is kept secret',
  secret: true,
  isRepeatable: true,
  schema: v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return parseAddresses(dataset.value);
      } catch (error) {
        if (!(error instanceof AddressError)) throw error;
        addIssue({ message: error.message });
        return NEVER;
      }
    }),
  ),
} as const satisfies Option;

const ALERT_STATE = {
  name: 'alert-state',
  value: '<file>',
  help: 'file that remembers what the alerts have told; to lose it makes an alert too many',
  usually: `${ALERTS_FILE} in the work folder; for watch ./mirror.watch.${ALERTS_FILE}`,
  schema: FilePath,
} as const satisfies Option;

export const ALERT_OPTIONS = [ALERT, ALERT_STATE, ISSUE_AFTER] as const;

/** Options of the command that sends a test. */
export const TEST_OPTIONS = [ALERT, ...NETWORK_OPTIONS] as const;

/**
 * Settings of the alerts of a command; `undefined` without an address. They do not depend on the other settings, so that
 * alerts can tell what is wrong with those. Throws `setting/invalid`, never with an address.
 */
export function alertSettings(from: Given): AlertSettings | undefined {
  const settings = validated(ALERT_OPTIONS, from);
  if (settings.alert === undefined || settings.alert.length === 0) return undefined;
  const [url, publicUrl] = [textOf('url', from), textOf('public-url', from)];
  const store = textOf('store', from);
  const endpoint = textOf('s3-endpoint', from);
  return {
    addresses: settings.alert,
    patience: settings['issue-after'],
    mirror: mirrorId({
      CLAMAV_MIRROR_URL: url,
      CLAMAV_MIRROR_PUBLIC_URL: publicUrl,
      CLAMAV_MIRROR_STORE: store,
      CLAMAV_MIRROR_S3_ENDPOINT: endpoint,
    }),
    url: plainUrl(url ?? publicUrl),
    memory: settings['alert-state'] ?? memoryOf(from.flags.url, textOf('work', from), store ?? './mirror'),
    proxies: networkFrom(from),
  };
}

/** Texts that no log may show. */
export function alertSecrets({ environment }: Pick<Given, 'environment'>): string[] {
  return secretsOfAddresses(environment[variableOf('alert')] ?? '');
}

/** Memory of a command: a watch, which is about a URL, has no work folder. */
function memoryOf(url: string | undefined, work: string | undefined, store: string): string {
  if (url !== undefined) return resolve(`mirror.watch.${ALERTS_FILE}`);
  return join(resolve(work ?? workFolderOf(isS3Address(store) ? store : resolve(store))), ALERTS_FILE);
}

/** A public address without user and password, which alerts would tell everybody. */
function plainUrl(text: string | undefined): string | undefined {
  const url = URL.parse(text ?? '');
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
