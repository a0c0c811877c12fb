import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Builds what stands between a process and its system when it is named in LD_PRELOAD. Returns its path. */
export async function buildPreload(folder: string, name: string, source: string): Promise<string> {
  const file = join(folder, `${name}.c`);
  const library = join(folder, `${name}.so`);
  await writeFile(file, source);
  await run('cc', ['-shared', '-fPIC', '-O1', '-o', library, file, '-ldl']);
  return library;
}

/** Why none can be had here: it needs Linux and a C compiler. */
export async function preloadMissing(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'this fault is made by LD_PRELOAD: it needs Linux';
  return run('cc', ['--version']).then(
    () => undefined,
    () => 'this fault needs a C compiler: "cc --version" has to answer',
  );
}
