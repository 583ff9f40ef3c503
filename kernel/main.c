// SPDX-License-Identifier: GPL-2.0
/*
 * vshm: virtual sockets over shared memory. Loading and unloading.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include "compat.h"
#include "vshm.h"

int vshm_family = AF_VSHM;
module_param_named(family, vshm_family, int, 0444);
MODULE_PARM_DESC(family, "address family number to register (default 18)");

static int vshm_create(struct net *net, struct socket *sock, int protocol,
		       int kern)
{
	struct sock *sk;

	if (protocol && protocol != vshm_family)
		return -EPROTONOSUPPORT;
	switch (sock->type) {
	case SOCK_STREAM:
		sock->ops = &vshm_stream_ops;
		break;
	case SOCK_SEQPACKET:
		sock->ops = &vshm_seqpacket_ops;
		break;
	case SOCK_DGRAM:
		sock->ops = &vshm_dgram_ops;
		break;
	default:
		return -ESOCKTNOSUPPORT;
	}
	sk = vshm_sock_alloc(net, sock, sock->type, current_fsuid(), kern);
	if (!sk)
		return -ENOBUFS;
	sk->sk_protocol = protocol;
	vshm_sk(sk)->local.protocol = protocol;
	sock->state = SS_UNCONNECTED;
	vshm_custom_sockopt(sock);
	return 0;
}

static struct net_proto_family vshm_family_ops = {
	.create	= vshm_create,
	.owner	= THIS_MODULE,
};

static int __init vshm_register_family(void)
{
	int err;

	if (vshm_family <= AF_UNSPEC || vshm_family >= AF_MAX) {
		pr_err("family=%d is out of range: use 1 to %d\n", vshm_family,
		       AF_MAX - 1);
		return -EINVAL;
	}
	vshm_family_ops.family = vshm_family;
	err = vshm_diag_init();
	if (!err) {
		err = sock_register(&vshm_family_ops);
		if (err)
			vshm_diag_exit();
	}
	if (err == -EEXIST && vshm_is_vsock())
		pr_err("family=%d is taken by the kernel's vsock: unload it and what uses it (modprobe -r vhost_vsock vmw_vsock_virtio_transport vsock_loopback vsock_diag vsock), and keep it away with \"install vsock /bin/false\" in /etc/modprobe.d\n",
		       vshm_family);
	else if (err == -EEXIST)
		pr_err("family=%d is taken by another module: unload that, or choose another number\n",
		       vshm_family);
	return err;
}

static int __init vshm_init(void)
{
	int err;

	err = vshm_conn_init();
	if (err)
		return err;
	err = proto_register(&vshm_proto, 1);
	if (err)
		goto err_conn;
	err = vshm_forward_init();
	if (err)
		goto err_proto;
	err = vshm_event_init();
	if (err)
		goto err_forward;
	err = vshm_sysfs_init();
	if (err)
		goto err_event;
	err = vshm_table_init();
	if (err)
		goto err_sysfs;
	/* last: sockets can be made from now on */
	err = vshm_register_family();
	if (err)
		goto err_table;
	vshm_vsock_init();
	pr_info("address family %d\n", vshm_family);
	return 0;

err_table:
	vshm_table_exit();
err_sysfs:
	vshm_sysfs_exit();
err_event:
	vshm_event_exit();
err_forward:
	vshm_forward_exit();
err_proto:
	proto_unregister(&vshm_proto);
err_conn:
	vshm_conn_exit();
	return err;
}

static void __exit vshm_exit(void)
{
	vshm_vsock_exit();
	sock_unregister(vshm_family);
	vshm_diag_exit();
	vshm_table_exit();
	vshm_sysfs_exit();
	vshm_event_exit();
	vshm_forward_exit();
	proto_unregister(&vshm_proto);
	vshm_conn_exit();
}

module_init(vshm_init);
module_exit(vshm_exit);

MODULE_DESCRIPTION("Virtual sockets over shared memory (AF_VSHM)");
MODULE_LICENSE("GPL");
MODULE_ALIAS_NETPROTO(AF_VSHM);
