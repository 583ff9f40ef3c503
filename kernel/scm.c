// SPDX-License-Identifier: GPL-2.0
/*
 * SCM_RIGHTS and SCM_CREDENTIALS, between sockets of one kernel.
 *
 * The ring has no place for them: a list in the receiver's kernel memory says at
 * which position of the ring each belongs. Who sends adds to it before it
 * publishes the data, so who sees the data finds the item.
 *
 * Credentials are known of each byte, whether SO_PASSCRED is set or not, since it
 * may be set later; but an item is only made when another process sends than
 * before, or first than the one that has the other end by SO_PEERCRED. A message
 * of whom nothing is known, such as any that came through a link, is from nobody.
 *
 * Descriptors in flight form no cycle: neither sockets of this family nor of
 * AF_UNIX can be sent, nor io_uring's files, and nothing else keeps hold of a
 * socket. So what is in flight ends with the socket that it is in, and needs no
 * collector. How much a user can have in flight is bounded as with AF_UNIX.
 *
 * Items are many times larger than the byte that each may belong to. But for the
 * first few, they count as memory of the receiver, see limits.c, and a queue has
 * no more of them than would fit into SO_RCVBUF.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "vshm.h"

/* Items that a queue may have whatever the limits are. */
#define VSHM_SCM_FEW	16

/* Descriptors in flight, by user. */
static DEFINE_XARRAY(vshm_inflight);
static DEFINE_MUTEX(vshm_inflight_lock);

static unsigned long vshm_inflight_of(unsigned long uid)
{
	void *entry = xa_load(&vshm_inflight, uid);

	return entry ? xa_to_value(entry) : 0;
}

static int vshm_inflight_charge(const struct scm_fp_list *fp)
{
	unsigned long uid = __kuid_val(fp->user->uid), n;
	int err;

	mutex_lock(&vshm_inflight_lock);
	n = vshm_inflight_of(uid);
	if (n > rlimit(RLIMIT_NOFILE) && !capable(CAP_SYS_RESOURCE) &&
	    !capable(CAP_SYS_ADMIN))
		err = -ETOOMANYREFS;
	else
		err = xa_err(xa_store(&vshm_inflight, uid,
				      xa_mk_value(n + fp->count),
				      GFP_KERNEL_ACCOUNT));
	mutex_unlock(&vshm_inflight_lock);
	return err;
}

static void vshm_inflight_uncharge(const struct scm_fp_list *fp)
{
	unsigned long uid = __kuid_val(fp->user->uid), n;

	mutex_lock(&vshm_inflight_lock);
	n = vshm_inflight_of(uid) - fp->count;
	/* replaces an entry, and so needs no memory */
	if (n)
		xa_store(&vshm_inflight, uid, xa_mk_value(n), GFP_KERNEL);
	else
		xa_erase(&vshm_inflight, uid);
	mutex_unlock(&vshm_inflight_lock);
}

/* What could be part of a cycle is not sent, see above. */
static bool vshm_scm_allowed(const struct scm_fp_list *fp)
{
	struct socket *sock;
	int i;

	for (i = 0; i < fp->count; i++) {
		sock = sock_from_file(fp->fp[i]);
		if (sock && (sock->sk->sk_family == AF_UNIX ||
			     sock->sk->sk_family == vshm_family))
			return false;
	}
	return true;
}

static struct vshm_scm *vshm_scm_alloc(void)
{
	struct vshm_scm *scm = kzalloc(sizeof(*scm), GFP_KERNEL_ACCOUNT);

	if (scm) {
		scm->cookie.creds.uid = INVALID_UID;
		scm->cookie.creds.gid = INVALID_GID;
	}
	return scm;
}

/**
 * vshm_scm_send() - take descriptors and credentials from a program
 * @sock: socket that sends
 * @msg: message with control data
 * @scm: takes what it says, or NULL when it says nothing of that kind
 *
 * Context: process context, no lock held.
 * Return: 0, or the errnos of AF_UNIX; -EINVAL also for a descriptor that could
 * be part of a cycle.
 */
int vshm_scm_send(struct socket *sock, struct msghdr *msg,
		  struct vshm_scm **scm)
{
	/* __scm_send() takes descriptors from sockets of AF_UNIX only */
	static const struct proto_ops unix_ops = { .family = PF_UNIX };
	struct socket like = { .sk = sock->sk, .ops = &unix_ops };
	struct vshm_scm *item = vshm_scm_alloc();
	struct scm_cookie *cookie;
	int err;

	if (!item)
		return -ENOMEM;
	cookie = &item->cookie;
	err = __scm_send(&like, msg, cookie);
	if (err || (!cookie->fp && !cookie->pid)) {
		kfree(item);
		return err;
	}
	item->said = cookie->pid;
	if (cookie->fp)
		err = vshm_scm_allowed(cookie->fp) ?
			vshm_inflight_charge(cookie->fp) : -EINVAL;
	if (err) {
		scm_destroy(cookie);
		kfree(item);
		return err;
	}
	*scm = item;
	return 0;
}

/**
 * vshm_scm_current() - the calling process is who sends
 * @scm: in: what it sends beside the data, or NULL; out: the same with
 *	credentials
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int vshm_scm_current(struct vshm_scm **scm)
{
	if (!*scm)
		*scm = vshm_scm_alloc();
	if (!*scm)
		return -ENOMEM;
	if (!(*scm)->cookie.pid)
		scm_set_cred(&(*scm)->cookie, task_tgid(current),
			     current_uid(), current_gid());
	return 0;
}

/**
 * vshm_scm_free() - let go of what goes beside a message
 * @scm: item that is in no list, or NULL; the entry of the socket that it counts
 *	for is held
 *
 * Context: process context, may sleep.
 */
void vshm_scm_free(struct vshm_scm *scm)
{
	if (!scm)
		return;
	if (scm->of)
		vshm_memory_uncharge(scm->of, sizeof(*scm));
	if (scm->cookie.fp)
		vshm_inflight_uncharge(scm->cookie.fp);
	scm_destroy(&scm->cookie);
	kfree(scm);
}

/**
 * vshm_writer_forget() - let the next message say again who sends it
 * @writer: who sent before
 *
 * Context: tx_lock held, or the connection is about to be freed.
 */
void vshm_writer_forget(struct vshm_writer *writer)
{
	put_cred(writer->cred);
	put_pid(writer->pid);
	writer->cred = NULL;
	writer->pid = NULL;
}

static void vshm_writer_set(struct vshm_writer *writer)
{
	vshm_writer_forget(writer);
	/* io_uring can lend one process the credentials of another */
	if (current_cred() != current_real_cred())
		return;
	writer->cred = get_current_cred();
	writer->pid = get_pid(task_tgid(current));
}

static bool vshm_writer_is_current(const struct pid *pid,
				   const struct cred *cred)
{
	return pid == task_tgid(current) && cred &&
	       uid_eq(cred->uid, current_uid()) &&
	       gid_eq(cred->gid, current_gid());
}

/* Does the other end know who sends, without being told? */
static bool vshm_writer_known(struct vshm_conn *conn)
{
	struct vshm_writer *writer = &conn->writer;
	struct vshm_conn *peer;
	struct sock *sk;
	bool known;

	if (writer->pid || writer->told)
		return vshm_writer_is_current(writer->pid, writer->cred);
	peer = vshm_conn_get(&conn->peer);
	if (!peer)
		return false;
	sk = peer->sk;
	spin_lock(&sk->sk_peer_lock);
	known = vshm_writer_is_current(sk->sk_peer_pid, sk->sk_peer_cred);
	spin_unlock(&sk->sk_peer_lock);
	vshm_conn_put(peer);
	return known;
}

/**
 * vshm_scm_prepare() - make ready what goes beside the data of a connection
 * @conn: connection
 * @scm: in: what the program sends beside the data, or NULL when another process
 *	may be sending than before; out: what vshm_scm_attach() is to be given
 *
 * Context: tx_lock held; may sleep.
 * Return: 0, -ENOMEM, or -EOPNOTSUPP when the other end is in another kernel.
 */
int vshm_scm_prepare(struct vshm_conn *conn, struct vshm_scm **scm)
{
	if (!conn->local)
		return -EOPNOTSUPP;
	if (!*scm && vshm_writer_known(conn)) {
		vshm_writer_set(&conn->writer);
		return 0;
	}
	return vshm_scm_current(scm);
}

/* Count one more item of a queue; its lock is held. */
static bool vshm_scm_charge(struct vshm_sock *to, struct vshm_scm_queue *q,
			    struct vshm_scm *item)
{
	if (q->nr >= VSHM_SCM_FEW) {
		if (q->nr >= READ_ONCE(to->sk.sk_rcvbuf) / sizeof(*item) ||
		    !vshm_memory_charge(to, sizeof(*item)))
			return false;
		item->of = to;
	}
	q->nr++;
	return true;
}

/**
 * vshm_scm_add() - put an item into a queue
 * @to: socket whose queue it is
 * @q: queue
 * @scm: item that has credentials; NULL afterwards, unless it fails
 * @start: position of the data that it belongs to, which is not published yet
 * @bytes: length of the data in the ring
 *
 * A queue that is closed takes nothing, and the item is freed.
 * Context: process context, sending direction held.
 * Return: 0, or -ENOBUFS when there are as many items as there may be.
 */
int vshm_scm_add(struct vshm_sock *to, struct vshm_scm_queue *q,
		 struct vshm_scm **scm, u64 start, u64 bytes)
{
	struct vshm_scm *item = *scm;

	item->start = start;
	item->end = start + bytes;
	spin_lock(&q->lock);
	if (!q->closed) {
		if (!vshm_scm_charge(to, q, item)) {
			spin_unlock(&q->lock);
			return -ENOBUFS;
		}
		list_add_tail(&item->node, &q->items);
		WRITE_ONCE(q->filled, true);
		item = NULL;
	}
	spin_unlock(&q->lock);
	vshm_scm_free(item);
	*scm = NULL;
	return 0;
}

/**
 * vshm_scm_attach() - send what goes beside the data
 * @conn: connection, with @bytes copied to the head of its ring
 * @scm: what vshm_scm_prepare() made; NULL afterwards, unless it fails
 * @bytes: length of the data in the ring, to be published next
 * @who: takes who sends the rest of the call, for vshm_beside.who: NULL for whom
 *	the program has said
 *
 * Context: tx_lock held.
 * Return: 0, or -ENOBUFS when too much waits to be received already.
 */
int vshm_scm_attach(struct vshm_conn *conn, struct vshm_scm **scm, u64 bytes,
		    const struct cred **who)
{
	struct vshm_conn *peer;
	bool said = (*scm)->said;
	int err;

	peer = vshm_conn_get(&conn->peer);
	if (peer) {
		err = vshm_scm_add(vshm_sk(peer->sk), &peer->scm, scm,
				   conn->tx.head, bytes);
		vshm_conn_put(peer);
		if (err)
			return err;
	} else {
		vshm_scm_free(*scm);
		*scm = NULL;
	}
	conn->writer.told = true;
	if (said)
		vshm_writer_forget(&conn->writer);
	else
		vshm_writer_set(&conn->writer);
	*who = said ? NULL : current_cred();
	return 0;
}

/**
 * vshm_scm_queue_init() - make an empty queue
 * @q: queue
 * @single: credentials are those of one message
 */
void vshm_scm_queue_init(struct vshm_scm_queue *q, bool single)
{
	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->items);
	q->single = single;
	q->writer.creds.uid = INVALID_UID;
	q->writer.creds.gid = INVALID_GID;
}

/**
 * vshm_scm_queue_purge() - free what was not received
 * @q: queue, of which no call that receives makes use any more
 *
 * Nothing is taken from now on.
 * Context: process context, may sleep; the receiving direction held, or nobody
 * receives.
 */
void vshm_scm_queue_purge(struct vshm_scm_queue *q)
{
	struct vshm_scm *scm, *tmp;
	LIST_HEAD(items);

	spin_lock(&q->lock);
	q->closed = true;
	q->removed += q->nr;
	q->nr = 0;
	list_splice_init(&q->items, &items);
	WRITE_ONCE(q->filled, false);
	spin_unlock(&q->lock);
	list_for_each_entry_safe(scm, tmp, &items, node)
		vshm_scm_free(scm);
	scm_destroy_cred(&q->writer);
}

/**
 * vshm_scm_begin() - start to receive more than data
 * @rv: takes what vshm_scm_finish() is to be given, unless it has it already
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int vshm_scm_begin(struct vshm_scm_recv **rv)
{
	if (*rv)
		return 0;
	*rv = kzalloc(sizeof(**rv), GFP_KERNEL);
	if (!*rv)
		return -ENOMEM;
	(*rv)->cookie.creds.uid = INVALID_UID;
	(*rv)->cookie.creds.gid = INVALID_GID;
	return 0;
}

/* Who wrote it; a writer of whom nothing was said has the other end. */
static void vshm_scm_copy_creds(struct sock *sk, struct scm_cookie *to,
				const struct scm_cookie *from)
{
	if (from->pid) {
		scm_set_cred(to, from->pid, from->creds.uid, from->creds.gid);
		return;
	}
	spin_lock(&sk->sk_peer_lock);
	if (sk->sk_peer_pid && sk->sk_peer_cred)
		scm_set_cred(to, sk->sk_peer_pid, sk->sk_peer_cred->uid,
			     sk->sk_peer_cred->gid);
	spin_unlock(&sk->sk_peer_lock);
}

static bool vshm_scm_same_creds(const struct scm_cookie *a,
				const struct scm_cookie *b)
{
	return a->pid == b->pid && uid_eq(a->creds.uid, b->creds.uid) &&
	       gid_eq(a->creds.gid, b->creds.gid);
}

/*
 * The last item that starts at @at or before it, or NULL. A call that looks ahead
 * goes on from where it was, so all of them are seen once, however many there are.
 * The queue's lock is held.
 */
static struct vshm_scm *vshm_scm_seek(struct vshm_scm_queue *q,
				      struct vshm_scm_recv *rv, u64 at)
{
	struct vshm_scm *found = NULL, *scm;

	if (rv->seen && rv->removed == q->removed &&
	    (s64)(rv->seen->start - at) <= 0)
		found = rv->seen;
	scm = list_prepare_entry(found, &q->items, node);
	list_for_each_entry_continue(scm, &q->items, node) {
		if ((s64)(scm->start - at) > 0)
			break;
		found = scm;
	}
	rv->seen = found;
	rv->removed = q->removed;
	return found;
}

/**
 * vshm_scm_limit() - how much can be received in one go
 * @sk: socket that receives
 * @q: its queue
 * @rv: what the call has received so far
 * @at: position from which it receives
 * @avail: bytes that are there
 *
 * The data that one copy takes has one sender, and belongs to one item at most.
 * With SO_PASSCRED, so does that of one call; and a call does not go past data
 * that came with descriptors, once it has these.
 * Context: receiving direction held.
 * Return: bytes, at most @avail; 0 when the call has all that it can get.
 */
u64 vshm_scm_limit(struct sock *sk, struct vshm_scm_queue *q,
		   struct vshm_scm_recv *rv, u64 at, u64 avail)
{
	const struct scm_cookie *writer = q->single ? NULL : &q->writer;
	bool passcred = vshm_passcred(sk);
	struct scm_cookie here = {
		.creds = { .uid = INVALID_UID, .gid = INVALID_GID },
	};
	struct vshm_scm *scm;

	spin_lock(&q->lock);
	scm = vshm_scm_seek(q, rv, at);
	if (scm && (!q->single || scm->start == at))
		writer = &scm->cookie;
	if (scm && scm->cookie.fp && (s64)(scm->end - at) > 0)
		avail = min(avail, scm->end - at);
	scm = list_prepare_entry(scm, &q->items, node);
	if (!list_is_last(&scm->node, &q->items))
		avail = min(avail, list_next_entry(scm, node)->start - at);
	if (writer && passcred)
		vshm_scm_copy_creds(sk, &here, writer);
	spin_unlock(&q->lock);

	if (rv->cookie.fp)
		avail = (s64)(rv->end - at) > 0 ? min(avail, rv->end - at) : 0;
	if (passcred && !rv->taken) {
		swap(rv->cookie.pid, here.pid);
		rv->cookie.creds = here.creds;
	} else if (passcred && !vshm_scm_same_creds(&here, &rv->cookie)) {
		avail = 0;
	}
	scm_destroy_cred(&here);
	return avail;
}

/**
 * vshm_scm_take() - take what goes beside data that was received
 * @q: queue
 * @rv: takes it
 * @at: position of the first byte of the data
 * @peek: leave it there, and take a copy
 *
 * Context: receiving direction held; may sleep.
 */
void vshm_scm_take(struct vshm_scm_queue *q, struct vshm_scm_recv *rv, u64 at,
		   bool peek)
{
	struct vshm_scm *scm, *found;

	rv->taken = true;
	/* nobody else removes an item, so one stays there without the lock */
	spin_lock(&q->lock);
	found = vshm_scm_seek(q, rv, at);
	spin_unlock(&q->lock);
	if (!found)
		return;
	if (peek) {
		if (found->cookie.fp && (s64)(found->end - at) > 0 &&
		    !rv->cookie.fp) {
			rv->cookie.fp = scm_fp_dup(found->cookie.fp);
			rv->end = found->end;
		}
		return;
	}
	do {
		spin_lock(&q->lock);
		scm = list_first_entry(&q->items, struct vshm_scm, node);
		list_del(&scm->node);
		q->nr--;
		q->removed++;
		WRITE_ONCE(q->filled, !list_empty(&q->items));
		spin_unlock(&q->lock);
		if (!rv->cookie.fp && scm->cookie.fp) {
			vshm_inflight_uncharge(scm->cookie.fp);
			rv->cookie.fp = scm->cookie.fp;
			rv->end = scm->end;
			scm->cookie.fp = NULL;
		}
		swap(q->writer.pid, scm->cookie.pid);
		q->writer.creds = scm->cookie.creds;
		vshm_scm_free(scm);
	} while (scm != found);
}

/**
 * vshm_scm_finish() - give a program what it received beside the data
 * @sock: socket
 * @msg: its message
 * @rv: what was received; freed
 * @flags: MSG_*
 *
 * Without data, nothing is said.
 * Context: process context, no lock held.
 */
void vshm_scm_finish(struct socket *sock, struct msghdr *msg,
		     struct vshm_scm_recv *rv, int flags)
{
	if (rv->taken)
		vshm_scm_recv(sock, msg, &rv->cookie, flags);
	else
		scm_destroy(&rv->cookie);
	kfree(rv);
}
