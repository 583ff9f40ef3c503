// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors that outlive this process: each is given away under a name, and
 * the next process gets it back.
 *
 * systemd holds them for its services, in the file descriptor store of
 * sd_pid_notify_with_fds(3). Elsewhere a process of our own does, see holder.c:
 * it understands the same messages, and one more, with which it is asked for
 * what it has.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "vshmd.h"

#define ANSWER_SECONDS	5
#define HOLDER_TRIES	3
#define BARRIER_USEC	(5ULL * 1000 * 1000)

/**
 * struct kept - a descriptor of an earlier process
 * @name: its name
 * @fd: the descriptor
 */
struct kept {
	char	*name;
	int	fd;
};

static struct kept *kept;
static size_t nr_kept;
static bool enabled;

/* Shows the holder that this process lives, or -1. */
static int presence = -1;

/* Both are taken over. */
static int remember(char *name, int fd)
{
	struct kept *more;

	more = name ? reallocarray(kept, nr_kept + 1, sizeof(*kept)) : NULL;
	if (!more) {
		log_msg(LOG_ERR, "cannot take kept descriptors back: out of memory");
		free(name);
		close(fd);
		return -1;
	}
	kept = more;
	kept[nr_kept].name = name;
	kept[nr_kept++].fd = fd;
	return 0;
}

static int fetch_from_systemd(void)
{
	char **names = NULL;
	int i, nr, ret = 0;

	nr = sd_listen_fds_with_names(1, &names);
	if (nr < 0) {
		log_msg(LOG_ERR, "cannot take kept descriptors back: %s",
			strerror(-nr));
		return -1;
	}
	for (i = 0; i < nr; i++) {
		if (remember(names[i], SD_LISTEN_FDS_START + i))
			ret = -1;
	}
	free(names);
	return ret;
}

/* A message of the holder: a name, and the descriptor if it has one, or -1. */
static ssize_t receive(char *text, size_t size, int *fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = text, .iov_len = size - 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg;
	ssize_t len;

	*fd = -1;
	do
		len = recvmsg(presence, &msg, MSG_CMSG_CLOEXEC);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -1;
	text[len] = '\0';
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET &&
	    cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(cmsg), sizeof(*fd));
	return len;
}

/* Take what the holder sends: 0 at its end, -1 after logging why not. */
static int receive_all(const char *path)
{
	char text[256];
	ssize_t len;
	int fd;

	while ((len = receive(text, sizeof(text), &fd)) > 0) {
		if (fd >= 0) {
			if (remember(strdup(text), fd))
				return -1;
		} else if (!strcmp(text, "END")) {
			return 0;
		} else {
			log_msg(LOG_ERR, "'%s' keeps the links of a vshmd that runs: stop it, or give --keep another path",
				path);
			return -1;
		}
	}
	log_msg(LOG_ERR, "'%s' does not give back the links that it keeps: %s; end that process, and remove the file",
		path, len ? strerror(errno) : "it ended");
	return -1;
}

static int fetch_from_holder(const char *path)
{
	const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	int fds[2], ret, tries;

	for (tries = 0; tries < HOLDER_TRIES; tries++) {
		if (holder_start(path))
			return -1;
		if (setenv("NOTIFY_SOCKET", path, 1) ||
		    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) {
			log_msg(LOG_ERR, "cannot talk to '%s': %s", path,
				strerror(errno));
			return -1;
		}
		setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &patience,
			   sizeof(patience));
		presence = fds[0];
		ret = sd_pid_notify_with_fds(0, 0, "FDGET=1", &fds[1], 1);
		close(fds[1]);
		if (ret > 0)
			return receive_all(path);
		/* It had nothing to hold, and was just ending. */
		close(presence);
		presence = -1;
	}
	log_msg(LOG_ERR, "cannot talk to '%s': %s: remove the file", path,
		strerror(-ret));
	return -1;
}

/**
 * keep_open - take back what an earlier process has given away
 * @path: where the holder listens, if systemd is not there
 *
 * Return: 0, or -1 after logging why.
 */
int keep_open(const char *path)
{
	int ret;

	if (getenv("NOTIFY_SOCKET"))
		ret = fetch_from_systemd();
	else
		ret = fetch_from_holder(path);
	enabled = !ret;
	return ret;
}

/**
 * keep_enabled - are descriptors kept at all?
 *
 * Return: true if they are.
 */
bool keep_enabled(void)
{
	return enabled;
}

/**
 * keep_take - get a descriptor back
 * @name: its name
 *
 * It stays kept until keep_remove() is called.
 *
 * Return: descriptor, which is the caller's now, or -1 if there is none.
 */
int keep_take(const char *name)
{
	size_t i;
	int fd;

	for (i = 0; i < nr_kept; i++) {
		if (strcmp(kept[i].name, name))
			continue;
		fd = kept[i].fd;
		free(kept[i].name);
		kept[i] = kept[--nr_kept];
		return fd;
	}
	return -1;
}

/**
 * keep_find - find a descriptor of which only the end of the name is known
 * @suffix: that end, after a number
 * @id: the number
 *
 * Return: its name, good until the next call of keep_take(), or NULL.
 */
const char *keep_find(const char *suffix, unsigned int *id)
{
	char end[32];
	size_t i;

	for (i = 0; i < nr_kept; i++) {
		if (sscanf(kept[i].name, "%u%31s", id, end) == 2 &&
		    !strcmp(end, suffix))
			return kept[i].name;
	}
	return NULL;
}

static void log_failure(int err)
{
	static bool logged;

	if (err > 0 || logged)
		return;
	logged = true;
	log_msg(LOG_WARNING, "links will not outlive this process: %s",
		err ? strerror(-err) : "nobody keeps them");
}

/**
 * keep_add - give a descriptor away
 * @name: its name
 * @fd: the descriptor, which stays the caller's as well
 */
void keep_add(const char *name, int fd)
{
	char text[128];

	if (!enabled)
		return;
	snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	log_failure(sd_pid_notify_with_fds(0, 0, text, &fd, 1));
}

/**
 * keep_remove - have a descriptor kept no more
 * @name: its name
 */
void keep_remove(const char *name)
{
	if (enabled)
		log_failure(sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name));
}

/**
 * keep_sync - wait until all that was given away, or taken back, has arrived
 */
void keep_sync(void)
{
	if (enabled)
		sd_notify_barrier(0, BARRIER_USEC);
}

static void free_kept(void)
{
	while (nr_kept) {
		free(kept[--nr_kept].name);
		close(kept[nr_kept].fd);
	}
	free(kept);
	kept = NULL;
}

/**
 * keep_drop_rest - close what nobody took
 */
void keep_drop_rest(void)
{
	size_t i;

	if (!nr_kept)
		return;

	for (i = 0; i < nr_kept; i++) {
		log_msg(LOG_DEBUG, "kept descriptor '%s' is of no use",
			kept[i].name);
		keep_remove(kept[i].name);
	}
	free_kept();
	/* Among it can be a socket that is to be bound again. */
	keep_sync();
}

/**
 * keep_close - give nothing away any more
 */
void keep_close(void)
{
	free_kept();
	keep_sync();
	if (presence >= 0)
		close(presence);
	presence = -1;
	enabled = false;
}
