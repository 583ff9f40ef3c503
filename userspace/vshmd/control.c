// SPDX-License-Identifier: GPL-2.0
/*
 * The control socket: a line with a JSON object comes in, a line with a JSON
 * object goes out. It is for root and for the user that vshmd runs as.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "js.h"
#include "vshm_run.h"
#include "vshmd.h"

#define CLIENTS_MAX	16

/* Bytes of answers that wait to be read, before the one that is added. */
#define ANSWERS_MAX	(1 << 20)

/* Who says nothing for so long is disconnected. */
static const struct timeval idle_time = { .tv_sec = 60 };

/**
 * struct client - somebody who asks
 * @entry: in the list of all
 * @bev: its socket
 */
struct client {
	LIST_ENTRY(client)	entry;
	struct bufferevent	*bev;
};

static LIST_HEAD(client_list, client) clients = LIST_HEAD_INITIALIZER(clients);
static unsigned int nr_clients;
static struct listener listener = { .fd = -1 };
static struct vshmd *vshmd;

static void client_free(struct client *client)
{
	LIST_REMOVE(client, entry);
	nr_clients--;
	bufferevent_free(client->bev);
	free(client);
}

/* False if the answer cannot be stored. */
static bool answer(struct client *client, const char *line)
{
	struct evbuffer *out = bufferevent_get_output(client->bev);
	struct json_object *obj = request_run(vshmd, line);
	const char *text = NULL;
	bool ok;

	if (obj)
		text = json_object_to_json_string_ext(obj,
						      JSON_C_TO_STRING_PLAIN |
						      JSON_C_TO_STRING_NOSLASHESCAPE);
	/* nobody asks on and on without reading */
	ok = text && evbuffer_get_length(out) < ANSWERS_MAX &&
	     evbuffer_add_printf(out, "%s\n", text) >= 0;
	json_object_put(obj);
	return ok;
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct client *client = arg;
	char *line;
	bool ok = true;

	while (ok && (line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF))) {
		ok = answer(client, line);
		free(line);
	}
	if (!ok || evbuffer_get_length(in) >= VSHM_CONTROL_LINE) {
		log_msg(LOG_WARNING, "control: a request is too long, answers are not read, or memory is short");
		client_free(client);
	}
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	client_free(arg);
}

/* The last words to somebody who is not served. */
static void refuse(int fd, const char *why)
{
	struct iovec iov[3] = {
		{ .iov_base = "{\"ok\":false,\"error\":\"", .iov_len = 21 },
		{ .iov_base = (void *)why, .iov_len = strlen(why) },
		{ .iov_base = "\"}\n", .iov_len = 3 },
	};
	const struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };

	sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static bool may_ask(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	if (!cred.uid || cred.uid == geteuid())
		return true;
	log_msg(LOG_WARNING, "control: refused user %d, pid %d", (int)cred.uid,
		(int)cred.pid);
	return false;
}

/* Takes the socket over. */
static int client_new(int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return -1;
	client->bev = bufferevent_socket_new(vshmd->base, fd,
					     BEV_OPT_CLOSE_ON_FREE);
	if (!client->bev) {
		free(client);
		return -1;
	}
	LIST_INSERT_HEAD(&clients, client, entry);
	nr_clients++;
	bufferevent_setcb(client->bev, on_read, NULL, on_event, client);
	bufferevent_setwatermark(client->bev, EV_READ, 0, VSHM_CONTROL_LINE);
	if (bufferevent_set_timeouts(client->bev, &idle_time, &idle_time) ||
	    bufferevent_enable(client->bev, EV_READ | EV_WRITE))
		client_free(client);
	return 0;
}

static void on_connection(int fd, void *arg)
{
	(void)arg;
	if (!may_ask(fd))
		refuse(fd, "only root and the user that vshmd runs as may ask");
	else if (nr_clients == CLIENTS_MAX)
		refuse(fd, "too many ask at once: try again");
	else if (client_new(fd))
		refuse(fd, "vshmd is out of memory");
}

static struct acceptor acceptor = { .take = on_connection };

/**
 * control_start - take requests
 * @d: everything
 * @path: where
 *
 * Return: 0, or -1 after logging why.
 */
int control_start(struct vshmd *d, const char *path)
{
	const struct access access = {
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.mode = 0600,
	};

	vshmd = d;
	listener.path = path;
	if (listener_open(&listener, SOCK_STREAM, &access))
		return -1;
	return acceptor_start(&acceptor, &listener, d->base);
}

/**
 * control_stop - take requests no more
 *
 * Answers that are under way are lost.
 */
void control_stop(void)
{
	while (!LIST_EMPTY(&clients))
		client_free(LIST_FIRST(&clients));
	acceptor_stop(&acceptor);
	listener_unlink(&listener);
	listener_close(&listener);
}
