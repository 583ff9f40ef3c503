// SPDX-License-Identifier: GPL-2.0
/*
 * A request to vshmd: one line there, one line back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "js.h"
#include "vshm.h"

/* Attaching much memory to the kernel takes its time. */
#define PATIENCE	60

static int connect_to(const char *path, struct error *err)
{
	const struct timeval patience = { .tv_sec = PATIENCE };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path))
		return error_set(err, "%s: too long for a socket", path);
	memcpy(sun.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			   sizeof(patience));
		return fd;
	}
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		error_set(err, "%s: %s: vshmd does not run, or listens elsewhere: start it, or give --control",
			  path, strerror(errno));
		break;
	case EACCES:
		error_set(err, "%s: %s: run vshm as root, or as the user that vshmd runs as",
			  path, strerror(errno));
		break;
	default:
		error_set(err, "%s: %s", path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static int send_line(int fd, struct json_object *request)
{
	const char *text = json_object_to_json_string_ext(request,
							  JSON_C_TO_STRING_PLAIN);
	struct iovec iov[2] = {
		{ .iov_base = (void *)text, .iov_len = text ? strlen(text) : 0 },
		{ .iov_base = "\n", .iov_len = 1 },
	};
	const struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	if (!text) {
		errno = ENOMEM;
		return -1;
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* The line that comes back, or NULL. */
static char *receive_line(int fd)
{
	FILE *file = fdopen(dup(fd), "r");
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	if (getline(&line, &size, file) <= 0) {
		free(line);
		line = NULL;
	}
	fclose(file);
	return line;
}

/**
 * ask - send a request to vshmd
 * @path: where it listens
 * @request: the request, or NULL if there was no memory for it; let go of
 * @err: what is wrong
 *
 * Return: the answer, or NULL with a message.
 */
struct json_object *ask(const char *path, struct json_object *request,
			struct error *err)
{
	struct json_object *answer = NULL, *ok;
	char *line = NULL;
	int fd = -1;

	if (!request) {
		error_set(err, "out of memory");
		goto out;
	}
	fd = connect_to(path, err);
	if (fd < 0)
		goto out;
	/* Who is refused gets an answer although he could not ask. */
	if (send_line(fd, request) && errno != EPIPE) {
		error_set(err, "%s: %s", path, strerror(errno));
		goto out;
	}
	line = receive_line(fd);
	answer = line ? json_tokener_parse(line) : NULL;
	if (!json_object_is_type(answer, json_type_object)) {
		error_set(err, "%s: vshmd gave no answer: look at its messages", path);
		json_object_put(answer);
		answer = NULL;
		goto out;
	}
	if (!json_object_object_get_ex(answer, "ok", &ok) ||
	    !json_object_get_boolean(ok)) {
		const char *why = js_get_string(answer, "error");

		error_set(err, "%s", why ? why : "vshmd refuses");
		json_object_put(answer);
		answer = NULL;
	}
out:
	json_object_put(request);
	free(line);
	if (fd >= 0)
		close(fd);
	return answer;
}
