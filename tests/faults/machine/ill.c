/* A machine that is not well, for one process: loaded before libc's own functions (LD_PRELOAD).
 *
 * KUTY_FAULT_CONTROL names a file of three 64-bit numbers that may change at any time: by how many nanoseconds the wall clock is
 * wrong, how many microseconds every sync of a file to the disk takes beyond what it takes, and whether every sync fails (EIO).
 * What sleeps is the thread that syncs, as with a slow disk. Clocks that only go forward (CLOCK_MONOTONIC) are right.
 *
 * KUTY_FAULT_DIE_AT names the call, counted from 1, before which the process is killed (SIGKILL): calls that change something
 * outside of it, that is writes, sends, syncs, and what makes, cuts, moves and removes files. At its end a process that lived
 * writes how many there were to the file KUTY_FAULT_COUNT.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
    volatile int64_t clock_ns;
    volatile int64_t sync_us;
    volatile int64_t syncs_fail;
};

static struct control well;
static struct control *control = &well;
static _Atomic long calls;
static long die_at;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("KUTY_FAULT_CONTROL"), *at = getenv("KUTY_FAULT_DIE_AT");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        void *there = mmap(NULL, sizeof well, PROT_READ, MAP_SHARED, file, 0);
        if (there != MAP_FAILED)
            control = there;
        close(file);
    }
    die_at = at ? atol(at) : 0;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("KUTY_FAULT_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld", (long)calls);
        fclose(file);
    }
}

static void changes_something(void)
{
    if (atomic_fetch_add(&calls, 1) + 1 == die_at)
        kill(getpid(), SIGKILL);
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* --- the clock --- */

static void shift(struct timespec *at)
{
    int64_t ns = (int64_t)at->tv_sec * 1000000000 + at->tv_nsec + control->clock_ns;
    ns = ns < 0 ? 0 : ns;
    at->tv_sec = ns / 1000000000;
    at->tv_nsec = ns % 1000000000;
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        shift(at);
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at)
        *at = now.tv_sec;
    return now.tv_sec;
}

/* --- the disk --- */

/* In small steps: a disk that is well again has what was waiting for it done at once. */
static void wait_for_the_disk(void)
{
    const struct timespec step = {0, 5000000};
    struct timespec now;
    int64_t began_us = 0, us = 0;
    while (control->sync_us) {
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
        us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
        began_us = began_us ? began_us : us;
        if (us - began_us >= control->sync_us)
            return;
        nanosleep(&step, NULL);
    }
}

#define SYNCING(name, parameters, ...) \
    int name parameters \
    { \
        REAL(name); \
        changes_something(); \
        wait_for_the_disk(); \
        if (control->syncs_fail) { \
            errno = EIO; \
            return -1; \
        } \
        return real(__VA_ARGS__); \
    }

SYNCING(fsync, (int file), file)
SYNCING(fdatasync, (int file), file)
SYNCING(msync, (void *from, size_t size, int how), from, size, how)

/* --- what else changes something --- */

#define CHANGING(type, name, parameters, ...) \
    type name parameters \
    { \
        REAL(name); \
        changes_something(); \
        return real(__VA_ARGS__); \
    }

CHANGING(ssize_t, write, (int file, const void *from, size_t size), file, from, size)
CHANGING(ssize_t, pwrite, (int file, const void *from, size_t size, off_t at), file, from, size, at)
CHANGING(ssize_t, pwrite64, (int file, const void *from, size_t size, off64_t at), file, from, size, at)
CHANGING(ssize_t, writev, (int file, const struct iovec *from, int count), file, from, count)
CHANGING(ssize_t, send, (int socket, const void *from, size_t size, int how), socket, from, size, how)
CHANGING(ssize_t, sendmsg, (int socket, const struct msghdr *from, int how), socket, from, how)
CHANGING(int, ftruncate, (int file, off_t size), file, size)
CHANGING(int, ftruncate64, (int file, off64_t size), file, size)
CHANGING(int, unlink, (const char *name), name)
CHANGING(int, link, (const char *from, const char *to), from, to)
CHANGING(int, rename, (const char *from, const char *to), from, to)
CHANGING(int, mkdir, (const char *name, mode_t mode), name, mode)
