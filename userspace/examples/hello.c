// SPDX-License-Identifier: GPL-2.0
/*
 * hello		waits for a connection and prints what it brings
 * hello CID	says hello to the one that waits at that CID; 1 is this kernel
 *
 * cc $(pkg-config --cflags vshm) -o hello hello.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/vshm.h>

#define PORT 5000

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

int main(int argc, char **argv)
{
	struct sockaddr_vshm addr = {
		.svs_family = AF_VSHM,
		.svs_port = PORT,
		.svs_cid = argc > 1 ? strtoul(argv[1], NULL, 10) : VSHM_CID_ANY,
	};
	char text[100];
	ssize_t n;
	int fd, conn;

	fd = socket(AF_VSHM, SOCK_STREAM, 0);
	if (fd < 0)
		fail("socket");

	if (argc > 1) {
		if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			fail("connect");
		if (send(fd, "hello\n", 6, MSG_NOSIGNAL) != 6)
			fail("send");
		return 0;
	}

	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		fail("bind");
	if (listen(fd, 1))
		fail("listen");
	conn = accept(fd, NULL, NULL);
	if (conn < 0)
		fail("accept");
	while ((n = read(conn, text, sizeof(text))) > 0)
		fwrite(text, 1, n, stdout);
	if (n)
		fail("read");
	return 0;
}
