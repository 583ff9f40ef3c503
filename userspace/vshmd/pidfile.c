// SPDX-License-Identifier: GPL-2.0
/*
 * The pid file. It is locked while vshmd runs, so one that was left behind can
 * be told from one in use, and a file that holds anything but a number is not
 * touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "vshmd.h"

/* Empty, or digits and at most one newline. */
static bool looks_like_pid(int fd)
{
	char buf[32];
	ssize_t len = read(fd, buf, sizeof(buf) - 1);
	size_t digits;

	if (len < 0)
		return false;
	buf[len] = '\0';
	digits = strspn(buf, "0123456789");
	if (digits < (size_t)len && buf[digits] == '\n')
		digits++;
	return digits == (size_t)len;
}

static int write_pid(int fd)
{
	char buf[32];
	int len = snprintf(buf, sizeof(buf), "%jd\n", (intmax_t)getpid());
	ssize_t ret;

	if (ftruncate(fd, 0))
		return -1;
	ret = pwrite(fd, buf, (size_t)len, 0);
	if (ret >= 0 && ret != len)
		errno = ENOSPC;
	return ret == len ? 0 : -1;
}

/**
 * pidfile_create - write and lock the pid file
 * @path: where
 *
 * Return: descriptor that holds the lock, or -1 after logging why.
 */
int pidfile_create(const char *path)
{
	struct stat st;
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		  0644);
	if (fd < 0 || fstat(fd, &st)) {
		log_msg(LOG_ERR,
			"pid file '%s': %s: choose a path where this user can create files",
			path, strerror(errno));
		goto err_close;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		log_msg(LOG_ERR,
			"pid file '%s' is in use: stop the other vshmd or choose another file",
			path);
		goto err_close;
	}
	if (!S_ISREG(st.st_mode) || !looks_like_pid(fd)) {
		log_msg(LOG_ERR,
			"pid file '%s' exists and holds something else: remove it or choose another file",
			path);
		goto err_close;
	}
	if (write_pid(fd)) {
		log_msg(LOG_ERR, "pid file '%s': cannot write: %s", path,
			strerror(errno));
		goto err_unlink;
	}
	return fd;

err_unlink:
	unlink(path);
err_close:
	if (fd >= 0)
		close(fd);
	return -1;
}

/**
 * pidfile_remove - remove the pid file
 * @path: as given to pidfile_create()
 * @fd: what pidfile_create() returned
 */
void pidfile_remove(const char *path, int fd)
{
	unlink(path);
	close(fd);
}
