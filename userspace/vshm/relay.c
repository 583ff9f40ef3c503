// SPDX-License-Identifier: GPL-2.0
/*
 * A socket and the standard streams: what is read from standard input is sent,
 * what is received is written to standard output, until both have ended.
 *
 * Only the socket is asked not to block: others may share the standard streams.
 * These are read and written when poll() says that they are ready, a pipe in
 * pieces that it then has room for.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relay.h"
#include "vshm.h"

#define BUFFER	(256U << 10)

/**
 * struct flow - one direction
 * @buf: what was read and not written yet
 * @size: bytes that fit there
 * @start: where it starts
 * @end: where it ends
 * @ended: nothing more will be read
 * @done: and all of it is written
 */
struct flow {
	char	*buf;
	size_t	size;
	size_t	start;
	size_t	end;
	bool	ended;
	bool	done;
};

enum { IN, OUT, SOCKET, NR_FDS };

static bool is_empty(const struct flow *flow)
{
	return flow->start == flow->end;
}

/* Whether nothing will be received any more; a packet can be empty as well. */
static bool at_end(const struct relay *relay, int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLRDHUP };
	int bytes = 0;

	if (relay->type == SOCK_STREAM)
		return true;
	return poll(&pfd, 1, 0) == 1 && (pfd.revents & (POLLRDHUP | POLLHUP)) &&
	       !ioctl(fd, FIONREAD, &bytes) && !bytes;
}

static int read_input(struct flow *out, struct error *err)
{
	ssize_t n = read(STDIN_FILENO, out->buf, out->size);

	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return error_set(err, "standard input: %s", strerror(errno));
	if (!n)
		out->ended = true;
	out->start = 0;
	out->end = n > 0 ? (size_t)n : 0;
	return 0;
}

static int send_output(struct relay *relay, struct flow *out, int fd,
		       struct error *err)
{
	ssize_t n = send(fd, out->buf + out->start, out->end - out->start,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0) {
		out->start += (size_t)n;
		relay->sent += (uint64_t)n;
	} else if (errno == EPIPE) {
		return error_set(err, "send: %s: the peer has closed the connection",
				 strerror(errno));
	} else if (errno == EMSGSIZE) {
		return error_set(err, "send: %s: no packet may have %zu bytes, see --size",
				 strerror(errno), out->end - out->start);
	} else if (errno != EAGAIN && errno != EINTR) {
		return error_set(err, "send: %s", strerror(errno));
	}
	return 0;
}

static int receive_input(struct relay *relay, struct flow *in, int fd,
			 struct error *err)
{
	ssize_t n = recv(fd, in->buf, in->size, MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return error_set(err, "receive: %s", strerror(errno));
	if (!n && at_end(relay, fd))
		in->ended = true;
	in->start = 0;
	in->end = n > 0 ? (size_t)n : 0;
	relay->received += in->end;
	/* what is not wanted is thrown away */
	if (!relay->receive)
		in->end = 0;
	return 0;
}

/* As much as a pipe that has room surely takes. */
static size_t piece(size_t len)
{
	struct stat st;

	if (len > PIPE_BUF && !fstat(STDOUT_FILENO, &st) &&
	    (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return PIPE_BUF;
	return len;
}

static int write_output(struct flow *in, struct error *err)
{
	ssize_t n = write(STDOUT_FILENO, in->buf + in->start,
			  piece(in->end - in->start));

	if (n >= 0)
		in->start += (size_t)n;
	else if (errno != EINTR && errno != EAGAIN)
		return error_set(err, "standard output: %s", strerror(errno));
	return 0;
}

/* The direction to the peer is over. */
static void finish_output(struct relay *relay, struct flow *out, int fd)
{
	out->done = true;
	relay->send = false;
	if (relay->half_close)
		shutdown(fd, SHUT_WR);
}

static void choose(const struct relay *relay, const struct flow *in,
		   const struct flow *out, int fd, struct pollfd *pfds)
{
	short events = 0;

	pfds[IN] = (struct pollfd){ .fd = -1, .events = POLLIN };
	pfds[OUT] = (struct pollfd){ .fd = -1, .events = POLLOUT };
	if (!is_empty(out))
		events |= POLLOUT;
	else if (relay->send && !out->ended)
		pfds[IN].fd = STDIN_FILENO;
	if (!is_empty(in))
		pfds[OUT].fd = STDOUT_FILENO;
	else if (!in->ended)
		events |= POLLIN;
	/* also to learn that the peer is gone */
	pfds[SOCKET] = (struct pollfd){
		.fd = events || in->done ? fd : -1,
		.events = events,
	};
}

static int move(struct relay *relay, struct flow *in, struct flow *out, int fd,
		const struct pollfd *pfds, struct error *err)
{
	if (pfds[IN].revents && read_input(out, err))
		return -1;
	if (!is_empty(out) && send_output(relay, out, fd, err))
		return -1;
	if (pfds[OUT].revents && write_output(in, err))
		return -1;
	if ((pfds[SOCKET].revents & (POLLIN | POLLHUP | POLLERR)) &&
	    is_empty(in) && !in->ended && receive_input(relay, in, fd, err))
		return -1;
	return 0;
}

static bool is_over(const struct relay *relay, const struct flow *in,
		    const struct flow *out, const struct pollfd *pfds)
{
	if (in->done && (out->done || (pfds[SOCKET].revents & POLLHUP)))
		return true;
	/* who does not receive does not wait for the peer's end either */
	if (!out->done || !relay->half_close)
		return false;
	return !relay->receive || (relay->type == SOCK_DGRAM && !relay->idle);
}

static int run(struct relay *relay, struct flow *in, struct flow *out, int fd,
	       struct error *err)
{
	struct pollfd pfds[NR_FDS] = { 0 };
	int timeout = relay->idle ? (int)(relay->idle * 1000) : -1, n;

	while (!stopped()) {
		if (!out->done && is_empty(out) && (out->ended || !relay->send))
			finish_output(relay, out, fd);
		in->done = in->ended && is_empty(in);
		if (is_over(relay, in, out, pfds))
			return 0;
		choose(relay, in, out, fd, pfds);
		n = poll(pfds, NR_FDS, timeout);
		if (n < 0 && errno != EINTR)
			return error_set(err, "poll: %s", strerror(errno));
		/* datagrams have no other end */
		if (!n && relay->type == SOCK_DGRAM)
			return 0;
		if (!n)
			return error_set(err, "nothing moved for %g s", relay->idle);
		if (n > 0 && move(relay, in, out, fd, pfds, err))
			return -1;
	}
	return 0;
}

/* Room for the largest packet there can be. */
static size_t receive_size(const struct relay *relay, int fd)
{
	int size = 0;
	socklen_t len = sizeof(size);

	if (relay->type != SOCK_STREAM &&
	    !getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len) &&
	    size > (int)BUFFER)
		return (size_t)size;
	return BUFFER;
}

/**
 * relay_run - join a socket with the standard streams
 * @relay: how; @relay->send is false afterwards if standard input has ended
 * @fd: socket, connected
 * @err: what is wrong
 *
 * Return: 0 when it is over, or there was a signal; or -1.
 */
int relay_run(struct relay *relay, int fd, struct error *err)
{
	struct flow in = { .size = receive_size(relay, fd) };
	struct flow out = { .size = relay->packet };
	int ret;

	in.buf = malloc(in.size);
	out.buf = malloc(out.size);
	if (in.buf && out.buf)
		ret = run(relay, &in, &out, fd, err);
	else
		ret = error_set(err, "out of memory");
	free(in.buf);
	free(out.buf);
	return ret;
}
