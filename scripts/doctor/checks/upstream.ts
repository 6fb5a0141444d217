import { codeOf } from '../../base/errors.ts';
import { cvdName } from '../../cvd/names.ts';
import type { DoctorContext } from '../context.ts';
import { badBy, causesOf, good, type Seen } from '../finding.ts';

/** Upstream answers a version check with a header that Talos signed. */
export async function checkUpstream(
  upstream: string,
  { askUpstream }: Pick<DoctorContext, 'askUpstream'>,
): Promise<Seen> {
  const { database, offered } = await askUpstream(upstream);
  if (typeof offered === 'number') return good(`${upstream} has ${database} ${offered}, signed by Talos`);
  return badBy(offered.error, adviceOn(offered.error, upstream, cvdName(database)));
}

/** Codes of Node and OpenSSL for a certificate that is not trusted. */
const UNTRUSTED = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO)/;

function adviceOn(error: unknown, upstream: string, name: string): string | undefined {
  const look = `curl -sSr 0-511 '${upstream}/${name}' | head -c 80`;
  for (const at of causesOf(error)) {
    if (UNTRUSTED.test(codeOf(at) ?? ''))
      return "If the certificate is your network's own: NODE_EXTRA_CA_CERTS=/path/to/its-ca.pem, for this and for sync";
  }
  const code = codeOf(error) ?? '';
  if (code === 'upstream/cool-down')
    return 'It refuses this address: wait until then, or name another mirror by --upstream';
  if (code === 'upstream/missing')
    return `Name databases that it has by --databases, or look at the path in --upstream: ${look}`;
  if (code === 'upstream/unreachable')
    return `Look at the address, the network and HTTPS_PROXY and NO_PROXY: ${look}`;
  if (/^(cvd|verify)\//.test(code))
    return `What answers is no mirror of ClamAV's databases, or something between changes it: ${look}`;
  return undefined;
}
