// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/vshm: a memfd and two eventfds as one end of a vshm link, on a host.
 *
 * Each open file attaches one link to the network namespace of its opener, and
 * detaches it when it is closed. The incoming eventfd is consumed where it is
 * signalled, by a function in its wait queue, as KVM does with irqfds: no
 * thread waits for it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vshm.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "memfd.h"
#include "region.h"

/**
 * struct vshm_host - an open file, and the link that it attaches
 * @net: the opener's network namespace; referenced
 * @lock: one ioctl at a time
 * @rl: the link, or NULL
 * @memfd: its memory
 * @in_file: what the peer signals
 * @in: the same
 * @out: what signals the peer
 * @wait: in the wait queue of @in
 * @poll: joins it
 */
struct vshm_host {
	struct net		*net;
	struct mutex		lock;
	struct vshm_region_link	*rl;
	struct vshm_memfd	memfd;
	struct file		*in_file;
	struct eventfd_ctx	*in;
	struct eventfd_ctx	*out;
	wait_queue_entry_t	wait;
	poll_table		poll;
};

static void vshm_host_doorbell(void *priv, u32 peer_cid)
{
	struct vshm_host *host = priv;

	vshm_eventfd_signal(host->out);
}

/* The peer has signalled; the lock of the eventfd's wait queue is held. */
static int vshm_host_wake(wait_queue_entry_t *wait, unsigned int mode, int sync,
			  void *key)
{
	struct vshm_host *host = container_of(wait, struct vshm_host, wait);
	u64 count;

	if (!(key_to_poll(key) & EPOLLIN))
		return 0;
	eventfd_ctx_do_read(host->in, &count);
	vshm_region_interrupt(host->rl);
	return 0;
}

static void vshm_host_join(struct file *file, wait_queue_head_t *head,
			   poll_table *poll)
{
	struct vshm_host *host = container_of(poll, struct vshm_host, poll);

	add_wait_queue_priority(head, &host->wait);
}

static int vshm_host_get_eventfds(struct vshm_host *host,
				  const struct vshm_attach *attach)
{
	int err;

	host->in_file = eventfd_fget(attach->in_fd);
	if (IS_ERR(host->in_file))
		return PTR_ERR(host->in_file);
	host->in = eventfd_ctx_fileget(host->in_file);
	host->out = eventfd_ctx_fdget(attach->out_fd);
	if (!IS_ERR(host->out))
		return 0;
	err = PTR_ERR(host->out);
	eventfd_ctx_put(host->in);
	fput(host->in_file);
	return err;
}

static void vshm_host_put_eventfds(struct vshm_host *host)
{
	eventfd_ctx_put(host->out);
	eventfd_ctx_put(host->in);
	fput(host->in_file);
}

static int vshm_host_start(struct vshm_host *host,
			   const struct vshm_attach *attach)
{
	struct vshm_region_config config = {
		.net		 = host->net,
		.base		 = host->memfd.base,
		.size		 = host->memfd.size,
		.cid		 = attach->cid,
		.peer_cid	 = attach->peer_cid,
		.max_connections = attach->max_connections,
		.doorbell	 = vshm_host_doorbell,
		.priv		 = host,
	};
	struct vshm_region_link *rl;

	if (!vshm_region_present(host->memfd.base, host->memfd.size))
		return -EINVAL;
	rl = vshm_region_attach(&config);
	if (IS_ERR(rl))
		return PTR_ERR(rl);
	host->rl = rl;
	init_waitqueue_func_entry(&host->wait, vshm_host_wake);
	init_poll_funcptr(&host->poll, vshm_host_join);
	vfs_poll(host->in_file, &host->poll);
	/* for what was signalled before */
	vshm_region_interrupt(rl);
	return 0;
}

static int vshm_host_attach(struct vshm_host *host,
			    const struct vshm_attach *attach)
{
	int err;

	if (host->rl)
		return -EBUSY;
	err = vshm_host_get_eventfds(host, attach);
	if (err)
		return err;
	err = vshm_memfd_map(&host->memfd, attach->memory_fd);
	if (err)
		goto err_eventfds;
	err = vshm_host_start(host, attach);
	if (err)
		goto err_memfd;
	return 0;

err_memfd:
	vshm_memfd_unmap(&host->memfd);
err_eventfds:
	vshm_host_put_eventfds(host);
	return err;
}

static void vshm_host_detach(struct vshm_host *host)
{
	u64 count;

	eventfd_ctx_remove_wait_queue(host->in, &host->wait, &count);
	vshm_region_detach(host->rl);
	vshm_memfd_unmap(&host->memfd);
	vshm_host_put_eventfds(host);
}

static int vshm_host_open(struct inode *inode, struct file *file)
{
	struct net *net = current->nsproxy->net_ns;
	struct vshm_host *host;

	if (!ns_capable(net->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	host = kzalloc(sizeof(*host), GFP_KERNEL_ACCOUNT);
	if (!host)
		return -ENOMEM;
	host->net = get_net(net);
	mutex_init(&host->lock);
	file->private_data = host;
	return 0;
}

static int vshm_host_release(struct inode *inode, struct file *file)
{
	struct vshm_host *host = file->private_data;

	if (host->rl)
		vshm_host_detach(host);
	put_net(host->net);
	kfree(host);
	return 0;
}

/*
 * Every structure of an ioctl starts with its size, and may grow; beyond a page
 * there is nothing to be looked at.
 */
static int vshm_host_copy(void *to, size_t bytes, void __user *from)
{
	u32 size;

	if (get_user(size, (u32 __user *)from))
		return -EFAULT;
	if (size < bytes)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(to, bytes, from, size);
}

static long vshm_host_ioctl(struct file *file, unsigned int cmd,
			    unsigned long arg)
{
	struct vshm_host *host = file->private_data;
	void __user *argp = (void __user *)arg;
	struct vshm_attach attach;
	struct vshm_policy policy;
	int err;

	switch (cmd) {
	case VSHM_IOC_ATTACH:
		err = vshm_host_copy(&attach, sizeof(attach), argp);
		if (err)
			return err;
		if (attach.flags || attach.cid == attach.peer_cid)
			return -EINVAL;
		mutex_lock(&host->lock);
		err = vshm_host_attach(host, &attach);
		mutex_unlock(&host->lock);
		return err;
	case VSHM_IOC_POLICY:
		err = vshm_host_copy(&policy, sizeof(policy), argp);
		if (err)
			return err;
		return vshm_policy_set(host->net, policy.src_cid,
				       policy.dst_cid, policy.verdict);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations vshm_host_fops = {
	.owner		= THIS_MODULE,
	.open		= vshm_host_open,
	.release	= vshm_host_release,
	.unlocked_ioctl	= vshm_host_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

/*
 * Only a minor number that is known beforehand lets depmod(8) write down a
 * static node, which loads the module when it is opened. This one is of those
 * for local use.
 */
#define VSHM_HOST_MINOR	250

static struct miscdevice vshm_host_device = {
	.minor	= VSHM_HOST_MINOR,
	.name	= "vshm",
	.fops	= &vshm_host_fops,
	.mode	= 0600,
};
module_misc_device(vshm_host_device);

module_param_named(minor, vshm_host_device.minor, int, 0444);
MODULE_PARM_DESC(minor, "minor number of /dev/vshm (default 250; 255: any that is free)");

MODULE_DESCRIPTION("AF_VSHM links between a host and its guests");
MODULE_LICENSE("GPL");
MODULE_ALIAS_MISCDEV(VSHM_HOST_MINOR);
MODULE_ALIAS("devname:vshm");
