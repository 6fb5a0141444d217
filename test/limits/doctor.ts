import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { expect } from 'vitest';
import { CERTIFICATES_BYTES, CHECK_MS, PROXY_MS } from '../../scripts/base/limits/doctor.ts';
import { checkCertificates } from '../../scripts/doctor/checks/certificates.ts';
import { checkProxies } from '../../scripts/doctor/checks/proxies.ts';
import type { DoctorContext } from '../../scripts/doctor/context.ts';
import { examine } from '../../scripts/doctor/doctor.ts';
import { temporaryFolder } from '../store/support.ts';
import { deadAddress } from '../support/web/dead-address.ts';
import { NO_PROXIES } from '../support/web/no-proxies.ts';
import { freePort } from '../support/web/ports.ts';
import { hasten } from './hasten.ts';
import { elsewhere, ends, type Row } from './rows.ts';

const SILENT_OTHERS = elsewhere(
  'a fault',
  'doctor/whole.it.test.ts',
  'is a fault in its time, and the command then ends',
);

export const DOCTOR_LIMITS: Readonly<Record<string, Row>> = {
  CHECK_MS: ends('a fault', async () => {
    hasten(CHECK_MS);
    const hangs = { name: 'hangs', run: () => new Promise<never>(() => {}) };
    const report = await examine([hangs], {} as DoctorContext);
    expect(report).toMatchObject({ unfinished: true, findings: [{ check: 'hangs', ok: false }] });
  }),
  OPEN_ENGINE_MS: elsewhere(
    'a fault',
    'doctor/doctor.test.ts',
    'a check that throws, and one that never ends, hide no other',
  ),
  VERSION_CHECK_CONNECT_MS: SILENT_OTHERS,
  'VERSION_CHECK_ANSWER_MS.idle': SILENT_OTHERS,
  'VERSION_CHECK_ANSWER_MS.file': SILENT_OTHERS,
  'PUBLIC_URL_MS.connect': SILENT_OTHERS,
  'PUBLIC_URL_MS.idle': SILENT_OTHERS,
  'PUBLIC_URL_MS.answer': SILENT_OTHERS,
  PROXY_MS: ends('a fault', async () => {
    const port = await freePort();
    await using dead = await deadAddress('127.0.0.3', port);
    const proxies = { httpProxy: `http://${dead.address}:${port}`, httpsProxy: '', noProxy: '' };
    const found = await checkProxies({ settings: { sync: { proxies } } } as DoctorContext);
    expect(found).toMatchObject({
      ok: false,
      found: expect.stringContaining(`within ${PROXY_MS / 1000} s`),
    });
  }),
  CERTIFICATES_BYTES: ends('a fault', async () => {
    const path = join(temporaryFolder(), 'ca.pem');
    const look = async () =>
      await checkCertificates({
        settings: {
          certificates: { NODE_EXTRA_CA_CERTS: path },
          sync: { upstreams: ['http://mirror.test'], store: '/srv/clamav', proxies: NO_PROXIES },
        } as unknown as DoctorContext['settings'],
      });
    await writeFile(path, rootCertificates[0] ?? '');
    await truncate(path, CERTIFICATES_BYTES);
    expect(await look()).toMatchObject({ ok: true });
    await truncate(path, CERTIFICATES_BYTES + 1);
    expect(await look()).toMatchObject({ ok: false });
  }),
};
