import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildPreload } from './preload.ts';

/** How a disk is full. */
export interface Fullness {
  /** What can still be written, in bytes: somebody's write ends in its middle. */
  readonly room: number;
  /** Nothing can be created or moved, either. Default: that goes on. */
  readonly noNames?: boolean;
  /** What was written turns out to have no room when it is synced. Default: only writing fails. */
  readonly noSyncs?: boolean;
}

/** What a carrier's processes are told of their machine's disk and clock. */
export interface Machine {
  /** What such a process is started with; `part`: what stands in the paths of all that is on the disk. */
  environment(part: string): NodeJS.ProcessEnv;
  /** From now on the disk answers ENOSPC. */
  fill(fullness: Fullness): void;
  /** There is room again. */
  makeRoom(): void;
  /** Its clock is ahead by so many ms from now on; 0: it is right. Clocks that nobody sets stay as they are. */
  shiftClock(ms: number): void;
}

export async function startMachine(folder: string): Promise<Machine> {
  const source = await readFile(join(import.meta.dirname, 'machine.c'), 'utf8');
  const library = await buildPreload(folder, 'machine', source);
  const control = join(folder, 'machine');
  let clockMs = 0;

  /** In the order of `struct machine`. Written over: processes have it in their memory. */
  function say(full?: Fullness, flag = 'r+'): void {
    const { room = 0, noNames = false, noSyncs = false } = full ?? {};
    const values = [clockMs, full !== undefined, room, noNames, noSyncs].map(BigInt);
    writeFileSync(control, new BigInt64Array(values), { flag });
  }

  say(undefined, 'w');
  return {
    environment: (part) => ({
      LD_PRELOAD: library,
      MACHINE_CONTROL: control,
      MACHINE_DISK: part,
      // Which would pass by.
      UV_USE_IO_URING: '0',
    }),
    fill: (fullness) => say(fullness),
    makeRoom: () => say(),
    shiftClock(ms) {
      clockMs = ms;
      say();
    },
  };
}
