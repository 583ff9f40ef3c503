// SPDX-License-Identifier: GPL-2.0
/*
 * What goes beside the data: timestamps, and the error queue, which tells of
 * sends with MSG_ZEROCOPY. Descriptors and credentials are in scm.c.
 *
 * Data is always copied, into the peer's memory, before a call that sends it
 * returns. So the program's buffer is free at once, and the completion says so
 * with SO_EE_CODE_ZEROCOPY_COPIED; it is there for programs that wait for it.
 */
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/skbuff.h>

#include "io.h"
#include "vshm.h"

/* Make the last completion in the queue tell of one more send. */
static bool vshm_zerocopy_extend(struct sk_buff_head *queue, u32 id)
{
	struct sk_buff *last = skb_peek_tail(queue);
	struct sock_extended_err *ee;

	if (!last)
		return false;
	ee = &SKB_EXT_ERR(last)->ee;
	if (ee->ee_origin != SO_EE_ORIGIN_ZEROCOPY || ee->ee_data + 1 != id)
		return false;
	ee->ee_data = id;
	return true;
}

/*
 * Queue the completion of a send with MSG_ZEROCOPY; sends that fail are not
 * counted. Completions that were not read yet become one, which spans a range of
 * sends.
 */
static void vshm_zerocopy_end(struct sock *sk, struct sk_buff *done, bool sent)
{
	struct sk_buff_head *queue = &sk->sk_error_queue;
	struct sock_extended_err *ee;
	unsigned long flags;

	if (!sent) {
		kfree_skb(done);
		return;
	}
	memset(done->cb, 0, sizeof(done->cb));
	ee = &SKB_EXT_ERR(done)->ee;
	ee->ee_origin = SO_EE_ORIGIN_ZEROCOPY;
	ee->ee_code = SO_EE_CODE_ZEROCOPY_COPIED;

	/* numbered in the order of the queue */
	spin_lock_irqsave(&queue->lock, flags);
	ee->ee_info = atomic_inc_return(&sk->sk_zckey) - 1;
	ee->ee_data = ee->ee_info;
	if (!vshm_zerocopy_extend(queue, ee->ee_info)) {
		__skb_queue_tail(queue, done);
		done = NULL;
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	consume_skb(done);
	sk_error_report(sk);
}

/**
 * __vshm_beside_begin() - take what goes beside the data of a call that sends
 * @sock: socket
 * @msg: data, control data and flags
 * @len: bytes of data
 * @beside: takes it
 *
 * The completion for MSG_ZEROCOPY is made before anything is sent, so that one
 * never lacks memory.
 * Context: process context, no lock held.
 * Return: 0; -EOPNOTSUPP for MSG_OOB; -ENOBUFS; or the errnos of
 * vshm_scm_send().
 */
int __vshm_beside_begin(struct socket *sock, struct msghdr *msg, size_t len,
			struct vshm_beside *beside)
{
	struct sk_buff *done = NULL;
	int err;

	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (msg->msg_flags & MSG_ZEROCOPY && len &&
	    sock_flag(sock->sk, SOCK_ZEROCOPY)) {
		done = alloc_skb(0, GFP_KERNEL);
		if (!done)
			return -ENOBUFS;
	}
	err = msg->msg_controllen ? vshm_scm_send(sock, msg, &beside->scm) : 0;
	if (err) {
		kfree_skb(done);
		return err;
	}
	if (beside->scm)
		beside->who = VSHM_WHO_SCM;
	beside->done = done;
	beside->any = true;
	return 0;
}

/**
 * __vshm_beside_end() - end a call that has something beside its data
 * @sk: socket
 * @beside: what it was, that was not sent; freed
 * @sent: data was sent
 *
 * Context: process context, no lock held.
 */
void __vshm_beside_end(struct sock *sk, struct vshm_beside *beside, bool sent)
{
	vshm_scm_free(beside->scm);
	if (beside->done)
		vshm_zerocopy_end(sk, beside->done, sent);
}

/**
 * __vshm_recv_timestamp() - SO_TIMESTAMP, SO_TIMESTAMPING and their kin, of what
 * a call received
 * @sk: socket with one of these options
 * @msg: takes the timestamp
 * @when: when it came; for the bytes of a connection, of whose arrival shared
 *	memory has no record, when the call took them
 *
 * Context: process context, no lock held.
 */
void __vshm_recv_timestamp(struct sock *sk, struct msghdr *msg, ktime_t when)
{
	bool new = sock_flag(sk, SOCK_TSTAMP_NEW);
	struct timespec64 ts = ktime_to_timespec64(when);
	/* of software first; twice more, for hardware, which there is none of */
	s64 all[6] = { ts.tv_sec, ts.tv_nsec };
	s64 value[2] = { ts.tv_sec, ts.tv_nsec };
	int type;

	if (READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_SOFTWARE &&
	    sock_flag(sk, SOCK_TIMESTAMPING_RX_SOFTWARE))
		put_cmsg(msg, SOL_SOCKET, new ? SO_TIMESTAMPING_NEW :
			 SO_TIMESTAMPING_OLD, sizeof(all), all);
	if (!sock_flag(sk, SOCK_RCVTSTAMP))
		return;
	if (sock_flag(sk, SOCK_RCVTSTAMPNS)) {
		type = new ? SO_TIMESTAMPNS_NEW : SO_TIMESTAMPNS_OLD;
	} else {
		type = new ? SO_TIMESTAMP_NEW : SO_TIMESTAMP_OLD;
		value[1] /= NSEC_PER_USEC;
	}
	/* the structures of all four are these two words, those above six */
	put_cmsg(msg, SOL_SOCKET, type, sizeof(value), value);
}
