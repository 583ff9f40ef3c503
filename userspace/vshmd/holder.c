// SPDX-License-Identifier: GPL-2.0
/*
 * The holder: a process that does nothing but hold descriptors for vshmd, over
 * its restarts. It listens at a datagram socket for these messages, lines of
 * NAME=VALUE, the first three as systemd knows them:
 *
 *   FDSTORE=1, FDNAME=name		hold the descriptor that comes with it
 *   FDSTOREREMOVE=1, FDNAME=name	close those of that name
 *   BARRIER=1				close the descriptor that comes with it
 *   FDGET=1				the descriptor that comes with it is a
 *					socket: send each name there, with its
 *					descriptor, and END at the end
 *
 * vshmd keeps its end of that last socket open as long as it lives; another
 * one that asks meanwhile is told BUSY. The holder ends when it has nothing to
 * hold, and nobody who could give it something. Who may write to its socket is
 * a matter of the file's permissions.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vshmd.h"

#define MESSAGE_MAX	256
#define MESSAGE_FDS	8

/* Until the first vshmd asks, or somebody takes what is sent. */
#define PATIENCE_MS	10000

/**
 * struct held - a descriptor
 * @name: its name
 * @fd: the descriptor
 */
struct held {
	char	name[64];
	int	fd;
};

/**
 * struct holder - all that the holder has
 * @sock: where messages come
 * @client: where the vshmd is that asked, or -1
 * @held: descriptors
 * @nr: how many there are
 */
struct holder {
	int		sock;
	int		client;
	struct held	*held;
	size_t		nr;
};

/* The value in a line NAME=VALUE, copied; false if there is none. */
static bool get_value(const char *text, const char *name, char *value,
		      size_t size)
{
	size_t len = strlen(name);
	const char *line;

	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) || line[len] != '=')
			continue;
		line += len + 1;
		len = strcspn(line, "\n");
		if (len >= size)
			return false;
		memcpy(value, line, len);
		value[len] = '\0';
		return true;
	}
	return false;
}

static bool is_set(const char *text, const char *name)
{
	char value[8];

	return get_value(text, name, value, sizeof(value)) && !strcmp(value, "1");
}

/* Takes the descriptor over unless it returns false. */
static bool hold(struct holder *h, const char *text, int fd)
{
	struct held *more;

	more = reallocarray(h->held, h->nr + 1, sizeof(*more));
	if (!more)
		return false;
	h->held = more;
	if (!get_value(text, "FDNAME", more[h->nr].name, sizeof(more->name)))
		return false;
	more[h->nr++].fd = fd;
	return true;
}

static void let_go(struct holder *h, const char *text)
{
	char name[64];
	size_t i = 0;

	if (!get_value(text, "FDNAME", name, sizeof(name)))
		return;
	while (i < h->nr) {
		if (strcmp(h->held[i].name, name)) {
			i++;
			continue;
		}
		close(h->held[i].fd);
		h->held[i] = h->held[--h->nr];
	}
}

static int send_held(int sock, const struct held *held)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { .buf = "" };
	struct iovec iov = {
		.iov_base = (void *)held->name,
		.iov_len = strlen(held->name),
	};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &held->fd, sizeof(held->fd));
	return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Did the vshmd that asked end? */
static bool client_is_gone(const struct holder *h)
{
	struct pollfd pfd = { .fd = h->client };

	return h->client < 0 || (poll(&pfd, 1, 0) > 0 && pfd.revents);
}

/* Takes the socket over. */
static void give_all(struct holder *h, int sock)
{
	const struct timeval patience = {
		.tv_sec = PATIENCE_MS / 1000,
		.tv_usec = PATIENCE_MS % 1000 * 1000L,
	};
	size_t i;

	if (!client_is_gone(h)) {
		send(sock, "BUSY", 4, MSG_NOSIGNAL | MSG_DONTWAIT);
		close(sock);
		return;
	}
	if (h->client >= 0)
		close(h->client);
	h->client = sock;
	if (setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &patience,
		       sizeof(patience)))
		goto err_close;
	for (i = 0; i < h->nr; i++) {
		if (send_held(sock, &h->held[i]))
			goto err_close;
	}
	if (send(sock, "END", 3, MSG_NOSIGNAL) == 3)
		return;
err_close:
	close(sock);
	h->client = -1;
}

static void take_message(struct holder *h)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
	} control;
	char text[MESSAGE_MAX];
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	int fds[MESSAGE_FDS], nr = 0;
	struct cmsghdr *cmsg;
	ssize_t len;

	len = recvmsg(h->sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (len < 0)
		return;
	text[len] = '\0';
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET &&
	    cmsg->cmsg_type == SCM_RIGHTS) {
		nr = (int)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(cmsg), (size_t)nr * sizeof(int));
	}

	if (is_set(text, "FDSTOREREMOVE")) {
		let_go(h, text);
	} else if (nr == 1 && is_set(text, "FDSTORE")) {
		if (hold(h, text, fds[0]))
			nr = 0;
	} else if (nr == 1 && is_set(text, "FDGET")) {
		give_all(h, fds[0]);
		nr = 0;
	}
	while (nr > 0)
		close(fds[--nr]);
}

static _Noreturn void run(int sock, const char *path)
{
	struct holder h = { .sock = sock, .client = -1 };

	for (;;) {
		struct pollfd pfd[2] = {
			{ .fd = h.sock, .events = POLLIN },
			{ .fd = h.client },
		};
		bool idle = !h.nr && h.client < 0;
		int ready = poll(pfd, 2, idle ? PATIENCE_MS : -1);

		if (ready > 0 && pfd[0].revents) {
			take_message(&h);
		} else if (ready > 0 && pfd[1].revents) {
			close(h.client);
			h.client = -1;
			if (!h.nr)
				break;
		} else if (!ready && idle) {
			break;
		}
	}
	unlink(path);
	free(h.held);
	_exit(EXIT_SUCCESS);
}

/* Nothing of vshmd stays: no descriptor, no terminal, no signal handler. */
static _Noreturn void become_holder(int sock, const char *path)
{
	struct rlimit lim;
	int i;

	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NAME, "vshmd-keep");
	for (i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		close(i);
	if (daemon_std_fds() || dup2(sock, 3) < 0 ||
	    close_range(4, ~0U, 0) || chdir("/"))
		_exit(EXIT_FAILURE);
	if (!getrlimit(RLIMIT_NOFILE, &lim)) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
	run(3, path);
}

/**
 * holder_start - have a holder run
 * @path: where it listens
 *
 * Starts one unless there is one already.
 *
 * Return: 0, or -1 after logging why.
 */
int holder_start(const char *path)
{
	const struct access access = {
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.mode = 0600,
	};
	struct listener l = { .path = path, .fd = -1 };
	pid_t child;
	int fd;

	fd = unix_connect(path, SOCK_DGRAM);
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno == ENAMETOOLONG)
		return -1;
	if (listener_open(&l, SOCK_DGRAM, &access))
		return -1;

	/* Twice, so that it is init's child, and not ours to wait for. */
	child = fork();
	if (!child) {
		setsid();
		child = fork();
		if (!child)
			become_holder(l.fd, path);
		_exit(child < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	if (child > 0 && waitpid(child, &fd, 0) == child && WIFEXITED(fd) &&
	    !WEXITSTATUS(fd)) {
		listener_close(&l);
		return 0;
	}
	log_msg(LOG_ERR, "cannot start the process that keeps links: %s",
		strerror(errno));
	listener_unlink(&l);
	listener_close(&l);
	return -1;
}
