// SPDX-License-Identifier: GPL-2.0
/*
 * Standing in for AF_VSOCK: what a program sees that the family's number alone
 * does not bring. With another number than AF_VSOCK there is none of it.
 *
 * The device /dev/vsock tells a program the CID of its machine. Errnos of a
 * failed connect are those of AF_VSOCK, see vsock(7).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/vm_sockets.h>

#include "vshm.h"

/* The opener's own CID: a guest's before a host's before loopback. */
static u32 vshm_vsock_cid(struct vshm_net *vnet)
{
	u32 cid = VSHM_CID_LOCAL;
	struct vshm_link *link;
	unsigned long i;

	rcu_read_lock();
	xa_for_each(&vnet->links, i, link) {
		if (link->local_cid >= VSHM_CID_GUEST_MIN) {
			cid = link->local_cid;
			break;
		}
		cid = link->local_cid;
	}
	rcu_read_unlock();
	return cid;
}

static long vshm_vsock_ioctl(struct file *file, unsigned int cmd,
			     unsigned long arg)
{
	struct net *net = current->nsproxy->net_ns;

	if (cmd != IOCTL_VM_SOCKETS_GET_LOCAL_CID)
		return -ENOIOCTLCMD;
	return put_user(vshm_vsock_cid(vshm_net(net)), (u32 __user *)arg);
}

static const struct file_operations vshm_vsock_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= vshm_vsock_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.open		= nonseekable_open,
};

static struct miscdevice vshm_vsock_device = {
	.minor		= MISC_DYNAMIC_MINOR,
	.name		= "vsock",
	.mode		= 0666,
	.fops		= &vshm_vsock_fops,
};

static bool vshm_vsock_there;

/**
 * vshm_vsock_errno() - why a connect failed, in the words of the family
 * @err: errno, positive
 *
 * Return: the errno for the program.
 */
int vshm_vsock_errno(int err)
{
	if (!vshm_is_vsock())
		return err;
	switch (err) {
	case ECONNREFUSED:
		return ECONNRESET;
	case EHOSTUNREACH:
		return ENODEV;
	default:
		return err;
	}
}

/**
 * vshm_vsock_init() - make /dev/vsock, in the place of AF_VSOCK
 *
 * Sockets work without.
 */
void __init vshm_vsock_init(void)
{
	int err;

	if (!vshm_is_vsock())
		return;
	err = misc_register(&vshm_vsock_device);
	if (err)
		pr_warn("no /dev/vsock: error %d\n", err);
	else
		vshm_vsock_there = true;
}

/**
 * vshm_vsock_exit() - take it away
 */
void vshm_vsock_exit(void)
{
	if (vshm_vsock_there)
		misc_deregister(&vshm_vsock_device);
}
