import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { checkCertificates } from '../../scripts/doctor/certificates.ts';
import type { DoctorContext } from '../../scripts/doctor/context.ts';
import { CERTIFICATES_BYTES } from '../../scripts/limits/doctor.ts';
import { temporaryFolder } from '../store/support.ts';
import { elsewhere, ends, type Row } from './rows.ts';

const DOCTOR = 'doctor/doctor.test.ts';
const NETWORK = 'doctor/network.it.test.ts';
const ENDLESS = 'a check that throws, and one that never ends, hide no other';

export const DOCTOR_LIMITS: Readonly<Record<string, Row>> = {
  CHECK_MS: elsewhere('a fault', DOCTOR, ENDLESS),
  OPEN_ENGINE_MS: elsewhere('a fault', DOCTOR, ENDLESS),
  VERSION_CHECK_CONNECT_MS: elsewhere(
    'a fault',
    NETWORK,
    'is not there, which the clock cannot be blamed for',
  ),
  NAMESERVER_MS: elsewhere('a fault', NETWORK, 'is not answered for'),
  PROXY_MS: elsewhere('a fault', NETWORK, 'are not there'),
  CERTIFICATES_BYTES: ends('a fault', async () => {
    const path = join(temporaryFolder(), 'ca.pem');
    writeFileSync(path, '');
    truncateSync(path, CERTIFICATES_BYTES + 1);
    const settings = { certificates: { NODE_EXTRA_CA_CERTS: path } };
    const { found } = Object(await checkCertificates({ settings } as unknown as DoctorContext));
    expect(found).toMatch(new RegExp(`${CERTIFICATES_BYTES}`));
  }),
};
