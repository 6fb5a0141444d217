import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const read = async (path: string) => await readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('the examples of the README', async () => {
  const readme = await read('README.md');
  const action = parse(await read('action.yml'));
  const workflow = parse(await read('.github/workflows/mirror.yml'));
  const snippets = [...readme.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => parse(text));
  const steps = snippets.flatMap(({ steps = [] }) => steps);

  test('are there for the workflow, the action, and jobs that scan', () => {
    expect(snippets).toHaveLength(3);
  });

  test('call the workflow with inputs that it has, and the permissions that its jobs want', () => {
    const { with: inputs, permissions } = snippets[0].jobs.mirror;
    expect(Object.keys(workflow.on.workflow_call.inputs)).toEqual(
      expect.arrayContaining(Object.keys(inputs)),
    );
    const wanted = Object.values<{ permissions: object }>(workflow.jobs).flatMap((job) =>
      Object.entries(job.permissions),
    );
    for (const [scope, access] of wanted) {
      expect([access, 'write'], scope).toContain(permissions[scope]);
    }
  });

  test('call the action with inputs that it has', () => {
    const calls = steps.filter(({ uses = '' }) => uses.startsWith('OWNER/clamav-mirror@'));
    expect(calls).toHaveLength(2);
    for (const { with: inputs } of calls) {
      expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(inputs)));
    }
  });

  test('name inputs of the action in the table', () => {
    const rows = [...readme.matchAll(/^\| [^|]+ \| `([a-z0-9-]+): [^|]*\|$/gm)].map(([, name]) => name);
    expect(rows.length).toBeGreaterThanOrEqual(5);
    expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(rows));
  });

  test('name the outputs that there are', () => {
    const [, list = ''] = /gives ((?:`[a-z-]+`[,\s]*)+)\./.exec(readme) ?? [];
    const named = [...list.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(6);
    expect(Object.keys(action.outputs)).toEqual(expect.arrayContaining(named));
  });

  test('name the variables that the workflow reads', async () => {
    const text = await read('.github/workflows/mirror.yml');
    const used = new Set(
      [...text.matchAll(/(?:vars|secrets)\.(CLAMAV_MIRROR_\w+)/g)].map(([, name = '']) => name),
    );
    const short = (name: string) => name.replace('CLAMAV_MIRROR', '');
    for (const name of used)
      expect(readme.includes(name) || readme.includes(`\`${short(name)}\``), name).toBe(true);
  });
});
