import { execFile, spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { type Engine, EngineError, type Tool, type ToolRun } from './engine.ts';

const OUTPUT_LIMIT = 1024 * 1024;
/** Where packages put ClamAV, for those whose PATH lacks it. */
const USUAL_PLACES = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin', '/usr/local/clamav/bin'];

/** The ClamAV installed on this machine. `path` is a PATH. Throws `engine/missing`, `engine/broken`. */
export async function findNativeEngine(path: string): Promise<Engine> {
  const [freshclam, clamscan] = [await find('freshclam', path), await find('clamscan', path)];
  const tools: Record<Tool, string> = { freshclam, clamscan };
  const databaseOwner = userInfo().username;
  return {
    name: 'native',
    version: await versionOf(clamscan),
    databaseOwner,
    addressOf: (port) => `127.0.0.1:${port}`,
    run: (tool, folder, args, timeout) => runTool(tools[tool], args(folder), folder, timeout),
  };
}

async function find(tool: Tool, path: string): Promise<string> {
  for (const folder of [...path.split(delimiter), ...USUAL_PLACES]) {
    const candidate = join(folder, tool);
    if (folder !== '' && (await isExecutable(candidate))) return candidate;
  }
  throw new EngineError('engine/missing', `${tool} is not installed on this machine`, {
    advice:
      'Nothing is published unproven: install ClamAV (Debian, Ubuntu: apt-get install clamav clamav-freshclam)',
  });
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function versionOf(clamscan: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(clamscan, ['--version'], { timeout: 60_000 });
    const version = /^ClamAV (\d+\.\d+[^/\s]*)/.exec(stdout)?.[1];
    if (version !== undefined) return version;
    throw new Error(`it answered ${JSON.stringify(stdout.slice(0, 200))}`);
  } catch (cause) {
    throw new EngineError('engine/broken', `${clamscan} cannot tell its version`, { cause });
  }
}

/** Runs a program until it ends or its time is up; then it and its children are killed. */
export async function runTool(
  program: string,
  args: readonly string[],
  folder: string,
  timeout: number,
): Promise<ToolRun> {
  return await new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    let timedOut = false;
    const keep = (chunk: Buffer) => {
      if (output.length < OUTPUT_LIMIT) output += chunk.toString('utf8');
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const kill = () => killGroup(child.pid);
    process.once('exit', kill); // its own process group does not end with ours
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, timeout);
    const settle = () => {
      clearTimeout(timer);
      process.off('exit', kill);
    };
    child.once('error', (cause) => {
      settle();
      reject(new EngineError('engine/broken', `cannot run ${program}`, { cause }));
    });
    child.once('close', (exitCode) => {
      settle();
      resolve({ exitCode, timedOut, output });
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it has ended by itself
  }
}
