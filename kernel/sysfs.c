// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/class/vshm: a device for each link, and one, "sockets", that counts the
 * entries of the socket table. Each belongs to a network namespace, as network
 * devices do: a sysfs that was mounted in another one does not show it.
 *
 * A device is registered after what it shows exists, and unregistered, which
 * waits for readers, before that is gone; what remains of it afterwards is
 * looked at by nobody.
 */
#include <linux/device.h>
#include <linux/netdevice.h>
#include <linux/slab.h>

#include "compat.h"
#include "vshm.h"

/**
 * struct vshm_device - a device of the class
 * @dev: device
 * @vnet: namespace that it belongs to
 * @link: link that it shows, or NULL when it is "sockets"
 */
struct vshm_device {
	struct device		dev;
	struct vshm_net		*vnet;
	struct vshm_link	*link;
};

static struct vshm_device *to_vshm_device(const struct device *dev)
{
	return container_of(dev, struct vshm_device, dev);
}

/* Connections that wait to be accepted: those of a link, or all. */
static ssize_t pending_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	struct vshm_device *vdev = to_vshm_device(dev);

	return sysfs_emit(buf, "%d\n",
			  atomic_read(vdev->link ? &vdev->link->nr_pending :
						   &vdev->vnet->nr_pending));
}
static DEVICE_ATTR_RO(pending);

/* Links */

/* One file for each: __VA_ARGS__ is made of link and info, and its type fmt. */
#define VSHM_LINK_ATTR(name, fmt, ...)					\
static ssize_t name##_show(struct device *dev,				\
			   struct device_attribute *attr, char *buf)	\
{									\
	struct vshm_link *link = to_vshm_device(dev)->link;		\
	struct vshm_link_info info;					\
									\
	vshm_link_info(link, &info);					\
	return sysfs_emit(buf, fmt "\n", __VA_ARGS__);			\
}									\
static DEVICE_ATTR_RO(name)

VSHM_LINK_ATTR(kind, "%s", link->ops->name);
VSHM_LINK_ATTR(local_cid, "%u", link->local_cid);
VSHM_LINK_ATTR(peer_cid, "%u", link->peer_cid);
VSHM_LINK_ATTR(state, "%s", READ_ONCE(link->up) ? "up" : "down");
VSHM_LINK_ATTR(epoch, "%u", info.epoch);
VSHM_LINK_ATTR(peer_epoch, "%u", info.peer_epoch);
VSHM_LINK_ATTR(size, "%llu", info.size);
VSHM_LINK_ATTR(heap_size, "%llu", info.heap_size);
VSHM_LINK_ATTR(heap_used, "%llu", info.heap_used);
VSHM_LINK_ATTR(connections, "%d", atomic_read(&link->nr_conns));
VSHM_LINK_ATTR(max_connections, "%u", link->max_slots - 1);
VSHM_LINK_ATTR(rings, "%ld", atomic_long_read(&link->nr_rings));
VSHM_LINK_ATTR(ring_bytes, "%ld", atomic_long_read(&link->ring_bytes));
VSHM_LINK_ATTR(tx_bytes, "%llu", info.tx_bytes);
VSHM_LINK_ATTR(rx_bytes, "%llu", info.rx_bytes);
VSHM_LINK_ATTR(doorbells_sent, "%llu", info.rung);
VSHM_LINK_ATTR(doorbells_received, "%llu", info.heard);
VSHM_LINK_ATTR(doorbells_suppressed, "%llu", info.quiet);
VSHM_LINK_ATTR(resets, "%ld", atomic_long_read(&link->resets));
VSHM_LINK_ATTR(violations, "%ld", atomic_long_read(&link->violations));
VSHM_LINK_ATTR(datagram_drops, "%ld",
	       atomic_long_read(&link->datagrams.drops));

static struct attribute *vshm_link_attrs[] = {
	&dev_attr_kind.attr,
	&dev_attr_local_cid.attr,
	&dev_attr_peer_cid.attr,
	&dev_attr_state.attr,
	&dev_attr_epoch.attr,
	&dev_attr_peer_epoch.attr,
	&dev_attr_size.attr,
	&dev_attr_heap_size.attr,
	&dev_attr_heap_used.attr,
	&dev_attr_connections.attr,
	&dev_attr_pending.attr,
	&dev_attr_max_connections.attr,
	&dev_attr_rings.attr,
	&dev_attr_ring_bytes.attr,
	&dev_attr_tx_bytes.attr,
	&dev_attr_rx_bytes.attr,
	&dev_attr_doorbells_sent.attr,
	&dev_attr_doorbells_received.attr,
	&dev_attr_doorbells_suppressed.attr,
	&dev_attr_resets.attr,
	&dev_attr_violations.attr,
	&dev_attr_datagram_drops.attr,
	NULL
};
ATTRIBUTE_GROUPS(vshm_link);

static const struct device_type vshm_link_type = {
	.name	= "link",
	.groups	= vshm_link_groups,
};

/* The socket table */

#define VSHM_TABLE_ATTR(name, value)					\
static ssize_t name##_show(struct device *dev,				\
			   struct device_attribute *attr, char *buf)	\
{									\
	struct vshm_net *vnet = to_vshm_device(dev)->vnet;		\
									\
	return sysfs_emit(buf, "%ld\n", (long)(value));			\
}									\
static DEVICE_ATTR_RO(name)

#define VSHM_STATE_ATTR(name, state)					\
	VSHM_TABLE_ATTR(name, atomic_read(&vnet->states[state]))

VSHM_STATE_ATTR(unconnected, VSHM_UNCONNECTED);
VSHM_STATE_ATTR(bound, VSHM_BOUND);
VSHM_STATE_ATTR(listening, VSHM_LISTENING);
VSHM_STATE_ATTR(connecting, VSHM_CONNECTING);
VSHM_STATE_ATTR(connected, VSHM_CONNECTED);
VSHM_STATE_ATTR(shutdown, VSHM_SHUTDOWN);
VSHM_STATE_ATTR(disconnected, VSHM_DISCONNECTED);
VSHM_STATE_ATTR(terminated, VSHM_TERMINATED);
VSHM_TABLE_ATTR(sending, vshm_table_active(vnet, VSHM_SENDING));
VSHM_TABLE_ATTR(receiving, vshm_table_active(vnet, VSHM_RECEIVING));
VSHM_TABLE_ATTR(total, atomic_read(&vnet->nr));
VSHM_TABLE_ATTR(memory, atomic_long_read(&vnet->memory));

static struct attribute *vshm_table_attrs[] = {
	&dev_attr_unconnected.attr,
	&dev_attr_bound.attr,
	&dev_attr_listening.attr,
	&dev_attr_connecting.attr,
	&dev_attr_connected.attr,
	&dev_attr_shutdown.attr,
	&dev_attr_disconnected.attr,
	&dev_attr_terminated.attr,
	&dev_attr_sending.attr,
	&dev_attr_receiving.attr,
	&dev_attr_total.attr,
	&dev_attr_pending.attr,
	&dev_attr_memory.attr,
	NULL
};
ATTRIBUTE_GROUPS(vshm_table);

static const struct device_type vshm_table_type = {
	.name	= "table",
	.groups	= vshm_table_groups,
};

/* The class */

static const VSHM_NS_TAG *
vshm_class_namespace(VSHM_CLASS_CONST struct device *dev)
{
	return vshm_ns_tag(to_vshm_device(dev)->vnet->net);
}

static void vshm_class_release(struct device *dev)
{
	kfree(to_vshm_device(dev));
}

static struct class vshm_class = {
	.name		= "vshm",
	.dev_release	= vshm_class_release,
	.ns_type	= &net_ns_type_operations,
	.namespace	= vshm_class_namespace,
};

static struct vshm_device *vshm_sysfs_add(struct vshm_net *vnet,
					  struct vshm_link *link,
					  const struct device_type *type,
					  const char *name)
{
	struct vshm_device *vdev = kzalloc(sizeof(*vdev), GFP_KERNEL);
	int err;

	if (!vdev)
		return ERR_PTR(-ENOMEM);
	device_initialize(&vdev->dev);
	vdev->vnet = vnet;
	vdev->link = link;
	vdev->dev.class = &vshm_class;
	vdev->dev.type = type;
	err = dev_set_name(&vdev->dev, "%s", name);
	if (!err)
		err = device_add(&vdev->dev);
	if (err) {
		put_device(&vdev->dev);
		return ERR_PTR(err);
	}
	return vdev;
}

/**
 * vshm_sysfs_add_link() - show a link
 * @link: link, which has its CIDs
 *
 * Context: process context, may sleep.
 * Return: 0 or an errno.
 */
int vshm_sysfs_add_link(struct vshm_link *link)
{
	struct vshm_device *vdev;
	char name[32];

	if (vshm_link_is_loopback(link))
		strscpy(name, "loopback", sizeof(name));
	else
		snprintf(name, sizeof(name), "%u-%u", link->local_cid,
			 link->peer_cid);
	vdev = vshm_sysfs_add(link->vnet, link, &vshm_link_type, name);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	link->vdev = vdev;
	return 0;
}

/**
 * vshm_sysfs_remove_link() - show it no more
 * @link: link that was shown
 *
 * Context: process context, may sleep: waits for readers.
 */
void vshm_sysfs_remove_link(struct vshm_link *link)
{
	device_unregister(&link->vdev->dev);
}

/**
 * vshm_sysfs_add_table() - show the counters of a socket table
 * @vnet: table
 *
 * Return: 0 or an errno.
 */
int vshm_sysfs_add_table(struct vshm_net *vnet)
{
	struct vshm_device *vdev;

	vdev = vshm_sysfs_add(vnet, NULL, &vshm_table_type, "sockets");
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	vnet->vdev = vdev;
	return 0;
}

/**
 * vshm_sysfs_remove_table() - show them no more
 * @vnet: table
 *
 * Context: process context, may sleep: waits for readers.
 */
void vshm_sysfs_remove_table(struct vshm_net *vnet)
{
	device_unregister(&vnet->vdev->dev);
}

/**
 * vshm_sysfs_init() - make the class
 *
 * Return: 0 or an errno.
 */
int __init vshm_sysfs_init(void)
{
	return class_register(&vshm_class);
}

/**
 * vshm_sysfs_exit() - take the class away, with no device in it
 */
void vshm_sysfs_exit(void)
{
	class_unregister(&vshm_class);
}
