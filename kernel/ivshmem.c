// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU's ivshmem-doorbell device as one end of a vshm link.
 *
 * BAR 0 has registers, BAR 2 is the region. The device's ID is the guest's CID,
 * and writing a peer's ID to the doorbell register interrupts that peer. See
 * docs/specs/ivshmem-spec in QEMU.
 *
 * Whether the host is at the other end cannot be left to the header of the
 * region, which the other end can write. It is told by the number of vectors,
 * which is set where QEMU is started: only one is used, a second one is there
 * if and only if the peer is the host.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

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

/* Vectors of a device that leads to a guest, and to the host. */
#define VSHM_VECTORS_GUEST	1
#define VSHM_VECTORS_HOST	2

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

	writel(peer_cid << 16, dev->regs + IVSHMEM_DOORBELL);
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

	if (vectors != VSHM_VECTORS_GUEST && vectors != VSHM_VECTORS_HOST) {
		dev_err(&pdev->dev, "%d MSI-X vectors: use QEMU's ivshmem-doorbell with vectors=%d, or %d for a link to the host\n",
			max(vectors, 0), VSHM_VECTORS_GUEST, VSHM_VECTORS_HOST);
		return -EINVAL;
	}
	if (vectors == VSHM_VECTORS_HOST)
		config.peer_cid = VSHM_CID_HOST;
	err = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSIX);
	if (err < 0)
		return err;
	dev->rl = vshm_region_attach(&config);
	if (IS_ERR(dev->rl)) {
		err = PTR_ERR(dev->rl);
		goto err_vectors;
	}
	err = request_irq(pci_irq_vector(pdev, 0), vshm_ivshmem_interrupt, 0,
			  "vshm_ivshmem", dev);
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
	err = pci_request_region(pdev, IVSHMEM_BAR_MEMORY, "vshm_ivshmem");
	if (err)
		return err;
	dev->memory = devm_memremap(&pdev->dev,
				    pci_resource_start(pdev,
						       IVSHMEM_BAR_MEMORY),
				    size, MEMREMAP_WB);
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
	free_irq(pci_irq_vector(pdev, 0), dev);
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
