/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vshmd: creates the memory and the doorbells of links, hands them to QEMU,
 * and one end of those to the host to its kernel.
 *
 *   options.c		command line
 *   config*.c		configuration file
 *   spec*.c value.c	what a link shall be
 *   main.c		start, event loop, end
 *   links.c		which links run: start, replace, stop
 *   link.c		memory, doorbells, goodbye of a dead side
 *   host.c		the end of a link that is the kernel's
 *   policy.c		which guests may connect through the host
 *   server.c		the ivshmem server protocol
 *   unix.c		socket files
 *   accept.c		connections to those
 *   keep.c restore.c	descriptors that outlive the process
 *   holder.c		who holds them where systemd does not
 *   control.c		the control socket
 *   request.c		what is asked for there
 *   notify.c		what systemd is told
 *   pidfile.c		the pid file
 *   daemon.c		going to the background
 *   log.c		messages
 *
 * One thread, one event loop, nothing blocks.
 */
#ifndef _VSHMD_H
#define _VSHMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include "config.h"
#include "log.h"
#include "options.h"
#include "spec.h"

struct event;
struct event_base;
struct json_object;
struct link;

/**
 * struct listener - UNIX socket at a path
 * @path: the path, which is somebody else's; NULL if there shall be none
 * @fd: the socket, or -1
 * @dev: device of the socket file, valid while @fd is
 * @ino: inode of the socket file, the same
 */
struct listener {
	const char	*path;
	int		fd;
	dev_t		dev;
	ino_t		ino;
};

/**
 * struct acceptor - takes the connections of a listener
 * @take: gets each one, and takes the socket over
 * @arg: for @take
 * @path: of the listener, for messages
 * @event: a client waits
 * @retry: time to look again after a shortage
 */
struct acceptor {
	void		(*take)(int fd, void *arg);
	void		*arg;
	const char	*path;
	struct event	*event;
	struct event	*retry;
};

/**
 * struct endpoint - one side of a link, served to one client, a QEMU
 * @link: the link
 * @cid: context ID, and the client's ivshmem ID
 * @doorbell: eventfd that interrupts this side, or -1
 * @listener: where the client connects; has no path at the host's side
 * @acceptor: takes clients at @listener
 * @client: socket of the client, or -1
 * @client_event: the client left, or talks
 * @client_pid: process that connected, for messages
 * @warned: when a client was last warned of, in seconds of CLOCK_MONOTONIC
 */
struct endpoint {
	struct link	*link;
	uint32_t	cid;
	int		doorbell;
	struct listener	listener;
	struct acceptor	acceptor;
	int		client;
	struct event	*client_event;
	pid_t		client_pid;
	time_t		warned;
};

/**
 * struct link - two endpoints and the memory between them
 * @entry: in the list of all links
 * @spec: what it shall be
 * @id: number that no other link of this process or an earlier one has
 * @name: both CIDs, for messages
 * @side: the endpoints, in the order of the region's halves
 * @memfd: the region's file, or -1
 * @region: the region, mapped, or NULL
 * @host_fd: file of the device, on which the host is attached, or -1 if it is
 *	not, as after links_detach_host()
 * @announced: it was logged that the link is ready
 * @wanted: the configuration that is being put in force has it
 * @lost: it was logged that pages of the memory are gone
 */
struct link {
	TAILQ_ENTRY(link)	entry;
	struct spec		spec;
	unsigned int		id;
	char			name[16];
	struct endpoint		side[2];
	int			memfd;
	struct vshm_region	*region;
	int			host_fd;
	bool			announced;
	bool			wanted;
	bool			lost;
};

TAILQ_HEAD(link_list, link);

/**
 * struct vshmd - everything that is open
 * @opt: command line
 * @config: configuration file
 * @base: event loop
 * @links: the links that run
 * @next_id: number of the next link
 * @keeping: what is open is kept for the next process, not taken down
 */
struct vshmd {
	struct options		opt;
	struct config		config;
	struct event_base	*base;
	struct link_list	links;
	unsigned int		next_id;
	bool			keeping;
};

/* main.c */
int vshmd_reload(struct vshmd *d, struct error *err);

/* links.c */
int links_apply(struct vshmd *d, const struct specs *wanted, bool all);
int links_start_one(struct vshmd *d, const struct spec *spec);
void links_stop_one(struct link *link, struct link_list *links);
void links_stop_all(struct vshmd *d);
void links_detach_host(struct vshmd *d);
void links_announce(struct vshmd *d);

/* link.c */
struct link *link_new(const struct spec *spec, unsigned int id);
void link_free(struct link *link);
int link_create(struct link *link);
int link_map(struct link *link);
bool link_attached(struct link *link, unsigned int side);
void link_goodbye(struct link *link, unsigned int side);

/* host.c */
int host_open(void);
int host_attach(struct link *link);
void host_detach(struct link *link);

/* policy.c */
int policy_apply(const struct rule *rules, size_t nr);
bool policy_applied(void);
void policy_end(bool keeping);

/* server.c */
int server_start(struct endpoint *ep, struct event_base *base);
int server_adopt(struct endpoint *ep, int fd);
void server_stop(struct endpoint *ep);

/* unix.c */
int listener_open(struct listener *l, int type, const struct access *access);
int listener_adopt(struct listener *l, int fd);
int listener_access(const struct listener *l, const struct access *access);
void listener_unlink(const struct listener *l);
void listener_close(struct listener *l);
int unix_connect(const char *path, int type);

/* accept.c */
int acceptor_start(struct acceptor *a, const struct listener *l,
		   struct event_base *base);
void acceptor_stop(struct acceptor *a);

/* keep.c */
int keep_open(const char *path);
bool keep_enabled(void);
int keep_take(const char *name);
const char *keep_find(const char *suffix, unsigned int *id);
void keep_add(const char *name, int fd);
void keep_remove(const char *name);
void keep_sync(void);
void keep_drop_rest(void);
void keep_close(void);

/* holder.c */
int holder_start(const char *path);

/* restore.c */
void keep_link(const struct link *link);
void keep_client(const struct endpoint *ep);
void unkeep_client(const struct endpoint *ep);
void unkeep_link(const struct link *link);
void keep_host(const struct link *link);
void unkeep_host(const struct link *link);
void restore_links(struct vshmd *d);

/* control.c */
int control_start(struct vshmd *d, const char *path);
void control_stop(void);

/* request.c */
struct json_object *request_run(struct vshmd *d, const char *line);

/* notify.c */
void notify_start(struct event_base *base);
void notify_ready(const struct vshmd *d);
void notify_reloading(void);
void notify_stopping(void);
void notify_stop(void);

/* pidfile.c */
int pidfile_create(const char *path);
void pidfile_remove(const char *path, int fd);

/* sandbox.c */
int sandbox_enter(void);

/* daemon.c */
int daemon_std_fds(void);
int daemon_fork(void);
int daemon_ready(int fd);

#endif /* _VSHMD_H */
