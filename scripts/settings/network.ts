import { readFileSync, type Stats, statSync } from 'node:fs';
import * as v from 'valibot';
import { codeOf } from '../base/errors.ts';
import { CERTIFICATES_BYTES } from '../base/limits/doctor.ts';
import { certificatesIn } from '../http/certificates.ts';
import { hasEncodedCredentials } from '../http/credentials.ts';
import { isHttp } from '../http/is-http.ts';
import type { Authorities, Proxies } from '../http/proxies.ts';
import { FilePath } from './fields.ts';
import type { Option } from './option.ts';
import { type Given, named, SettingError, validated, variableOf } from './read.ts';

/** The way out of this machine, for every command that takes it. */
export const NETWORK_OPTIONS = [
  {
    name: 'proxy',
    value: '<url>',
    help: 'HTTP proxy for every request, but to the hosts in NO_PROXY and to this machine itself. One with a password belongs in the variable: every account of a machine can read flags',
    usually: 'HTTPS_PROXY and HTTP_PROXY',
    secret: true,
    schema: v.pipe(
      v.string(),
      v.rawTransform(({ dataset, addIssue, NEVER }) => {
        const url = proxyUrl(dataset.value);
        if (url !== undefined) return url;
        addIssue({ message: `is not the address of an HTTP proxy; it looks like ${PROXY_FORM}` });
        return NEVER;
      }),
    ),
  },
  {
    name: 'ca-file',
    value: '<file>',
    help: 'certificates in PEM to trust too, such as those of a proxy that reads along',
    usually:
      'those of this system, and of the files in NODE_EXTRA_CA_CERTS, SSL_CERT_FILE and CURL_CA_BUNDLE',
    schema: FilePath,
  },
] as const satisfies readonly Option[];

/** Variables of other programs that name a file with certificates. Node and OpenSSL read the first two by themselves. */
export const CERTIFICATE_VARIABLES = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'CURL_CA_BUNDLE'] as const;

const PROXY_FORM =
  'http://user:password@proxy.example:3128, with special characters of the password percent-encoded';

/**
 * Proxies by `--proxy`, else by the usual variables in lower and upper case, and certificates by `--ca-file` and by
 * variables. A file that a variable of other programs names badly is told where it matters. Throws `setting/invalid`.
 */
export function networkFrom(from: Given, privateRedirects = false): Proxies {
  const { proxy, 'ca-file': caFile } = validated(NETWORK_OPTIONS, from);
  const authorities = authoritiesFrom(caFile, from);
  return {
    ...(proxy === undefined ? proxiesOf(from.environment) : byOption(proxy, from)),
    noProxy: either(from.environment, 'NO_PROXY').value,
    ...(privateRedirects && { privateRedirects: true }),
    ...(authorities.pems.length + authorities.unusable.length > 0 && { authorities }),
  };
}

type Found = Pick<Proxies, 'httpProxy' | 'httpsProxy' | 'namedBy'>;

function byOption(proxy: string, from: Given): Found {
  const isVariable = from.flags.proxy === undefined && from.kind !== 'input';
  const by = isVariable ? variableOf('proxy') : named('proxy', from);
  return { httpProxy: proxy, httpsProxy: proxy, namedBy: { http: by, https: by } };
}

function proxiesOf(environment: Given['environment']): Found {
  const [http, https] = [either(environment, 'HTTP_PROXY'), either(environment, 'HTTPS_PROXY')];
  const [httpProxy, httpsProxy] = [checked(http), checked(https)];
  if (httpProxy === '' && httpsProxy === '') return { httpProxy, httpsProxy };
  return { httpProxy, httpsProxy, namedBy: { http: http.name, https: https.name } };
}

/** A variable by its name in lower or upper case, whichever is set. */
function either(environment: Given['environment'], upper: string): { name: string; value: string } {
  const name = environment[upper.toLowerCase()] ? upper.toLowerCase() : upper;
  return { name, value: environment[name] ?? '' };
}

function checked({ name, value }: { name: string; value: string }): string {
  if (value === '') return '';
  const url = proxyUrl(value);
  if (url !== undefined) return url;
  throw new SettingError('setting/invalid', `the variable ${name} is not the address of an HTTP proxy`, {
    advice: `It looks like ${PROXY_FORM}`,
  });
}

/** As curl reads it: `proxy.example:3128` is an address too. A path shows that a password was cut in two. */
function proxyUrl(text: string): string | undefined {
  const url = text.includes('://') ? text : `http://${text}`;
  const parsed = isHttp(url) ? URL.parse(url) : null;
  if (parsed === null || parsed.pathname !== '/' || /[?#]/.test(url)) return undefined;
  return hasEncodedCredentials(parsed) ? url : undefined;
}

function authoritiesFrom(caFile: string | undefined, from: Given): Authorities {
  const pems = new Set<string>();
  const unusable: string[] = [];
  if (caFile !== undefined) {
    try {
      for (const pem of readCertificates(caFile)) pems.add(pem);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new SettingError('setting/invalid', `${named('ca-file', from)} names ${caFile}: ${why}`, {
        advice: `Look at it: ls -l '${caFile}'; openssl x509 -in '${caFile}' -noout -subject`,
      });
    }
  }
  for (const variable of CERTIFICATE_VARIABLES) {
    const path = from.environment[variable];
    if (!path) continue;
    try {
      for (const pem of readCertificates(path)) pems.add(pem);
    } catch (error) {
      unusable.push(`${variable} names ${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { pems: [...pems], unusable };
}

/** Reads a file with certificates. Throws an error in words about that file. */
export function readCertificates(path: string): string[] {
  const stats = statOf(path);
  if (!stats.isFile()) throw new Error('it is not a file');
  if ((stats.mode & 0o002) !== 0)
    throw new Error('every account of this machine may write to it, and so decide whom to trust (chmod o-w)');
  if (stats.size > CERTIFICATES_BYTES) throw new Error(`it has more than ${CERTIFICATES_BYTES} bytes`);
  try {
    return certificatesIn(readFileSync(path));
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    throw new Error(`it cannot be read (${codeOf(error)})`, { cause: error });
  }
}

function statOf(path: string): Stats {
  try {
    return statSync(path);
  } catch (cause) {
    const code = codeOf(cause) ?? '';
    throw new Error(code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`, { cause });
  }
}
