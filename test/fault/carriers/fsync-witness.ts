import { existsSync } from 'node:fs';
import { readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { buildPreload } from './preload.ts';

/**
 * Notes beside each file how long it was when it was last synced to its disk: what a loss of power leaves of it. Loaded
 * into the server by LD_PRELOAD.
 */
const SOURCE = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int noted(int fd, const char *name) {
  char link[64], path[4096], text[32];
  struct stat stat;
  int (*sync)(int) = dlsym(RTLD_NEXT, name);
  int is_file = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode);
  int result = sync(fd);
  if (result != 0 || !is_file) return result;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 8);
  if (length <= 0) return result;
  path[length] = 0;
  if (!strstr(path, ".aof")) return result;
  strcat(path, ".synced");
  int note = open(path, O_WRONLY | O_CREAT, 0600);
  if (note < 0) return result;
  length = snprintf(text, sizeof text, "%020lld", (long long)stat.st_size);
  if (pwrite(note, text, length, 0) < 0) { /* the last note stands */ }
  close(note);
  return result;
}

int fsync(int fd) { return noted(fd, "fsync"); }
int fdatasync(int fd) { return noted(fd, "fdatasync"); }
`;

/** Builds what notes, in this folder. Returns its path. */
export function buildFsyncWitness(folder: string): Promise<string> {
  return buildPreload(folder, 'fsync-witness', SOURCE);
}

/** Cuts every append-only file of a server that has ended back to what was synced. Returns how many bytes went. */
export async function losePower(dataFolder: string): Promise<number> {
  const folder = join(dataFolder, 'appendonlydir');
  let bytes = 0;
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    if (!name.endsWith('.aof') || !existsSync(`${file}.synced`)) continue;
    const synced = Number(await readFile(`${file}.synced`, 'utf8'));
    const { length } = await readFile(file);
    bytes += Math.max(0, length - synced);
    if (length > synced) await truncate(file, synced);
  }
  return bytes;
}
