// SPDX-License-Identifier: GPL-2.0
/*
 * SO_PEERCRED: who has the other end of a connection within this kernel. As with
 * AF_UNIX, that is who called connect(2), listen(2) or socketpair(2). Of a peer in
 * another kernel nothing is known, and what it would say means nothing here.
 */
#include <linux/cred.h>
#include <linux/pid.h>

#include "vshm.h"

/* Takes the references. */
static void vshm_cred_set(struct sock *sk, struct pid *pid,
			  const struct cred *cred)
{
	spin_lock(&sk->sk_peer_lock);
	swap(sk->sk_peer_pid, pid);
	swap(sk->sk_peer_cred, cred);
	spin_unlock(&sk->sk_peer_lock);
	put_pid(pid);
	put_cred(cred);
}

/**
 * vshm_cred_current() - the peer of a socket is the calling process
 * @sk: socket, or a listener, which keeps who it is for those that connect
 *
 * Context: process context.
 */
void vshm_cred_current(struct sock *sk)
{
	vshm_cred_set(sk, get_pid(task_tgid(current)), get_current_cred());
}

/**
 * vshm_cred_copy() - the peer of a socket is who listens
 * @sk: socket that connects
 * @listener: to whom
 *
 * Context: process context.
 */
void vshm_cred_copy(struct sock *sk, struct sock *listener)
{
	const struct cred *cred;
	struct pid *pid;

	spin_lock(&listener->sk_peer_lock);
	pid = get_pid(listener->sk_peer_pid);
	cred = get_cred(listener->sk_peer_cred);
	spin_unlock(&listener->sk_peer_lock);
	vshm_cred_set(sk, pid, cred);
}
