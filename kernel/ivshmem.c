// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU's ivshmem-doorbell device as one end of a vshm link.
 *
 * BAR 0 has registers, BAR 2 is the region. The device's ID is the guest's CID,
 * and writing a peer's ID to the doorbell register interrupts that peer. See
 * docs/specs/ivshmem-spec in QEMU.
 *
 * Who is at the other end cannot be left to the header of the region, which the
 * other end can write, and the device has no place for it that can be read. But
 * it can be asked: vshmd tells QEMU how to interrupt the peer, and as the peer's
 * vector 1 it names the guest's own vector 1, by an eventfd that nobody else has.
 * So ringing vector 1 of a CID interrupts the guest itself if that is the peer's
 * CID, and does nothing otherwise. News come by vector 0.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/pci.h>
#include <linux/vshm.h>
#include <net/net_namespace.h>

#include "region.h"

#define IVSHMEM_VENDOR		0x1af4
#define IVSHMEM_DEVICE		0x1110

#define IVSHMEM_BAR_REGS	0
#define IVSHMEM_BAR_MEMORY	2

#define IVSHMEM_IVPOSITION	0x08
#define IVSHMEM_DOORBELL	0x0c

#define IVSHMEM_RING(cid, vector)	((cid) << 16 | (vector))

enum {
	VSHM_VECTOR_NEWS,
	VSHM_VECTOR_ECHO,
	VSHM_VECTORS,
};

/*
 * How often the device is asked, how long an answer may take, and how long one
 * to a driver that was here before. An answer is some microseconds away, but
 * QEMU may not have been told about the peer yet when the device is new.
 */
#define VSHM_ASK_TIMES		10
#define VSHM_ASK_MS		1000
#define VSHM_ASK_LATE_MS	20

/**
 * struct vshm_ivshmem - a bound device
 * @regs: BAR 0
 * @memory: BAR 2
 * @rl: the link
 * @panic: says goodbye for a kernel that dies
 */
struct vshm_ivshmem {
	void __iomem			*regs;
	void				*memory;
	struct vshm_region_link		*rl;
	struct notifier_block		panic;
};

static void vshm_ivshmem_doorbell(void *priv, u32 peer_cid)
{
	struct vshm_ivshmem *dev = priv;

	writel(IVSHMEM_RING(peer_cid, VSHM_VECTOR_NEWS),
	       dev->regs + IVSHMEM_DOORBELL);
}

static irqreturn_t vshm_ivshmem_interrupt(int irq, void *data)
{
	struct vshm_ivshmem *dev = data;

	vshm_region_interrupt(dev->rl);
	return IRQ_HANDLED;
}

/* The peer need not wait until this guest is started again. */
static int vshm_ivshmem_panic(struct notifier_block *nb, unsigned long event,
			      void *data)
{
	struct vshm_ivshmem *dev = container_of(nb, struct vshm_ivshmem, panic);

	vshm_region_panic(dev->rl);
	return NOTIFY_DONE;
}

static irqreturn_t vshm_ivshmem_echo(int irq, void *data)
{
	complete(data);
	return IRQ_HANDLED;
}

/* Is this the CID at the other end? 0, or -ENXIO when there is no answer. */
static int vshm_ivshmem_ask(struct pci_dev *pdev, struct vshm_ivshmem *dev,
			    u32 cid)
{
	DECLARE_COMPLETION_ONSTACK(echo);
	int irq = pci_irq_vector(pdev, VSHM_VECTOR_ECHO);
	long left = 0;
	int err;

	err = request_irq(irq, vshm_ivshmem_echo, 0, "vshm_ivshmem-echo", &echo);
	if (err)
		return err;
	msleep(VSHM_ASK_LATE_MS);
	reinit_completion(&echo);
	for (int i = 0; !left && i < VSHM_ASK_TIMES; i++) {
		writel(IVSHMEM_RING(cid, VSHM_VECTOR_ECHO),
		       dev->regs + IVSHMEM_DOORBELL);
		left = wait_for_completion_killable_timeout(&echo,
							    msecs_to_jiffies(VSHM_ASK_MS));
	}
	free_irq(irq, &echo);
	if (left < 0)
		return left;
	return left ? 0 : -ENXIO;
}

/*
 * Returns the peer's CID, or a negative error: what the header says is true, or
 * there is no link.
 */
static int vshm_ivshmem_peer(struct pci_dev *pdev, struct vshm_ivshmem *dev,
			     u32 own)
{
	u32 cid = vshm_region_peer_claimed(dev->memory, own);
	int err = -ENXIO;

	/* a number that fits into the register; it rings for itself as well */
	if (cid <= VSHM_CID_GUEST_MAX && cid != own)
		err = vshm_ivshmem_ask(pdev, dev, cid);
	if (err == -ENXIO)
		dev_err(&pdev->dev, "CID %u is not at the other end, although the region says so; or vshmd is too old\n",
			cid);
	return err ?: cid;
}

/* Attach the link, then let interrupts in. */
static int vshm_ivshmem_start(struct pci_dev *pdev, struct vshm_ivshmem *dev)
{
	struct vshm_region_config config = {
		.net		= &init_net,
		.base		= dev->memory,
		.size		= pci_resource_len(pdev, IVSHMEM_BAR_MEMORY),
		.cid		= readl(dev->regs + IVSHMEM_IVPOSITION),
		.doorbell	= vshm_ivshmem_doorbell,
		.priv		= dev,
	};
	int err, vectors = pci_msix_vec_count(pdev);

	if (vectors != VSHM_VECTORS) {
		dev_err(&pdev->dev, "%d MSI-X vectors: use QEMU's ivshmem-doorbell with vectors=%d\n",
			max(vectors, 0), VSHM_VECTORS);
		return -ENODEV;
	}
	err = pci_alloc_irq_vectors(pdev, VSHM_VECTORS, VSHM_VECTORS,
				    PCI_IRQ_MSIX);
	if (err < 0)
		return err;
	err = vshm_ivshmem_peer(pdev, dev, config.cid);
	if (err < 0)
		goto err_vectors;
	config.peer_cid = err;
	dev->rl = vshm_region_attach(&config);
	if (IS_ERR(dev->rl)) {
		err = PTR_ERR(dev->rl);
		goto err_vectors;
	}
	err = request_irq(pci_irq_vector(pdev, VSHM_VECTOR_NEWS),
			  vshm_ivshmem_interrupt, 0, "vshm_ivshmem", dev);
	if (err)
		goto err_link;
	vshm_region_interrupt(dev->rl);
	dev->panic.notifier_call = vshm_ivshmem_panic;
	atomic_notifier_chain_register(&panic_notifier_list, &dev->panic);
	return 0;

err_link:
	vshm_region_detach(dev->rl);
err_vectors:
	pci_free_irq_vectors(pdev);
	return err;
}

static int vshm_ivshmem_probe(struct pci_dev *pdev,
			      const struct pci_device_id *id)
{
	resource_size_t start = pci_resource_start(pdev, IVSHMEM_BAR_MEMORY);
	resource_size_t size = pci_resource_len(pdev, IVSHMEM_BAR_MEMORY);
	struct vshm_ivshmem *dev;
	int err;

	dev = devm_kzalloc(&pdev->dev, sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return -ENOMEM;
	err = pcim_enable_device(pdev);
	if (err)
		return err;
	err = pcim_iomap_regions(pdev, BIT(IVSHMEM_BAR_REGS), "vshm_ivshmem");
	if (err)
		return err;
	dev->regs = pcim_iomap_table(pdev)[IVSHMEM_BAR_REGS];
	/* pci_request_region() gives back by itself on older kernels only */
	if (!devm_request_mem_region(&pdev->dev, start, size, "vshm_ivshmem"))
		return -EBUSY;
	dev->memory = devm_memremap(&pdev->dev, start, size, MEMREMAP_WB);
	if (IS_ERR(dev->memory))
		return PTR_ERR(dev->memory);
	/* somebody else's shared memory: leave it alone */
	if (!vshm_region_present(dev->memory, size))
		return -ENODEV;
	pci_set_master(pdev);
	err = vshm_ivshmem_start(pdev, dev);
	if (err)
		return err;
	pci_set_drvdata(pdev, dev);
	return 0;
}

static void vshm_ivshmem_remove(struct pci_dev *pdev)
{
	struct vshm_ivshmem *dev = pci_get_drvdata(pdev);

	atomic_notifier_chain_unregister(&panic_notifier_list, &dev->panic);
	free_irq(pci_irq_vector(pdev, VSHM_VECTOR_NEWS), dev);
	vshm_region_detach(dev->rl);
	pci_free_irq_vectors(pdev);
}

static const struct pci_device_id vshm_ivshmem_ids[] = {
	{ PCI_DEVICE(IVSHMEM_VENDOR, IVSHMEM_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, vshm_ivshmem_ids);

/* A guest that reboots says goodbye, so that its peer need not guess. */
static struct pci_driver vshm_ivshmem_driver = {
	.name		= "vshm_ivshmem",
	.id_table	= vshm_ivshmem_ids,
	.probe		= vshm_ivshmem_probe,
	.remove		= vshm_ivshmem_remove,
	.shutdown	= vshm_ivshmem_remove,
};
module_pci_driver(vshm_ivshmem_driver);

MODULE_DESCRIPTION("AF_VSHM links through QEMU's ivshmem device");
MODULE_LICENSE("GPL");
