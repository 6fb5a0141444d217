import type { TestProject } from 'vitest/node';
import { isUnattended, searchPath } from '../../../scripts/settings/environment.ts';
import { confirm } from '../../../scripts/setup/confirm.ts';
import { ensureClamav } from '../../../scripts/setup/install-clamav.ts';
import { DEFAULT_CACHE, ensureOfficial } from '../../../scripts/setup/official-files.ts';
import { ensureMailServer } from '../alerts/mail-server.ts';
import { ensureImages, type Images } from '../clamav/clamav-images.ts';
import { clamavForTests, type TestedClamav } from '../clamav-15/suite.ts';
import { type DockerEngine, ensureDocker } from '../docker/docker-engine.ts';
import { type Ceph, startCephs } from '../s3/ceph.ts';
import { ensureChromium } from '../web/chromium.ts';
import { ensureSquid } from '../web/squid.ts';
import { ensureReadingSquid } from '../web/squid-openssl.ts';
import { ensureWebServers } from '../web/web-servers.ts';
import { ensureProgram, type InstallOptions } from './install.ts';
import { type RealPart, realPart } from './real-part.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** `CLAMAV=1.5` in the environment asks for that version. */
    clamav: RealPart<TestedClamav>;
    /** A folder. */
    official: RealPart<string>;
    /** A Docker engine with these images. */
    docker: RealPart<Images>;
    /** nginx, lighttpd, Caddy and Apache, all of which start. */
    webServers: RealPart<true>;
    /** The path of a squid that starts. */
    squid: RealPart<string>;
    /** The path of a squid that reads TLS along. */
    readingSquid: RealPart<string>;
    /** The path of the program. */
    dnsmasq: RealPart<string>;
    /** ClamAV's own tool for mirrors: the path of the program. */
    cvdupdate: RealPart<string>;
    /** The path of the program. */
    curl: RealPart<string>;
    /** A mail server with STARTTLS and AUTH, which starts. */
    mailServer: RealPart<true>;
    /** The path of Debian's Chromium, which opens a page. */
    chromium: RealPart<string>;
    /** The path of Prometheus' tool for rules and metrics. */
    promtool: RealPart<string>;
    /** The path of libxml2's tool that checks XML. */
    xmllint: RealPart<string>;
    /** The path of the program. */
    prometheus: RealPart<string>;
    /** The path of clamd's own client. */
    clamdscan: RealPart<string>;
    /** The path of `aws`. */
    awscli: RealPart<string>;
    /** The path of systemd's tool that judges units. */
    systemd: RealPart<string>;
    /** S3 gateways that run; `CEPH=20,16` in the environment says which. */
    cephs: RealPart<readonly Ceph[]>;
    /** The name of this run of the tests, for what it leaves in the Docker engine. */
    run: string;
  }
}

/** Podman with what it needs to play pods. */
const PODMAN = ['podman', 'runc', 'crun', 'netavark', 'aardvark-dns', 'slirp4netns', 'catatonit'];

/** Before the first test: the real parts are there, or it is known why not. After the last one: nothing is left running. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const ask = async (question: string) => isUnattended() || (await confirm(question));
  const options = {
    path: searchPath(),
    environment: process.env,
    log: (line: string) => console.log(line),
    ask,
  };
  const run = `${process.pid}-${Date.now()}`;
  const clamav = await realPart('clamav', () => ensureClamav({ ...options, daemon: true }));
  // All else at once: only installations wait for each other.
  const [
    tested,
    official,
    webServers,
    squid,
    dnsmasq,
    cvdupdate,
    curl,
    mailServer,
    chromium,
    promtool,
    xmllint,
    prometheus,
    clamdscan,
    awscli,
    systemd,
    docker,
    cephs,
  ] = await Promise.all([
    clamavForTests(clamav, process.env.CLAMAV),
    realPart('official', () => ensureOfficial(DEFAULT_CACHE, options)),
    realPart('web-servers', () => ensureWebServers(options)),
    realPart('squid', () => ensureSquid(options)),
    realPart('dnsmasq', () => ensureProgram('dnsmasq', ['dnsmasq-base'], options)),
    realPart('cvdupdate', () => ensureProgram('cvdupdate', ['clamav-cvdupdate'], options)),
    realPart('curl', () => ensureProgram('curl', ['curl'], options)),
    realPart('mail-server', () => ensureMailServer(options)),
    realPart('chromium', () => ensureChromium(options)),
    realPart('promtool', () => ensureProgram('promtool', ['prometheus'], options)),
    realPart('xmllint', () => ensureProgram('xmllint', ['libxml2-utils'], options)),
    realPart('prometheus', () => ensureProgram('prometheus', ['prometheus'], options)),
    realPart('clamdscan', () => ensureProgram('clamdscan', ['clamdscan'], options)),
    realPart('awscli', () => ensureProgram('aws', ['awscli'], options)),
    realPart('systemd', () => ensureProgram('systemd-analyze', ['systemd'], options)),
    startDocker(run, options),
    realPart('cephs', () => startCephs(process.env.CEPH, options)),
    realPart('strace', () => ensureProgram('strace', ['strace'], options)), // hostile/watched.ts tries it
    realPart('helm', () => ensureProgram('unzip', ['unzip'], options)), // kit/helm.ts unpacks it
    realPart('pods', () => ensureProgram('podman', PODMAN, options)), // docker/podman.ts and kit/pods.ts try it
    realPart('minisign', () => ensureProgram('minisign', ['minisign'], options)), // sign/signers.ts tries it
    realPart('gpg', () => ensureProgram('gpg', ['gpg'], options)), // sign/signers.ts tries it
    realPart('compose', () => ensureProgram('docker-compose', ['docker-compose'], options)), // kit/compose.ts tries it
  ]);
  project.provide('run', run);
  project.provide('clamav', tested.clamav);
  project.provide('webServers', webServers);
  project.provide('squid', squid);
  project.provide('readingSquid', await realPart('squid-openssl', () => ensureReadingSquid(options)));
  project.provide('dnsmasq', dnsmasq);
  project.provide('cvdupdate', cvdupdate);
  project.provide('curl', curl);
  project.provide('mailServer', mailServer);
  project.provide('chromium', chromium);
  project.provide('promtool', promtool);
  project.provide('xmllint', xmllint);
  project.provide('prometheus', prometheus);
  project.provide('clamdscan', clamdscan);
  project.provide('awscli', awscli);
  project.provide('systemd', systemd);
  project.provide('docker', docker.images);
  project.provide('official', official);
  project.provide('cephs', 'have' in cephs ? { have: cephs.have.running } : cephs);
  return async () => {
    if ('have' in cephs) await cephs.have.close();
    if ('have' in docker.engine) await docker.engine.have.close();
    await tested.close();
  };
}

async function startDocker(
  run: string,
  options: InstallOptions,
): Promise<{ engine: RealPart<DockerEngine>; images: RealPart<Images> }> {
  const engine = await realPart('docker', () => ensureDocker(run, options));
  return { engine, images: 'have' in engine ? { have: await ensureImages(options) } : engine };
}
