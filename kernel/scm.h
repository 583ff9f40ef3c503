/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Descriptors and credentials beside the data, between sockets of one kernel.
 */
#ifndef _VSHM_SCM_H
#define _VSHM_SCM_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <net/scm.h>

/**
 * struct vshm_scm - what goes beside the data of one message
 * @node: in vshm_scm_queue.items
 * @start: position of the message in its ring
 * @end: position behind it, or behind what was published with it
 * @said: the credentials are those that the program gave
 * @of: whose memory it counts as, or NULL; vshm_scm_queue.lock
 * @cookie: who sent it, and descriptors, if there are any
 */
struct vshm_scm {
	struct list_head	node;
	u64			start;
	u64			end;
	bool			said;
	struct vshm_sock	*of;
	struct scm_cookie	cookie;
};

/**
 * struct vshm_scm_queue - what goes beside the data of a receive queue
 * @lock: guards @items and @closed; below it is sk_peer_lock alone; who takes an
 *	item away has the receiving direction as well
 * @items: &struct vshm_scm, by position
 * @filled: @items is not empty, to be seen without @lock by who receives
 * @closed: nothing more is added
 * @single: credentials are those of one message, and not of all up to the next
 * @nr: how many @items
 * @removed: how many were taken away, so that a call that looks ahead knows whether
 *	the item that it has seen is still there; @lock
 * @writer: who wrote the byte at the tail; without a pid, who has the other end
 *	of the connection; receiving direction
 */
struct vshm_scm_queue {
	spinlock_t		lock;
	struct list_head	items;
	bool			filled;
	bool			closed;
	bool			single;
	u32			nr;
	u32			removed;
	struct scm_cookie	writer;
};

/**
 * struct vshm_writer - who the other end thinks is sending; tx_lock
 * @cred: credentials of the last that sent, or NULL: no two processes have the
 *	same, and a thread that changes its own gets others
 * @pid: the process
 * @told: some item told of it
 */
struct vshm_writer {
	const struct cred	*cred;
	struct pid		*pid;
	bool			told;
};

/**
 * struct vshm_scm_recv - what one call received beside the data
 * @cookie: for scm_recv()
 * @end: where the data ends that came with descriptors; the call goes no further
 * @seen: the item that was found last, to go on from, or NULL
 * @removed: vshm_scm_queue.removed at that time; @seen is there if it still is that
 * @taken: data was received, and @cookie says what there is to say of it
 */
struct vshm_scm_recv {
	struct scm_cookie	cookie;
	u64			end;
	struct vshm_scm		*seen;
	u32			removed;
	bool			taken;
};

struct sock;
struct socket;
struct vshm_conn;
struct vshm_sock;

int vshm_scm_send(struct socket *sock, struct msghdr *msg,
		  struct vshm_scm **scm);
int vshm_scm_current(struct vshm_scm **scm);
void vshm_scm_free(struct vshm_scm *scm);
int vshm_scm_prepare(struct vshm_conn *conn, struct vshm_scm **scm);
int vshm_scm_attach(struct vshm_conn *conn, struct vshm_scm **scm, u64 bytes,
		    const struct cred **who);
int vshm_scm_add(struct vshm_sock *to, struct vshm_scm_queue *q,
		 struct vshm_scm **scm, u64 start, u64 bytes);
void vshm_writer_forget(struct vshm_writer *writer);
void vshm_scm_queue_init(struct vshm_scm_queue *q, bool single);
void vshm_scm_queue_purge(struct vshm_scm_queue *q);
int vshm_scm_begin(struct vshm_scm_recv **rv);
u64 vshm_scm_limit(struct sock *sk, struct vshm_scm_queue *q,
		   struct vshm_scm_recv *rv, u64 at, u64 avail);
void vshm_scm_take(struct vshm_scm_queue *q, struct vshm_scm_recv *rv, u64 at,
		   bool peek);
void vshm_scm_finish(struct socket *sock, struct msghdr *msg,
		     struct vshm_scm_recv *rv, int flags);

#endif /* _VSHM_SCM_H */
