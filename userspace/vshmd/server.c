// SPDX-License-Identifier: GPL-2.0
/*
 * The server side of QEMU's ivshmem protocol.
 *
 * A message is a number of 8 bytes, little-endian, and may carry a file
 * descriptor. A client that connects gets
 *
 *   0				version of the protocol
 *   ID				its own: the CID of its side
 *   -1, memfd			the memory
 *   peer's ID, eventfd		how to interrupt the other side
 *   ID, eventfd		how it is interrupted itself
 *   peer's ID, eventfd		the echo, see below
 *   ID, the same eventfd
 *
 * and nothing more, ever. The protocol would have the peer announced when it
 * comes, and its ID alone sent when it goes. But the peer's ID and eventfd are
 * the same for each client that serves that side, and QEMU does not survive it
 * when an ID comes back: it frees what it keeps of a peer that went, and then
 * uses and frees it again. So the peer is always there, whether somebody
 * listens to its eventfd or not, and guests learn from the epochs in the
 * shared memory who comes and goes.
 *
 * An ID's first eventfd is for vector 0, its second one for vector 1. The echo
 * is an eventfd that no other client ever has: who rings vector 1 of its peer
 * interrupts itself, if the ID is the peer's. So a guest can ask its device who
 * is at the other end, and need not believe the header of the memory, which the
 * other end can write.
 *
 * A client that comes while another is served gets -1 as the version, which no
 * client accepts: QEMU would wait forever for a server that just hangs up.
 * Clients never say anything.
 *
 * Each message is one sendmsg(), so that the descriptor comes with its own 8
 * bytes, and never waits.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "vshmd.h"

#define PROTOCOL_VERSION	0
#define REFUSED			(-1)
#define MEMORY			(-1)

/* Between warnings of the clients of a side. */
#define WARNING_SECONDS		10

static const struct endpoint *peer_of(const struct endpoint *ep)
{
	const struct link *link = ep->link;

	return ep == &link->side[0] ? &link->side[1] : &link->side[0];
}

/* Send a message, with a descriptor unless fd is -1. */
static int send_msg(int sock, int64_t value, int fd)
{
	int64_t wire = (int64_t)htole64((uint64_t)value);
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = &wire, .iov_len = sizeof(wire) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t len;

	if (fd >= 0) {
		struct cmsghdr *cmsg;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}

	do
		len = sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -1;
	if (len != sizeof(wire)) {
		errno = EAGAIN;
		return -1;
	}
	return 0;
}

/* The next client gets another one, so this one need not be kept. */
static int send_echo(const struct endpoint *ep)
{
	int echo = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int ret, err;

	if (echo < 0)
		return -1;
	ret = send_msg(ep->client, peer_of(ep)->cid, echo) ||
	      send_msg(ep->client, ep->cid, echo) ? -1 : 0;
	err = errno;
	close(echo);
	errno = err;
	return ret;
}

static int send_setup(const struct endpoint *ep)
{
	const struct endpoint *peer = peer_of(ep);
	int sock = ep->client;

	if (send_msg(sock, PROTOCOL_VERSION, -1) ||
	    send_msg(sock, ep->cid, -1) ||
	    send_msg(sock, MEMORY, ep->link->memfd) ||
	    send_msg(sock, peer->cid, peer->doorbell) ||
	    send_msg(sock, ep->cid, ep->doorbell))
		return -1;
	return send_echo(ep);
}

/*
 * How to log what a client does wrong: anybody who may connect can do it all
 * the time, and is not to fill the log.
 */
static int warning_priority(struct endpoint *ep)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (ep->warned && now.tv_sec - ep->warned < WARNING_SECONDS)
		return LOG_INFO;
	ep->warned = now.tv_sec;
	return LOG_WARNING;
}

/* What happened to the client of a side. */
static void log_client(int priority, const struct endpoint *ep,
		       const char *event, const char *verdict,
		       const char *what)
{
	const struct log_fields about = {
		.event = event,
		.link = ep->link->name,
		.cid = ep->cid,
		.pid = ep->client_pid,
	};

	log_event(priority, &about, "cid %u: %spid %jd %s", ep->cid,
		  verdict, (intmax_t)ep->client_pid, what);
}

/* The client is gone, or has to go: detach its guest in the shared memory. */
static void client_drop(struct endpoint *ep)
{
	event_free(ep->client_event);
	ep->client_event = NULL;
	close(ep->client);
	ep->client = -1;

	unkeep_client(ep);
	link_goodbye(ep->link, ep == &ep->link->side[1]);
}

/* Look what the client wants: leave, or say something that it must not. */
static void client_check(struct endpoint *ep)
{
	char byte;
	ssize_t len;

	len = recv(ep->client, &byte, sizeof(byte), MSG_DONTWAIT);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len > 0)
		log_client(warning_priority(ep), ep, "client_dropped",
			   "dropped, ", "sends data, which is not in the protocol");
	else
		log_client(LOG_INFO, ep, "client_left", "", "left");
	client_drop(ep);
}

static void on_client(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	client_check(arg);
}

static pid_t socket_pid(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return 0;
	return cred.pid;
}

/* Watch a client; takes its socket over. */
static int client_watch(struct endpoint *ep, int fd)
{
	ep->client_pid = socket_pid(fd);
	ep->client_event = event_new(event_get_base(ep->acceptor.event), fd,
				     EV_READ | EV_PERSIST, on_client, ep);
	if (ep->client_event && !event_add(ep->client_event, NULL)) {
		ep->client = fd;
		return 0;
	}
	log_client(LOG_ERR, ep, "client_refused", "refused ",
		   "because memory is short");
	if (ep->client_event)
		event_free(ep->client_event);
	ep->client_event = NULL;
	close(fd);
	return -1;
}

/* Serve a new client; takes its socket over. */
static void client_add(struct endpoint *ep, int fd)
{
	eventfd_t stale;
	struct iovec iov = { &stale, sizeof(stale) };

	if (client_watch(ep, fd))
		return;

	/*
	 * What rang for the client before this one is none of its business; that
	 * one may have made it a doorbell whose readers wait.
	 */
	if (preadv2(ep->doorbell, &iov, 1, -1, RWF_NOWAIT) < 0 && errno != EAGAIN)
		log_msg(LOG_DEBUG, "link %s: cannot silence a doorbell: %s",
			ep->link->name, strerror(errno));

	if (send_setup(ep)) {
		if (errno == EPIPE)
			log_client(LOG_INFO, ep, "client_left", "",
				   "left at once");
		else
			log_client(warning_priority(ep), ep, "client_dropped",
				   "dropped, ", "cannot be sent its messages");
		client_drop(ep);
		return;
	}
	keep_client(ep);
	log_client(LOG_INFO, ep, "client_connected", "", "connected");
}

static void log_refused(struct endpoint *ep, int fd)
{
	const struct log_fields about = {
		.event = "client_refused",
		.link = ep->link->name,
		.cid = ep->cid,
		.pid = socket_pid(fd),
		.path = ep->listener.path,
	};

	log_event(warning_priority(ep), &about,
		  "cid %u: refused pid %jd, '%s' serves pid %jd already", ep->cid,
		  (intmax_t)about.pid, ep->listener.path,
		  (intmax_t)ep->client_pid);
}

static void on_connection(int fd, void *arg)
{
	struct endpoint *ep = arg;

	/* Maybe the old client just left, and the loop has not got to it. */
	if (ep->client >= 0)
		client_check(ep);
	if (ep->client >= 0) {
		log_refused(ep, fd);
		send_msg(fd, REFUSED, -1);
		close(fd);
		return;
	}
	client_add(ep, fd);
}

/**
 * server_start - serve the clients of one side of a link
 * @ep: the side, with its link created, and its listener open if it has one
 * @base: the event loop
 *
 * Return: 0, or -1 after logging why; then server_stop() need not be called.
 */
int server_start(struct endpoint *ep, struct event_base *base)
{
	if (!ep->listener.path)
		return 0;
	ep->acceptor.take = on_connection;
	ep->acceptor.arg = ep;
	return acceptor_start(&ep->acceptor, &ep->listener, base);
}

/**
 * server_adopt - go on with a client of an earlier process
 * @ep: the side, which is served already
 * @fd: the client's socket, which is taken over
 *
 * If the client left meanwhile, the event loop notices.
 *
 * Return: 0, or -1 after logging why; then the client is gone.
 */
int server_adopt(struct endpoint *ep, int fd)
{
	return client_watch(ep, fd);
}

/**
 * server_stop - serve one side of a link no more
 * @ep: the side; need not be served
 *
 * The client loses its connection and nothing else: its guest stays attached.
 */
void server_stop(struct endpoint *ep)
{
	if (ep->client >= 0) {
		event_free(ep->client_event);
		close(ep->client);
		ep->client_event = NULL;
		ep->client = -1;
	}
	acceptor_stop(&ep->acceptor);
}
