import { readFileSync } from 'node:fs';
import http from 'node:http';
import { certificatesIn } from '../http/certificates.ts';
import { prepareNetwork } from '../http/network.ts';

/** The way out as our own variables name it; those that Node knows count by themselves. */
export interface QuickNetwork {
  readonly proxy: string | undefined;
  readonly noProxy: string;
  readonly caFile: string | undefined;
}

/** Makes Node's own `fetch` take this way, without any package. Node before 24.14 has no proxy without NODE_USE_ENV_PROXY. Wrong values are left for the run itself to report. */
export function takeNetwork({ proxy, noProxy, caFile }: QuickNetwork): void {
  try {
    if (caFile !== undefined) prepareNetwork({ pems: certificatesIn(readFileSync(caFile)), unusable: [] });
    if (proxy === undefined) return;
    const url = proxy.includes('://') ? proxy : `http://${proxy}`;
    http.setGlobalProxyFromEnv?.({ http_proxy: url, https_proxy: url, no_proxy: noProxy });
  } catch {
    // the quick check does without, and asks for a run if it reaches nobody
  }
}
