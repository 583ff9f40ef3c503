/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vshmd: creates the memory and the doorbells of links between guests and
 * hands them to QEMU.
 *
 *   options.c   command line
 *   main.c      start, event loop, end
 *   link.c      memory, doorbells, goodbye of a dead side
 *   server.c    the ivshmem server protocol
 *   unix.c      socket files
 *   pidfile.c   the pid file
 *   daemon.c    going to the background
 *   log.c       messages
 *
 * One thread, one event loop, nothing blocks.
 */
#ifndef _VSHMD_H
#define _VSHMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <syslog.h>

#include <linux/vshm.h>
#include <linux/vshm_ring.h>

#define VSHMD_SIZE_DEFAULT	(64ULL << 20)
#define VSHMD_SIZE_MAX		(64ULL << 30)
#define VSHMD_MODE_DEFAULT	0600

#define __printf(fmt, args)	__attribute__((format(printf, fmt, args)))

struct event;
struct event_base;
struct link;

/**
 * struct listener - UNIX socket at a path
 * @path: as the user gave it
 * @abspath: the same from the root directory
 * @fd: the socket, or -1
 * @dev: device of the socket file, valid while @fd is
 * @ino: inode of the socket file, the same
 */
struct listener {
	char	*path;
	char	*abspath;
	int	fd;
	dev_t	dev;
	ino_t	ino;
};

/**
 * struct endpoint - one side of a link, served to one client, a QEMU
 * @link: the link
 * @cid: context ID, and the client's ivshmem ID
 * @doorbell: eventfd that interrupts this side, or -1
 * @listener: where the client connects
 * @accept_event: a client waits at @listener
 * @retry_event: time to look at @listener again after a shortage
 * @client: socket of the client, or -1
 * @client_event: the client left, or talks
 * @client_pid: process that connected, for messages
 */
struct endpoint {
	struct link	*link;
	uint32_t	cid;
	int		doorbell;
	struct listener	listener;
	struct event	*accept_event;
	struct event	*retry_event;
	int		client;
	struct event	*client_event;
	pid_t		client_pid;
};

/**
 * struct link - two endpoints and the memory between them
 * @side: the endpoints, in the order of the region's halves
 * @size: bytes in the region; 0 until the default is known
 * @memfd: the region's file, or -1
 * @region: the region, mapped, or NULL
 */
struct link {
	struct endpoint		side[2];
	uint64_t		size;
	int			memfd;
	struct vshm_region	*region;
};

/**
 * struct options - what the command line says
 * @links: the links
 * @nr_links: how many there are
 * @size: bytes in the region of a link that names no size
 * @mode: permissions of the socket files
 * @pid_file: path from the root directory, or NULL
 * @daemon: go to the background
 * @verbose: log clients that come and go
 */
struct options {
	struct link	*links;
	size_t		nr_links;
	uint64_t	size;
	mode_t		mode;
	char		*pid_file;
	bool		daemon;
	bool		verbose;
};

/* options.c */
void options_parse(struct options *opt, int argc, char **argv);
void options_free(struct options *opt);

/* link.c */
int link_create(struct link *link);
void link_destroy(struct link *link);
void link_goodbye(struct link *link, unsigned int side);

/* server.c */
int server_start(struct endpoint *ep, struct event_base *base);
void server_stop(struct endpoint *ep);

/* unix.c */
int listener_open(struct listener *l, mode_t mode);
void listener_close(struct listener *l);

/* pidfile.c */
int pidfile_create(const char *path);
void pidfile_remove(const char *path, int fd);

/* daemon.c */
int daemon_std_fds(void);
int daemon_fork(void);
int daemon_ready(int fd);

/* log.c */
void log_init(bool verbose);
void log_to_syslog(void);
void log_msg(int priority, const char *fmt, ...) __printf(2, 3);

#endif /* _VSHMD_H */
