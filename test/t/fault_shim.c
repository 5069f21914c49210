/*
 * fault_shim.c - preloaded into a test's server: a host clock that jumps, and a disk that is full.
 *
 * What it does is told by the file that FAULT_SHIM names, mapped into every process of the server,
 * so that a test can change it at any moment (Shim.pm):
 *
 *     int64 clock_offset   seconds that the wall clock is off; clocks that only count are not
 *     char path[]          files with this in their path cannot grow; "" = all can
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct orders {
    volatile int64_t clock_offset;
    char path[256];
};

static const struct orders* orders;

__attribute__((constructor)) static void
map_orders(void)
{
    const char* const name = getenv("FAULT_SHIM");
    const int fd = name == NULL ? -1 : open(name, O_RDONLY);
    if (fd < 0)
        return;
    void* const mapped = mmap(NULL, sizeof(struct orders), PROT_READ, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED)
        orders = mapped;
    close(fd);
}

static int64_t
clock_offset(void)
{
    return orders == NULL ? 0 : orders->clock_offset;
}

int
clock_gettime(clockid_t clock, struct timespec* now)
{
    const int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += clock_offset();
    return result;
}

int
gettimeofday(struct timeval* restrict now, void* restrict zone)
{
    const int result = (int)syscall(SYS_gettimeofday, now, zone);
    if (result == 0 && now != NULL)
        now->tv_sec += clock_offset();
    return result;
}

time_t
time(time_t* result)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result != NULL)
        *result = now.tv_sec;
    return now.tv_sec;
}

/* Whether a write up to this offset would make a file grow that cannot. */
static int
is_full(int fd, off_t end)
{
    char link[64];
    char path[PATH_MAX];
    struct stat status;

    if (orders == NULL || orders->path[0] == '\0')
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = '\0';
    return strstr(path, orders->path) != NULL && fstat(fd, &status) == 0 && end > status.st_size;
}

static ssize_t
no_space(void)
{
    errno = ENOSPC;
    return -1;
}

ssize_t
pwrite(int fd, const void* data, size_t size, off_t offset)
{
    if (is_full(fd, offset + (off_t)size))
        return no_space();
    return syscall(SYS_pwrite64, fd, data, size, offset);
}

ssize_t
pwrite64(int fd, const void* data, size_t size, off64_t offset)
{
    return pwrite(fd, data, size, offset);
}

ssize_t
pwritev(int fd, const struct iovec* parts, int count, off_t offset)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    if (is_full(fd, offset + (off_t)size))
        return no_space();
    return syscall(SYS_pwritev, fd, parts, count, offset, 0);
}

ssize_t
pwritev64(int fd, const struct iovec* parts, int count, off64_t offset)
{
    return pwritev(fd, parts, count, offset);
}

int
posix_fallocate(int fd, off_t offset, off_t size)
{
    if (is_full(fd, offset + size))
        return ENOSPC;
    return syscall(SYS_fallocate, fd, 0, offset, size) == 0 ? 0 : errno;
}

int
posix_fallocate64(int fd, off64_t offset, off64_t size)
{
    return posix_fallocate(fd, offset, size);
}
