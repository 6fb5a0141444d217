import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { helm, helmPart, kustomized, type Resource, resourcesIn } from '../support/kit/helm.ts';
import { REPOSITORY } from '../support/repository.ts';
import { describeWith } from '../support/setup/official.ts';

const KIT = join(REPOSITORY, 'site', 'kubernetes');
const CHART = join(KIT, 'chart');
const FOLDERS = ['mirror', 'consumer/pod-volume', 'consumer/shared-volume', 'consumer/web'];
/** Ways to install the chart, with the folders that say the same. */
const WAYS = [
  {
    way: 'databases in each pod',
    flags: ['--set=clamav.databases=pod'],
    folders: ['mirror', 'consumer/pod-volume'],
  },
  {
    way: 'databases on one volume',
    flags: ['--set=clamav.databases=shared'],
    folders: ['mirror', 'consumer/shared-volume'],
  },
  { way: 'the mirror alone', flags: ['--set=clamav.enabled=false'], folders: ['mirror'] },
  { way: 'clamd alone', flags: ['--set=mirror.enabled=false'], folders: ['consumer/pod-volume'] },
] as const;

const read = (path: string) => readFileSync(join(KIT, path), 'utf8');
const render = async (...flags: readonly string[]) =>
  resourcesIn(await helm('template', 'kit', CHART, ...flags));

/** Requires that a resource has the form that Kubernetes' own description gives its kind. */
async function requireForm(resource: Resource): Promise<void> {
  const { apiVersion, kind } = resource;
  const description = `kubernetes-models/${apiVersion}/${kind}`;
  const { [kind]: Model } = await import(/* @vite-ignore */ description);
  new Model(resource).validate();
}

interface Container {
  readonly name: string;
  readonly command?: readonly string[];
  readonly securityContext?: object;
  readonly resources?: { readonly limits?: { readonly memory?: string }; readonly requests?: object };
  readonly [key: string]: unknown;
}

interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly [key: string]: unknown;
}

/** Pods that resources make: name of the resource, and what its pods are. */
function podsOf(resources: readonly Resource[]): [name: string, spec: PodSpec][] {
  return resources.flatMap(({ metadata, spec }): [string, PodSpec][] => {
    const template = (spec as { template?: { spec: PodSpec } } | undefined)?.template;
    return template === undefined ? [] : [[metadata.name, template.spec]];
  });
}

/**
 * Resources by kind and name, in a form that can be compared: without the hash behind a generated name, without what only
 * Helm or only kustomize adds, and with configurations as sorted lines, without comments.
 */
function substance(resources: readonly Resource[]): Record<string, unknown> {
  const names = resources.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name);
  const plain = (text: string) => (names.includes(text) ? text.replace(/-[a-z0-9]{10}$/, '') : text);
  const clean = (value: unknown, key = ''): unknown => {
    if (Array.isArray(value)) return value.map((item) => clean(item));
    if (typeof value === 'string') return /\.conf$/.test(key) ? linesOf(value) : plain(value);
    if (value === null || typeof value !== 'object') return value;
    const entries = Object.entries(value).filter(
      ([name]) =>
        name !== 'annotations' &&
        name !== 'creationTimestamp' &&
        !(name === 'labels' && key === 'metadata' && 'name' in value),
    );
    return Object.fromEntries(entries.map(([name, content]) => [name, clean(content, name)]));
  };
  return Object.fromEntries(
    resources.map((resource) => [`${resource.kind} ${plain(resource.metadata.name)}`, clean(resource)]),
  );
}

const linesOf = (conf: string) =>
  conf
    .split('\n')
    .filter((line) => /^[^#]/.test(line))
    .sort();

describeWith(helmPart)('the kit for Kubernetes', () => {
  test.each(FOLDERS)('has resources of the right form in %s', async (folder) => {
    const resources = await kustomized(join(KIT, folder));
    expect(resources.length).toBeGreaterThan(1);
    for (const resource of resources) await requireForm(resource);
  });

  test('has an example of an ingress, of the right form', async () => {
    const [ingress, ...more] = resourcesIn(read('mirror/ingress.example.yaml'));
    expect(more).toEqual([]);
    await requireForm(ingress as Resource);
    const [rendered] = (await render('--set=ingress.enabled=true')).filter(({ kind }) => kind === 'Ingress');
    expect(rendered).toEqual(ingress);
  });

  test('would be told of a wrong form', async () => {
    const [statefulSet] = (await kustomized(join(KIT, 'mirror'))).filter(
      ({ kind }) => kind === 'StatefulSet',
    );
    const spec = { ...(statefulSet?.spec as object), replicas: 'one' };
    await expect(requireForm({ ...(statefulSet as Resource), spec })).rejects.toThrow();
  });

  test('has a chart in which helm finds nothing to complain of', async () => {
    expect(await helm('lint', '--strict', CHART)).toContain('0 chart(s) failed');
  });

  test.each(WAYS)('has a chart that says what the plain files say: $way', async ({ flags, folders }) => {
    const plain = (await Promise.all(folders.map((folder) => kustomized(join(KIT, folder))))).flat();
    const rendered = await render(...flags);
    for (const resource of rendered) await requireForm(resource);
    expect(substance(rendered)).toEqual(substance(plain));
  });

  test('has a chart that refuses a way to keep databases that there is not', async () => {
    await expect(render('--set=clamav.databases=none')).rejects.toThrow('clamav.databases');
  });

  test('has a chart that writes large numbers as they were given', async () => {
    const given = {
      'clamav.clamd.StreamMaxLength': 104_857_600,
      'clamav.freshclam.ReceiveTimeout': 1_000_000,
      'mirror.settings.MAX_SIZE': 10_000_000,
    };
    const rendered = await render(
      ...Object.entries(given).map(([name, value]) => `--set-json=${name}=${value}`),
    );
    const text = JSON.stringify(rendered.filter(({ kind }) => kind === 'ConfigMap'));
    expect(text).toContain('StreamMaxLength 104857600\\n');
    expect(text).toContain('ReceiveTimeout 1000000\\n');
    expect(text).toContain('"CLAMAV_MIRROR_MAX_SIZE":"10000000"');
  });

  test('has a chart that starts pods anew when a configuration changes', async () => {
    const hashes = async (...flags: string[]) =>
      (await render(...flags)).flatMap(({ spec }) => {
        const { template } = (spec ?? {}) as {
          template?: { metadata: { annotations: Record<string, string> } };
        };
        return template === undefined ? [] : [template.metadata.annotations['checksum/conf']];
      });
    const [clamav, mirror] = await hashes();
    expect(await hashes('--set=clamav.clamd.MaxThreads=5')).not.toContain(clamav);
    expect(await hashes('--set=mirror.settings.EVERY=30')).not.toContain(mirror);
    expect(new Set([mirror, clamav]).size).toBe(2);
  });

  test('gives every container no rights, no way to write to its root, and a limit of memory', async () => {
    const all = (await Promise.all(FOLDERS.map((folder) => kustomized(join(KIT, folder))))).flat();
    const pods = podsOf(all);
    expect(pods.map(([name]) => name).sort()).toEqual([
      'clamav',
      'clamav',
      'clamav-mirror',
      'clamav-updater',
      'web',
    ]);
    for (const [name, { containers, initContainers = [], ...pod }] of pods) {
      expect({ name, ...pod }).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      });
      for (const container of [...containers, ...initContainers]) {
        expect(container).toMatchObject({
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          resources: { requests: { cpu: expect.any(String) }, limits: { memory: expect.any(String) } },
        });
      }
    }
  });

  test('asks each server whether it has started, lives and is ready', async () => {
    const all = (
      await Promise.all(['mirror', 'consumer/pod-volume'].map((folder) => kustomized(join(KIT, folder))))
    ).flat();
    const servers = podsOf(all).flatMap(([, { containers }]) =>
      containers.filter(({ ports }) => ports !== undefined),
    );
    expect(servers.map(({ name }) => name)).toEqual(['mirror', 'clamd']);
    for (const server of servers)
      for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
        expect(server).toHaveProperty(probe);
  });

  test('never lets two nodes want one volume', async () => {
    for (const folder of FOLDERS) {
      const resources = await kustomized(join(KIT, folder));
      for (const { kind, metadata, spec } of resources) {
        const { template, strategy, replicas } = (spec ?? {}) as {
          template?: { metadata: { labels: object }; spec: PodSpec };
          strategy?: { type?: string };
          replicas?: number;
        };
        const claims = JSON.stringify(template?.spec.volumes ?? []).includes('persistentVolumeClaim');
        if (kind !== 'Deployment' || !claims) continue;
        const together = { 'clamav.example/volume': 'clamav-databases' };
        expect(template?.metadata.labels, metadata.name).toMatchObject(together);
        expect(template?.spec.affinity).toEqual({
          podAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: together } },
            ],
          },
        });
        const isReader = (template?.spec.containers ?? []).every(({ volumeMounts }) =>
          (volumeMounts as { name: string; readOnly?: boolean }[]).some(
            ({ name, readOnly }) => name === 'databases' && readOnly,
          ),
        );
        if (!isReader) expect([strategy?.type, replicas]).toEqual(['Recreate', 1]);
      }
    }
  });

  test('has labels, ports and names that find each other', async () => {
    const all = (await Promise.all(FOLDERS.map((folder) => kustomized(join(KIT, folder))))).flat();
    const templates = all.flatMap(({ spec }) => {
      const { template } = (spec ?? {}) as {
        template?: { metadata: { labels: Record<string, string> }; spec: PodSpec };
      };
      return template === undefined ? [] : [template];
    });
    const matches = (labels: Record<string, string>, selector: Record<string, string>) =>
      Object.entries(selector).every(([name, value]) => labels[name] === value);
    for (const { kind, metadata, spec } of all) {
      if (kind !== 'Service') continue;
      const { selector, ports } = spec as {
        selector: Record<string, string>;
        ports: { targetPort: string }[];
      };
      const found = templates.filter(({ metadata: { labels } }) => matches(labels, selector));
      expect(found, metadata.name).not.toEqual([]);
      const names = found[0]?.spec.containers.flatMap(({ ports: open = [] }) =>
        (open as { name: string }[]).map(({ name }) => name),
      );
      for (const { targetPort } of ports) expect(names).toContain(targetPort);
    }
    const [monitor] = resourcesIn(read('chart/monitoring/servicemonitor.yaml'));
    const { selector, endpoints } = (monitor as Resource).spec as {
      selector: { matchLabels: Record<string, string> };
      endpoints: { port: string }[];
    };
    const services = all.filter(
      ({ kind, metadata }) =>
        kind === 'Service' &&
        matches((metadata.labels ?? {}) as Record<string, string>, selector.matchLabels),
    );
    expect(services.map(({ metadata }) => metadata.name)).toEqual(['clamav-mirror-admin']);
    const opened = (services[0]?.spec ?? { ports: [] }) as { ports: { name: string }[] };
    expect(opened.ports.map(({ name }) => name)).toEqual(endpoints.map(({ port }) => port));
  });

  test('brings the alerts of site/monitoring, by kustomize and by the chart', async () => {
    const { groups } = parse(readFileSync(join(REPOSITORY, 'site/monitoring/alerts.yml'), 'utf8'));
    for (const resources of [
      await kustomized(join(CHART, 'monitoring')),
      await render('--set=monitoring.enabled=true'),
    ]) {
      const [rule] = resources.filter(({ kind }) => kind === 'PrometheusRule');
      expect(rule?.spec).toEqual({ groups });
      expect(resources.some(({ kind }) => kind === 'ServiceMonitor')).toBe(true);
    }
  });
});

describe('every file of the kit', () => {
  const files = readdirSync(KIT, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.ya?ml$/.test(name),
  );

  test('is YAML that a strict reader takes', () => {
    const plain = files.filter((name) => !name.startsWith('chart/templates/'));
    expect(plain.length).toBeGreaterThan(15);
    for (const name of plain) expect(resourcesIn(read(name)), name).not.toEqual([]);
  });

  test('names the image of this release, and so do the pages about it and compose.yaml', () => {
    const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
    const pages = ['../image/README.md', '../compose/compose.yaml', 'chart/values.yaml'];
    for (const name of pages)
      expect(
        [...read(name).matchAll(/ghcr\.io\/OWNER\/clamav-mirror:([\w.]+)/g)].map(([, tag]) => tag),
        name,
      ).toContain(version);
    const tags = files.flatMap((name) => [
      ...read(name).matchAll(/^\s*(?:newTag|version|appVersion): (.+)$/gm),
    ]);
    expect(tags.length).toBe(6);
    expect(new Set(tags.map(([, tag]) => tag))).toEqual(new Set([version]));
  });
});
