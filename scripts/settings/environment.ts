import type { Environment, Programs } from '../engine/process.ts';
import { isOverHttps } from '../upstream/dns.ts';
import { OFFICIAL_RECORD } from '../upstream/official.ts';
import type { Given } from './read.ts';

/** Names that tell a program where it is and how to speak; none of them holds a secret. */
const COMMON = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LANGUAGE', 'TZ', 'TMPDIR', 'TMP', 'TEMP'],
  ...['LC_ALL', 'LC_COLLATE', 'LC_CTYPE', 'LC_MESSAGES', 'LC_MONETARY', 'LC_NUMERIC', 'LC_TIME'],
  ...['LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'CURL_CA_BUNDLE'],
];
/** Variables of ClamAV's tools: 1.5 looks for certificates there (clamscan(1), ENVIRONMENT). */
const TOOLS = [...COMMON, 'CVD_CERTS_DIR'];
/** Environment of docker(1), podman(1) and containers-common; proxies are for pulling images. */
const SERVICES = [
  ...COMMON,
  ...['DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_CONFIG', 'DOCKER_TLS', 'DOCKER_TLS_VERIFY'],
  ...['DOCKER_CERT_PATH', 'DOCKER_API_VERSION', 'DOCKER_DEFAULT_PLATFORM', 'DOCKER_AUTH_CONFIG'],
  ...['CONTAINER_HOST', 'CONTAINER_SSHKEY', 'CONTAINER_CONNECTION', 'CONTAINERS_CONF'],
  ...['CONTAINERS_CONF_OVERRIDE', 'CONTAINERS_REGISTRIES_CONF', 'CONTAINERS_STORAGE_CONF'],
  ...['REGISTRY_AUTH_FILE', 'XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_CACHE_HOME'],
  ...['DBUS_SESSION_BUS_ADDRESS', 'SSH_AUTH_SOCK'],
  ...[
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'ALL_PROXY',
    'NO_PROXY',
    'http_proxy',
    'https_proxy',
    'all_proxy',
    'no_proxy',
  ],
];

/** These flags and this process's environment. */
export function given(flags: Given['flags']): Given {
  return { flags, environment: process.env };
}

/** The inputs of the action: it hands each on as the variable of an option. */
export function givenInputs(): Given {
  return { flags: {}, environment: process.env, kind: 'input' };
}

/** The folder that relative paths are meant from: `npm --prefix DIR run` starts us in DIR, wherever the user is. */
export function userFolder({ INIT_CWD, npm_lifecycle_event }: Environment = process.env): string {
  return npm_lifecycle_event === 'clamav-mirror' && INIT_CWD ? INIT_CWD : '.';
}

/** The programs of this machine, with what they may know of this process's environment. */
export function programs(): Programs {
  return programsFrom(process.env);
}

/**
 * A clean environment for every program that we start. ClamAV parses what comes from outside: a flaw in it must not find
 * the keys of a bucket or the tokens of a workflow, so only names get through that are listed here.
 */
export function programsFrom(environment: Given['environment']): Programs {
  const only = (names: readonly string[]): Environment =>
    Object.fromEntries(
      names.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
    );
  return { path: environment.PATH ?? '', environment: { tools: only(TOOLS), services: only(SERVICES) } };
}

/** Folders in which to look for programs: a PATH. */
export function searchPath(): string {
  return programs().path;
}

/** True if no person is there to answer a question. */
export function isUnattended(): boolean {
  return Boolean(process.env.CI) || !process.stdin.isTTY;
}

/** A resolver in the place of a record is asked for the official one. */
export function dnsFrom(record: string, nameservers: readonly string[] = []) {
  if (isOverHttps(record)) return { record: OFFICIAL_RECORD, nameservers: [record, ...nameservers] };
  return record === 'off' ? undefined : { record, nameservers };
}
