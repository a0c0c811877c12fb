/*
 * What a process is told of its machine's disk and clock, as the judge has it: loaded by LD_PRELOAD. MACHINE_CONTROL names
 * the file that says how they are, and MACHINE_DISK stands in the paths of the files that are on the disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* As machine.ts writes it: eight bytes each. */
struct machine {
  int64_t clock_ms;  /* its clock is ahead by so much */
  int64_t is_full;   /* what follows counts */
  int64_t room;      /* bytes that can still be written */
  int64_t no_names;  /* nothing can be created or moved */
  int64_t no_syncs;  /* what is written turns out to have no room when it is synced */
};

static struct machine *machine;
static char *disk;

#define NEXT(name) \
  static __typeof__(&name) next; \
  if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  const char *control = getenv("MACHINE_CONTROL"), *part = getenv("MACHINE_DISK");
  int fd = control && part ? open(control, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) return;
  /* A copy: Redis writes its title over its environment. */
  disk = strdup(part);
  void *mapped = mmap(NULL, sizeof *machine, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped != MAP_FAILED) machine = mapped;
  close(fd);
}

static int64_t said(int64_t *what) { return __atomic_load_n(what, __ATOMIC_SEQ_CST); }

static int is_full(void) { return machine && said(&machine->is_full); }

static int on_disk(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return strstr(path, disk) != NULL;
}

/* How much of it still fits. */
static size_t take(size_t wanted) {
  for (;;) {
    int64_t room = said(&machine->room);
    int64_t fits = room < 0 ? 0 : (int64_t)wanted < room ? (int64_t)wanted : room;
    if (__atomic_compare_exchange_n(&machine->room, &room, room - fits, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
      return fits;
  }
}

static int no_space(void) {
  errno = ENOSPC;
  return -1;
}

ssize_t write(int fd, const void *data, size_t size) {
  NEXT(write);
  if (!is_full() || size == 0 || !on_disk(fd)) return next(fd, data, size);
  size_t fits = take(size);
  return fits == 0 ? no_space() : next(fd, data, fits);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  NEXT(pwrite);
  if (!is_full() || size == 0 || !on_disk(fd)) return next(fd, data, size, at);
  size_t fits = take(size);
  return fits == 0 ? no_space() : next(fd, data, fits, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return pwrite(fd, data, size, at); }

ssize_t writev(int fd, const struct iovec *pieces, int count) {
  NEXT(writev);
  if (!is_full() || count == 0 || !on_disk(fd)) return next(fd, pieces, count);
  return write(fd, pieces[0].iov_base, pieces[0].iov_len);
}

static int synced(int fd, int (*sync)(int)) {
  return is_full() && said(&machine->no_syncs) && on_disk(fd) ? no_space() : sync(fd);
}

int fsync(int fd) {
  NEXT(fsync);
  return synced(fd, next);
}

int fdatasync(int fd) {
  NEXT(fdatasync);
  return synced(fd, next);
}

static int no_name(const char *path) { return is_full() && said(&machine->no_names) && strstr(path, disk) != NULL; }

int open(const char *path, int flags, ...) {
  NEXT(open);
  va_list more;
  va_start(more, flags);
  mode_t mode = va_arg(more, mode_t);
  va_end(more);
  return (flags & O_CREAT) && no_name(path) ? no_space() : next(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  NEXT(open64);
  va_list more;
  va_start(more, flags);
  mode_t mode = va_arg(more, mode_t);
  va_end(more);
  return (flags & O_CREAT) && no_name(path) ? no_space() : next(path, flags, mode);
}

int rename(const char *from, const char *to) {
  NEXT(rename);
  return no_name(to) ? no_space() : next(from, to);
}

int link(const char *from, const char *to) {
  NEXT(link);
  return no_name(to) ? no_space() : next(from, to);
}

int gettimeofday(struct timeval *time, void *zone) {
  NEXT(gettimeofday);
  int result = next(time, zone);
  if (!machine) return result;
  int64_t us = time->tv_sec * 1000000LL + time->tv_usec + said(&machine->clock_ms) * 1000;
  time->tv_sec = us / 1000000;
  time->tv_usec = us % 1000000;
  return result;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  NEXT(clock_gettime);
  int result = next(clock, time);
  if (!machine || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
  int64_t ms = said(&machine->clock_ms);
  time->tv_sec += ms / 1000;
  time->tv_nsec += ms % 1000 * 1000000;
  if (time->tv_nsec >= 1000000000) {
    time->tv_sec++;
    time->tv_nsec -= 1000000000;
  } else if (time->tv_nsec < 0) {
    time->tv_sec--;
    time->tv_nsec += 1000000000;
  }
  return result;
}

time_t time(time_t *where) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (where) *where = now.tv_sec;
  return now.tv_sec;
}
