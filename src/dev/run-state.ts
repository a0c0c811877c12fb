import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { appendLine, parse, takeUpLines } from './ndjson.ts';
import { isRunning } from './platform.ts';

/** Where a running system says how it is reached. */
const RUNNING_FILE = 'dev.json';

const Running = z.object({
  pid: z.number(),
  transportUrl: z.string(),
  platform: z.object({ url: z.string(), instance: z.string(), secret: z.string() }),
  /** For `DEPLOYED_URL`. */
  deployedUrl: z.string(),
});
export type Running = z.infer<typeof Running>;

const Fed = z.object({ name: z.string() });

/** What one folder knows of the runs that used it. */
export interface RunState {
  /** Where the emulator keeps its queues. */
  readonly queuesFolder: string;
  /** Where it is kept what was deployed last. */
  readonly deployedFolder: string;
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
  const running = parse(readFileSync(file, 'utf8'), Running);
  return running !== undefined && (await isRunning(running.platform)) ? running : undefined;
}

/**
 * Opens a folder for a run. A run that was killed is taken up again on the same carrier: what it had announced is
 * not announced anew, and the platform remembers. After one that ended well, everything starts afresh; dead letters
 * stay.
 */
export function openRunState(folder: string, carrier: string): RunState {
  const unfinished = join(folder, 'unfinished');
  const fedFile = join(folder, 'announced.ndjson');
  const platformFile = join(folder, 'platform.ndjson');
  const deployedFolder = join(folder, 'deployed');
  mkdirSync(folder, { recursive: true });
  const resumed = existsSync(unfinished) && readFileSync(unfinished, 'utf8') === carrier;
  if (!resumed) {
    rmSync(fedFile, { force: true });
    rmSync(platformFile, { force: true });
    rmSync(deployedFolder, { recursive: true, force: true });
    writeFileSync(unfinished, carrier);
  }
  const fed = new Set(takeUpLines(fedFile, Fed).map(({ name }) => name));
  return {
    queuesFolder: join(folder, 'queues'),
    deployedFolder,
    platformFile,
    resumed,
    fed,
    rememberFed(name) {
      fed.add(name);
      appendLine(fedFile, { name });
    },
    announceRunning(running) {
      // It holds a secret, and the URL may hold a password.
      const text = JSON.stringify({ pid: process.pid, ...running });
      const file = join(folder, RUNNING_FILE);
      // Others see it whole or not at all.
      writeFileSync(`${file}.new`, text, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
    finish() {
      rmSync(unfinished, { force: true });
    },
    stopped() {
      rmSync(join(folder, RUNNING_FILE), { force: true });
    },
  };
}
