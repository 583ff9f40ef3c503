// SPDX-License-Identifier: GPL-2.0
/*
 * Socket files: a vshmd that was killed leaves its own behind, and the next
 * one replaces them. What is not a socket, or is somebody's, stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "vshmd.h"

#define BACKLOG		8

static int unix_address(struct sockaddr_un *sun, const char *path)
{
	size_t len = strlen(path);

	if (len >= sizeof(sun->sun_path)) {
		log_msg(LOG_ERR, "'%s' is too long for a socket: give a path of at most %zu bytes",
			path, sizeof(sun->sun_path) - 1);
		return -1;
	}
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, path, len);
	return 0;
}

/*
 * Find out whether anybody has a socket bound to the path, without becoming
 * its client: a datagram socket cannot connect to a stream socket, but the
 * error tells one that is alive (EPROTOTYPE) from one that is not.
 *
 * Return: 0 if nobody has, or an errno.
 */
static int probe(const struct sockaddr_un *sun)
{
	int fd, err = 0;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (!connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) ||
	    errno == EPROTOTYPE)
		err = EADDRINUSE;
	else if (errno != ECONNREFUSED && errno != ENOENT)
		err = errno;
	close(fd);
	return err;
}

/* Remove a socket file that nobody serves. */
static int remove_stale(const struct sockaddr_un *sun, const char *path)
{
	struct stat st;
	int err;

	if (lstat(path, &st)) {
		if (errno == ENOENT)
			return 0;
		log_msg(LOG_ERR, "'%s': %s: choose a path that this user can reach",
			path, strerror(errno));
		return -1;
	}
	if (!S_ISSOCK(st.st_mode)) {
		log_msg(LOG_ERR,
			"'%s' exists and is not a socket: remove it or choose another path",
			path);
		return -1;
	}
	err = probe(sun);
	if (err == EADDRINUSE) {
		log_msg(LOG_ERR,
			"'%s' is in use: stop the program that serves it or choose another path",
			path);
		return -1;
	}
	if (err) {
		log_msg(LOG_ERR,
			"'%s': cannot tell whether the socket is in use: %s; remove it or choose another path",
			path, strerror(err));
		return -1;
	}
	if (unlink(path) && errno != ENOENT) {
		log_msg(LOG_ERR,
			"'%s': cannot remove the stale socket: %s; remove it or choose another path",
			path, strerror(errno));
		return -1;
	}
	return 0;
}

static int bind_mode(int fd, const struct sockaddr_un *sun, mode_t mode)
{
	mode_t old = umask(0777 & ~mode);
	int ret = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));

	umask(old);
	return ret;
}

/*
 * The socket file itself, whatever takes its place at the path meanwhile: a
 * descriptor that is good for its attributes, or -1 with errno set.
 */
static int open_file(const char *path, struct stat *st)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || (!fstat(fd, st) && S_ISSOCK(st->st_mode)))
		return fd;
	close(fd);
	errno = ENOTSOCK;
	return -1;
}

static int change_owner(int fd, const char *path, const struct access *access)
{
	if (access->uid == (uid_t)-1 && access->gid == (gid_t)-1)
		return 0;
	if (!fchownat(fd, "", access->uid, access->gid, AT_EMPTY_PATH))
		return 0;
	log_msg(LOG_ERR,
		"'%s': cannot give the socket to user %d, group %d: %s; run vshmd as root, or leave owner and group out",
		path, (int)access->uid, (int)access->gid, strerror(errno));
	return -1;
}

/**
 * listener_open - create a socket file, and listen there
 * @l: the listener, with its path
 * @type: SOCK_STREAM or SOCK_DGRAM
 * @access: who may use the socket
 *
 * Replaces a socket file that nobody serves.
 *
 * Return: 0, or -1 after logging why; then no file was created.
 */
int listener_open(struct listener *l, int type, const struct access *access)
{
	struct sockaddr_un sun;
	struct stat st;
	int file;

	if (unix_address(&sun, l->path) || remove_stale(&sun, l->path))
		return -1;

	l->fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0) {
		log_msg(LOG_ERR, "'%s': cannot create a socket: %s", l->path,
			strerror(errno));
		return -1;
	}
	if (bind_mode(l->fd, &sun, access->mode)) {
		log_msg(LOG_ERR,
			"'%s': cannot create the socket file: %s; its directory must exist and be writable",
			l->path, strerror(errno));
		goto err_close;
	}
	file = open_file(l->path, &st);
	if (file >= 0 && change_owner(file, l->path, access))
		goto err_unlink;
	if (file < 0 || (type == SOCK_STREAM && listen(l->fd, BACKLOG))) {
		log_msg(LOG_ERR, "'%s': cannot listen: %s", l->path,
			strerror(errno));
		goto err_unlink;
	}
	close(file);
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;

err_unlink:
	if (file >= 0)
		close(file);
	unlink(l->path);
err_close:
	close(l->fd);
	l->fd = -1;
	return -1;
}

/* Is this the file that belongs to the socket? */
static bool is_file_of(const struct listener *l, const struct stat *st)
{
	return S_ISSOCK(st->st_mode) && st->st_dev == l->dev &&
	       st->st_ino == l->ino;
}

/* Is it at the path? */
static bool is_ours(const struct listener *l)
{
	struct stat st;

	return !lstat(l->path, &st) && is_file_of(l, &st);
}

/**
 * listener_adopt - go on with a socket that was kept
 * @l: the listener, with its path, and device and inode as they were
 * @fd: the socket, which is taken over
 *
 * Return: 0, or -1 if the socket file is no longer there; then @fd is closed.
 */
int listener_adopt(struct listener *l, int fd)
{
	if (!is_ours(l)) {
		close(fd);
		return -1;
	}
	l->fd = fd;
	return 0;
}

static int change_mode(int fd, const char *path, mode_t mode)
{
	char link[32];

	/* fchmod() takes no descriptor of this kind */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (!chmod(link, mode))
		return 0;
	log_msg(LOG_ERR, "'%s': cannot set mode %o: %s", path,
		(unsigned int)mode, strerror(errno));
	return -1;
}

/**
 * listener_access - change who may use a socket
 * @l: the listener, open
 * @access: who may
 *
 * A file that somebody else put in the place of ours stays as it is.
 *
 * Return: 0, or -1 after logging why.
 */
int listener_access(const struct listener *l, const struct access *access)
{
	struct stat st;
	int fd, ret = 0;

	fd = open_file(l->path, &st);
	if (fd < 0) {
		if (errno == ENOENT || errno == ENOTSOCK)
			return 0;
		log_msg(LOG_ERR, "'%s': cannot change who may connect: %s",
			l->path, strerror(errno));
		return -1;
	}
	if (is_file_of(l, &st) && (change_owner(fd, l->path, access) ||
				   change_mode(fd, l->path, access->mode)))
		ret = -1;
	close(fd);
	return ret;
}

/**
 * listener_unlink - remove the socket file
 * @l: the listener; need not be open
 *
 * A file that somebody else put in the place of ours stays.
 */
void listener_unlink(const struct listener *l)
{
	if (l->fd >= 0 && is_ours(l))
		unlink(l->path);
}

/**
 * listener_close - stop listening
 * @l: the listener; need not be open
 */
void listener_close(struct listener *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

/**
 * unix_connect - connect to a socket
 * @path: where
 * @type: SOCK_STREAM or SOCK_DGRAM
 *
 * Return: socket, or -1 with errno set; a path that is too long is logged.
 */
int unix_connect(const char *path, int type)
{
	struct sockaddr_un sun;
	int fd, err;

	if (unix_address(&sun, path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun))) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}
