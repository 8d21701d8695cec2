import { type ChildProcess, fork } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { FlowElement } from '../../runtime/flow-engine/flow-files.ts';
import type { FlowState } from '../../runtime/flow-engine/flow-state.ts';
import type { LogLevel } from '../../runtime/lib/log.ts';

const ROOT = resolve(import.meta.dirname, '../..');

export interface EngineOptions {
  userDir: string;
  flowsDir: string;
  nodesDir: string;
  editor?: false;
  slim?: boolean;
  unsafeNodes?: boolean;
  safeMode?: string;
  side?: 'server' | 'edge';
  logLevel?: LogLevel;
}

export interface EngineCommand {
  n: number;
  name: string;
  args: never[];
}

export interface EngineProcess {
  url: string;
  startMs: number;
  /** `state`, `flows`, `deploy`, `start`, `stop`, `audit`, `statuses`, `types`, `memory`, `grant` of `engine-child.ts` */
  call<T>(name: string, ...args: unknown[]): Promise<T>;
  state(): Promise<FlowState>;
  /** Ends the process without asking the engine. */
  kill(): Promise<void>;
}

/** Starts a flow engine in a process of its own on a folder (`<folder>/flows`, `<folder>/user`). */
export async function startEngineProcess(
  folder: string,
  options: Partial<Omit<EngineOptions, 'userDir' | 'flowsDir'>> = {},
): Promise<EngineProcess> {
  const nodesDir = options.nodesDir ?? join(folder, 'nodes');
  const all: EngineOptions = { ...options, nodesDir, userDir: join(folder, 'user'), flowsDir: join(folder, 'flows') };
  const child = fork(join(ROOT, 'test/support/engine-child.ts'), [JSON.stringify(all)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let n = 0;
  const ready = new Promise<{ url: string; startMs: number }>((resolveReady, reject) => {
    child.once('exit', (code) => reject(new Error(`the engine process ended with ${code}`)));
    child.on(
      'message',
      (message: { ready?: { url: string; startMs: number }; n?: number; result?: never; error?: Error }) => {
        if (message.ready) resolveReady(message.ready);
        const asked = waiting.get(message.n ?? -1);
        if (!asked) return;
        if (message.error) asked.reject(Object.assign(new Error(message.error.message), message.error));
        else asked.resolve(message.result as never);
      },
    );
  });
  const call = <T>(name: string, ...args: unknown[]) => {
    n += 1;
    const id = n;
    return new Promise<T>((resolveCall, reject) => {
      waiting.set(id, { resolve: resolveCall as (value: never) => void, reject });
      child.send({ n: id, name, args });
    });
  };
  const { url, startMs } = await ready;
  return { url, startMs, call, state: () => call<FlowState>('state'), kill: () => ended(child) };
}

/** Writes flows as files, as a server would find them. */
export async function putFlows(folder: string, files: Record<string, FlowElement[]>): Promise<void> {
  for (const [file, elements] of Object.entries(files)) {
    const path = join(folder, 'flows', file);
    await mkdir(resolve(path, '..'), { recursive: true });
    await writeFile(path, JSON.stringify(elements));
  }
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolveEnd) => {
    child.once('exit', () => resolveEnd());
    child.kill('SIGKILL');
  });
}
