import { bytes, counted } from '../../base/words.ts';
import { COSTS, EXTRA_COSTS, FIXED } from '../../conf/costs.ts';
import { allowListFirst, mirrorLines } from '../../conf/freshclam-conf.ts';
import { confText } from '../../files/clamav-conf.ts';
import { copyable, SHOWN_ROWS } from '../bits.ts';
import { type Html, html } from '../html.ts';
import type { Status } from '../status.ts';

/** Address for a mirror whose settings do not name it. The script puts the page's own in its place. */
const UNKNOWN = 'http://mirror.example';

/** Says how each kind of client uses the mirror. */
export function use(status: Status): Html {
  const names = Object.keys(status.databases);
  const url =
    status.publicUrl === null ? html`<span data-mirror>${UNKNOWN}</span>` : html`${status.publicUrl}`;
  const beside = Object.keys(status.extras.files);
  const extras = { mirror: UNKNOWN, names: allowListFirst(beside).slice(0, SHOWN_ROWS.extras) };
  const lines = confText(mirrorLines({ mirrors: [UNKNOWN], databases: names, extras, record: undefined }));
  const conf = lines
    .trimEnd()
    .split('\n')
    .map((line, at) => {
      const [before, behind] = line.split(UNKNOWN);
      const text = behind === undefined ? line : html`${before}${url}${behind}`;
      return at === 0
        ? text
        : html`
${text}`;
    });
  return html`
<section aria-labelledby="use">
<h2 id="use">Use this mirror</h2>
${
  status.publicUrl === null &&
  html`<p class="quiet" data-without>Put the address of this page in the place of ${UNKNOWN}.</p>`
}
${kind(
  'freshclam on Linux, BSD, macOS or Windows',
  html`<p>In <code>freshclam.conf</code>, in the place of the lines with the same names:</p>
<pre>${copyable(conf)}</pre>
<p>Run <code>freshclam</code> once, and look at what it says. The second line keeps a client from asking ClamAV’s own record
which versions there are: this mirror says that itself.</p>
<p>Whole files for Debian, Red Hat, Alpine, FreeBSD, Windows, Docker and Kubernetes, with clamd, proxies and FIPS limits:</p>
<pre>${copyable(html`clamav-mirror client-config ${url} --for debian`)}</pre>
<p>${price(names.length, beside.length)}</p>`,
  true,
)}
${kind(
  'Containers and Kubernetes',
  html`<p>Put the same lines into a file, and mount it where the image looks for it:</p>
<pre>${copyable('docker run --volume ./freshclam.conf:/etc/clamav/freshclam.conf:ro clamav/clamav')}</pre>
<p>In Kubernetes, let a ConfigMap hold the file, and mount it at the same path.</p>`,
)}
${kind(
  'A job that scans, on GitHub or elsewhere',
  html`<p>This updates a folder with a real freshclam, proves what came, and fails when the mirror is too old:</p>
<pre>${copyable(html`clamav-mirror client ${url} --into ./clamav &amp;&amp; clamscan --database ./clamav .`)}</pre>
<p>Keep the folder in the job’s cache: then only CDIFFs are downloaded.</p>`,
)}
${kind(
  'Another mirror',
  html`<p>A mirror takes everything from here, and proves it again:</p>
<pre>${copyable(
    html`clamav-mirror sync --upstream ${url} --databases ${names.join(',')} --store /srv/clamav`,
  )}</pre>`,
)}
${kind(
  'By hand, without a network',
  html`<p>Download a database, carry it over, and let ClamAV check Talos’ signature:</p>
<pre>${copyable(
    names.map(
      (name) => html`curl -O ${url}/${name}.cvd &amp;&amp; sigtool --info ${name}.cvd
`,
    ),
  )}</pre>`,
)}
${kind(
  'Check it, and watch it',
  html`<p>From a client’s place in the network:</p>
<pre>${copyable(html`clamav-mirror probe ${url}`)}</pre>
<p>Prometheus scrapes <a href="metrics.prom">metrics.prom</a>; the project’s <code>site/monitoring</code> has alerts and a
dashboard. Other monitors read <a href="status.json">status.json</a> or <a href="timestamp">timestamp</a>.</p>`,
)}
</section>`;
}

/** Says what a client costs this mirror, by the table that the tests measure. */
function price(databases: number, extras: number): string {
  const [check, whole] = (['DatabaseMirror', 'PrivateMirror'] as const).map((way) =>
    counted(COSTS['0.103'][way].check.length * databases + EXTRA_COSTS.check.length * extras, 'request'),
  );
  return `A check without news is ${check} of at most ${bytes(FIXED.header)}. As PrivateMirror it is ${whole}, and each new version is downloaded whole.`;
}

function kind(title: string, says: Html, isOpen = false): Html {
  return isOpen
    ? html`<details open><summary>${title}</summary>${says}</details>`
    : html`<details><summary>${title}</summary>${says}</details>`;
}
