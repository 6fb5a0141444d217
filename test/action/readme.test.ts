import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const read = async (path: string) => await readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('the examples of the README and of the page on workflows', async () => {
  const page = await read('site/workflows.md');
  const texts = `${await read('README.md')}\n${page}`;
  const action = parse(await read('action.yml'));
  const workflow = parse(await read('.github/workflows/mirror.yml'));
  const snippets = [...texts.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => parse(text));
  const steps = snippets.flatMap(({ steps = [] }) => steps);

  const calls = steps.filter(({ uses = '' }) => uses.startsWith('OWNER/clamav-mirror@'));
  const workflowCalls = snippets.flatMap(({ jobs = {} }) => Object.values<{ with: object }>(jobs));

  test('are there for the workflow, the action, and jobs that scan', () => {
    expect([snippets.length, calls.length, workflowCalls.length]).toEqual([3, 2, 1]);
  });

  test('call the workflow with inputs that it has, and the permissions that its jobs want', () => {
    const { with: inputs, permissions } = snippets.find(({ jobs }) => jobs !== undefined).jobs.mirror;
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
    for (const { with: inputs } of calls) {
      expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(inputs)));
    }
  });

  test('name inputs of the action in the table', () => {
    const rows = [...page.matchAll(/^\| [^|]+ \| `([a-z0-9-]+): [^|]*\|$/gm)].map(([, name]) => name);
    expect(rows.length).toBeGreaterThanOrEqual(5);
    expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(rows));
  });

  test('name the outputs that there are', () => {
    const [, list = ''] = /gives ((?:`[a-z-]+`[,\s]*)+)\./.exec(page) ?? [];
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
      expect(page.includes(name) || page.includes(`\`${short(name)}\``), name).toBe(true);
  });
});
