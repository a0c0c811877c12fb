import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { isRunning } from './platform.ts';

/** Where a running system says how it is reached. */
const RUNNING_FILE = 'dev.json';

const Running = z.object({
  pid: z.number(),
  transportUrl: z.string(),
  platform: z.object({ url: z.string(), instance: z.string() }),
});
export type Running = z.infer<typeof Running>;

const Fed = z.object({ name: z.string() });

/** What one folder knows of the runs that used it. */
export interface RunState {
  /** Where the emulator keeps its queues. */
  readonly queuesFolder: string;
  /** Where the platform keeps its decisions. */
  readonly platformFile: string;
  /** Whether the last run ended before all was settled: this one takes up where it was. */
  readonly resumed: boolean;
  /** Names of what was announced before, in a run that is being taken up. */
  readonly fed: ReadonlySet<string>;
  rememberFed(name: string): void;
  announceRunning(running: Omit<Running, 'pid'>): void;
  /** All is settled: the next run starts anew. */
  finish(): void;
  stopped(): void;
}

/** The folder that `hikyaku dev` keeps its state in: `HIKYAKU_DIR`, else `.hikyaku` here. */
export function stateFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return environment['HIKYAKU_DIR'] || join(process.cwd(), '.hikyaku');
}

/** The system that runs on this folder now, if one does. */
export async function findRunning(folder: string): Promise<Running | undefined> {
  const file = join(folder, RUNNING_FILE);
  if (!existsSync(file)) return undefined;
  const running = Running.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!running.success) return undefined;
  return (await isRunning(running.data.platform)) ? running.data : undefined;
}

/**
 * Opens a folder for a run. A run that was killed is taken up again: what it had announced is not announced
 * anew, and the platform remembers. After one that ended well, everything starts afresh; dead letters stay.
 */
export function openRunState(folder: string): RunState {
  const unfinished = join(folder, 'unfinished');
  const fedFile = join(folder, 'announced.ndjson');
  const platformFile = join(folder, 'platform.ndjson');
  mkdirSync(folder, { recursive: true });
  const resumed = existsSync(unfinished);
  if (!resumed) {
    rmSync(fedFile, { force: true });
    rmSync(platformFile, { force: true });
    writeFileSync(unfinished, '');
  }
  const fed = new Set(readLines(fedFile).map((line) => Fed.parse(JSON.parse(line)).name));
  return {
    queuesFolder: join(folder, 'queues'),
    platformFile,
    resumed,
    fed,
    rememberFed(name) {
      fed.add(name);
      appendFileSync(fedFile, `${JSON.stringify({ name })}\n`);
    },
    announceRunning(running) {
      // The URL may hold a password.
      const text = JSON.stringify({ pid: process.pid, ...running });
      writeFileSync(join(folder, RUNNING_FILE), text, { mode: 0o600 });
    },
    finish() {
      rmSync(unfinished, { force: true });
    },
    stopped() {
      rmSync(join(folder, RUNNING_FILE), { force: true });
    },
  };
}

function readLines(file: string): string[] {
  return existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
}
