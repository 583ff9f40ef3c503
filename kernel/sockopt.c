// SPDX-License-Identifier: GPL-2.0
/*
 * Socket options at the family's level; the numbers are AF_VSOCK's.
 */
#include "vshm.h"

/* A size within limits, as bytes of each queue. */
static void vshm_buffer_set(struct vshm_sock *vsk, u64 size)
{
	struct sock *sk = &vsk->sk;

	size = clamp(size, vsk->buffer_min, vsk->buffer_max);
	WRITE_ONCE(sk->sk_sndbuf, size);
	WRITE_ONCE(sk->sk_rcvbuf, size);
}

static int vshm_buffer_option(struct vshm_sock *vsk, int optname, u64 size)
{
	const struct vshm_limits *limits =
		&vsk->vnet->limits;

	size = clamp_t(u64, size, READ_ONCE(limits->buffer_min),
		       READ_ONCE(limits->buffer_max));
	switch (optname) {
	case SO_VSHM_BUFFER_SIZE:
		vsk->sk.sk_userlocks |= SOCK_SNDBUF_LOCK | SOCK_RCVBUF_LOCK;
		break;
	case SO_VSHM_BUFFER_MIN_SIZE:
		vsk->buffer_min = size;
		vsk->buffer_max = max(vsk->buffer_max, size);
		size = vsk->sk.sk_rcvbuf;
		break;
	case SO_VSHM_BUFFER_MAX_SIZE:
		vsk->buffer_max = size;
		vsk->buffer_min = min(vsk->buffer_min, size);
		size = vsk->sk.sk_rcvbuf;
		break;
	}
	vshm_buffer_set(vsk, size);
	return 0;
}

static int vshm_timeout_option(struct vshm_sock *vsk, sockptr_t optval,
			       unsigned int optlen, bool old)
{
	struct __kernel_sock_timeval tv;
	long timeout;
	int err;

	/* with no lock held: what lies behind a user's page may take its time */
	err = sock_copy_user_timeval(&tv, optval, optlen, old);
	if (err)
		return err;
	if (tv.tv_sec < 0 || tv.tv_usec < 0 || tv.tv_usec >= USEC_PER_SEC ||
	    tv.tv_sec >= MAX_SCHEDULE_TIMEOUT / HZ - 1)
		return -ERANGE;
	timeout = tv.tv_sec * HZ +
		  DIV_ROUND_UP((unsigned long)tv.tv_usec, USEC_PER_SEC / HZ);
	WRITE_ONCE(vsk->connect_timeout,
		   timeout ?: vshm_connect_timeout_default(&vsk->sk));
	return 0;
}

static int vshm_option_int(sockptr_t optval, unsigned int optlen, int *value)
{
	if (optlen < sizeof(*value))
		return -EINVAL;
	return copy_from_sockptr(value, optval, sizeof(*value)) ? -EFAULT : 0;
}

/* SO_ZEROCOPY has values of its own, and no other. */
static int vshm_zerocopy_option(struct sock *sk, sockptr_t optval,
				unsigned int optlen)
{
	int on, err;

	err = vshm_option_int(optval, optlen, &on);
	if (err)
		return err;
	if (on < 0 || on > 1)
		return -EINVAL;
	lock_sock(sk);
	sock_valbool_flag(sk, SOCK_ZEROCOPY, on);
	release_sock(sk);
	return 0;
}

/* From Linux 6.16 on it is in the hands of the family alone. */
static int vshm_passcred_option(struct socket *sock, sockptr_t optval,
				unsigned int optlen)
{
	int on, err;

	err = vshm_option_int(optval, optlen, &on);
	if (err)
		return err;
	lock_sock(sock->sk);
	vshm_passcred_set(sock, on);
	release_sock(sock->sk);
	return 0;
}

/**
 * vshm_setsockopt() - setsockopt(2) at the family's level
 * @sock: socket
 * @level: the family number; SOL_SOCKET where the kernel passes these on
 * @optname: SO_VSHM_*
 * @optval: value
 * @optlen: bytes of it
 *
 * Return: 0, -ENOPROTOOPT, -EINVAL, -EFAULT or -ERANGE.
 */
int vshm_setsockopt(struct socket *sock, int level, int optname,
		    sockptr_t optval, unsigned int optlen)
{
	struct vshm_sock *vsk = vshm_sk(sock->sk);
	u64 size;
	int err;

	if (level == SOL_SOCKET && optname == SO_ZEROCOPY)
		return vshm_zerocopy_option(sock->sk, optval, optlen);
	if (level == SOL_SOCKET && optname == SO_PASSCRED)
		return vshm_passcred_option(sock, optval, optlen);
	if (level == SOL_SOCKET)
		return sock_setsockopt(sock, level, optname, optval, optlen);
	if (level != vshm_family)
		return -ENOPROTOOPT;
	switch (optname) {
	case SO_VSHM_ZEROCOPY:
		return vshm_zerocopy_option(sock->sk, optval, optlen);
	case SO_VSHM_BUFFER_SIZE:
	case SO_VSHM_BUFFER_MIN_SIZE:
	case SO_VSHM_BUFFER_MAX_SIZE:
		if (optlen < sizeof(size))
			return -EINVAL;
		if (copy_from_sockptr(&size, optval, sizeof(size)))
			return -EFAULT;
		lock_sock(sock->sk);
		err = vshm_buffer_option(vsk, optname, size);
		release_sock(sock->sk);
		return err;
	case SO_VSHM_CONNECT_TIMEOUT_OLD:
	case SO_VSHM_CONNECT_TIMEOUT_NEW:
		return vshm_timeout_option(vsk, optval, optlen, optname ==
					   SO_VSHM_CONNECT_TIMEOUT_OLD);
	default:
		return -ENOPROTOOPT;
	}
}

/**
 * vshm_getsockopt() - getsockopt(2) at the family's level
 * @sock: socket
 * @level: must be the family number
 * @optname: SO_VSHM_*
 * @optval: takes the value
 * @optlen: in: room; out: bytes of the value
 *
 * Return: 0, -ENOPROTOOPT, -EINVAL or -EFAULT.
 */
int vshm_getsockopt(struct socket *sock, int level, int optname,
		    char __user *optval, int __user *optlen)
{
	struct vshm_sock *vsk = vshm_sk(sock->sk);
	union {
		u64 size;
		u32 cid;
		int flag;
		struct __kernel_old_timeval tm;
		struct __kernel_sock_timeval stm;
	} v = { };
	int len, size = sizeof(v.size);

	if (level != vshm_family)
		return -ENOPROTOOPT;
	if (get_user(len, optlen))
		return -EFAULT;
	switch (optname) {
	case SO_VSHM_BUFFER_SIZE:
		v.size = READ_ONCE(sock->sk->sk_rcvbuf);
		break;
	case SO_VSHM_BUFFER_MIN_SIZE:
		v.size = READ_ONCE(vsk->buffer_min);
		break;
	case SO_VSHM_BUFFER_MAX_SIZE:
		v.size = READ_ONCE(vsk->buffer_max);
		break;
	case SO_VSHM_PEER_HOST_VM_ID:
		v.cid = READ_ONCE(vsk->remote.cid);
		size = sizeof(v.cid);
		break;
	case SO_VSHM_TRUSTED:
		v.flag = capable(CAP_NET_ADMIN);
		size = sizeof(v.flag);
		break;
	case SO_VSHM_ZEROCOPY:
		v.flag = sock_flag(sock->sk, SOCK_ZEROCOPY);
		size = sizeof(v.flag);
		break;
	case SO_VSHM_CONNECT_TIMEOUT_OLD:
	case SO_VSHM_CONNECT_TIMEOUT_NEW:
		size = sock_get_timeout(READ_ONCE(vsk->connect_timeout), &v,
					optname == SO_VSHM_CONNECT_TIMEOUT_OLD);
		break;
	default:
		return -ENOPROTOOPT;
	}
	if (len < size)
		return -EINVAL;
	if (copy_to_user(optval, &v, size) || put_user(size, optlen))
		return -EFAULT;
	return 0;
}
