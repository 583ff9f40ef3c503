// SPDX-License-Identifier: GPL-2.0
#include "vshm_bed.h"
#include "vshm_proc.h"
#include "vshm_test.h"
#include <kselftest.h>

#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

/* Before the first test, and before there is any output. */
static void __attribute__((constructor)) bed_require(void)
{
	int ns;

	if (access(VSHM_DEVICE, F_OK))
		ksft_exit_skip("no " VSHM_DEVICE "\n");
	ns = vshm_ns_new();
	if (ns < 0)
		ksft_exit_skip("no new namespace: %s\n", strerror(errno));
	close(ns);
}

/**
 * vshm_ns_new - make a network namespace
 *
 * The caller stays where it is. The namespace lives as long as the file
 * descriptor or anything in it.
 * Return: its file descriptor, or -1 with errno.
 */
int vshm_ns_new(void)
{
	int old = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int ns = -1;

	if (old < 0)
		return -1;
	if (!unshare(CLONE_NEWNET)) {
		ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (vshm_ns_enter(old))
			abort();
	}
	close(old);
	return ns;
}

/**
 * vshm_ns_enter - let the calling thread work in a namespace
 * @ns: namespace
 *
 * Sockets stay where they were made, so few things need it. /proc/net is that
 * of the process's first thread.
 * Return: 0, or -1 with errno.
 */
int vshm_ns_enter(int ns)
{
	return setns(ns, CLONE_NEWNET);
}

/**
 * vshm_bed_format - write the header of a region, and nothing else
 * @bed: link
 */
void vshm_bed_format(struct vshm_bed *bed)
{
	struct vshm_region *region = bed->base;

	*region = (struct vshm_region) {
		.magic = VSHM_MAGIC,
		.version = VSHM_VERSION,
		.size = bed->size,
		.cid = { bed->end[0].cid, bed->end[1].cid },
	};
}

/**
 * vshm_bed_make_of - make what a link consists of
 * @bed: filled in; to be given to vshm_bed_free()
 * @size: bytes of the region
 * @ns0: namespace of side 0
 * @cid0: CID of side 0
 * @ns1: namespace of side 1
 * @cid1: CID of side 1
 *
 * Neither end is attached.
 * Return: 0, or -1 with errno.
 */
int vshm_bed_make_of(struct vshm_bed *bed, uint64_t size, int ns0,
		     uint32_t cid0, int ns1, uint32_t cid1)
{
	*bed = (struct vshm_bed) {
		.end = {
			{ ns0, cid0, eventfd(0, EFD_NONBLOCK), -1 },
			{ ns1, cid1, eventfd(0, EFD_NONBLOCK), -1 },
		},
		.size = size,
		.memfd = memfd_create("vshm", MFD_ALLOW_SEALING),
	};
	if (bed->memfd < 0 || bed->end[0].bell < 0 || bed->end[1].bell < 0 ||
	    ftruncate(bed->memfd, bed->size) ||
	    fcntl(bed->memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -1;
	bed->base = mmap(NULL, bed->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 bed->memfd, 0);
	if (bed->base == MAP_FAILED)
		return -1;
	vshm_bed_format(bed);
	return 0;
}

/* The same, of the usual size. */
int vshm_bed_make(struct vshm_bed *bed, int ns0, uint32_t cid0, int ns1,
		  uint32_t cid1)
{
	return vshm_bed_make_of(bed, VSHM_BED_SIZE, ns0, cid0, ns1, cid1);
}

/**
 * vshm_bed_free - detach both ends and give everything back
 * @bed: link; the namespaces are the caller's
 */
void vshm_bed_free(struct vshm_bed *bed)
{
	for (int i = 0; i < 2; i++) {
		vshm_bed_detach(bed, i);
		close(bed->end[i].bell);
	}
	if (bed->base)
		munmap(bed->base, bed->size);
	close(bed->memfd);
}

/**
 * vshm_bed_args - what to give to VSHM_IOC_ATTACH
 * @bed: link
 * @side: which end
 *
 * Return: the argument.
 */
struct vshm_attach vshm_bed_args(const struct vshm_bed *bed, int side)
{
	return (struct vshm_attach) {
		.size = sizeof(struct vshm_attach),
		.memory_fd = bed->memfd,
		.in_fd = bed->end[side].bell,
		.out_fd = bed->end[!side].bell,
		.cid = bed->end[side].cid,
		.peer_cid = bed->end[!side].cid,
	};
}

/* The device, opened in a namespace; other threads open it there as well. */
static int bed_open(int ns)
{
	if (vshm_ns_enter(ns))
		return -1;
	return open(VSHM_DEVICE, O_RDWR | O_CLOEXEC);
}

/**
 * vshm_bed_attach - attach one end
 * @bed: link
 * @side: which end
 *
 * Return: 0, or -1 with errno.
 */
int vshm_bed_attach(struct vshm_bed *bed, int side)
{
	struct vshm_attach args = vshm_bed_args(bed, side);
	int dev = bed_open(bed->end[side].ns);
	int err;

	if (dev < 0)
		return -1;
	if (ioctl(dev, VSHM_IOC_ATTACH, &args)) {
		err = errno;
		close(dev);
		errno = err;
		return -1;
	}
	bed->end[side].dev = dev;
	return 0;
}

/**
 * vshm_bed_detach - detach one end, if it is attached
 * @bed: link
 * @side: which end
 */
void vshm_bed_detach(struct vshm_bed *bed, int side)
{
	if (bed->end[side].dev >= 0)
		close(bed->end[side].dev);
	bed->end[side].dev = -1;
}

/* A column of the line of a link, or "absent"; valid until the next call. */
static const char *bed_get(const struct vshm_bed *bed, int side,
			   const char *column)
{
	static char value[64];
	struct vshm_table t;
	char peer[16];

	strcpy(value, "absent");
	snprintf(peer, sizeof(peer), "%u", bed->end[!side].cid);
	if (vshm_ns_enter(bed->end[side].ns) ||
	    vshm_table_read(&t, VSHM_PROC_LINKS))
		return value;
	for (int row = 1; row <= t.rows; row++) {
		const char *cell = vshm_table_cell(&t, row, column);

		if (!strcmp(vshm_table_cell(&t, row, "peer"), peer))
			snprintf(value, sizeof(value), "%s",
				 cell ? cell : "unknown");
	}
	vshm_table_free(&t);
	return value;
}

/**
 * vshm_bed_wait - wait until an end of a link has a value
 * @bed: link
 * @side: which end
 * @column: of /proc/net/vshm_links
 * @value: what to wait for; "absent" stands for no line at all
 *
 * Context: first thread of the process; changes its namespace.
 * Return: whether it came within VSHM_WAIT_MS.
 */
bool vshm_bed_wait(const struct vshm_bed *bed, int side, const char *column,
		   const char *value)
{
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;
	const char *now;

	while (strcmp(now = bed_get(bed, side, column), value)) {
		if (vshm_now_ms() > end) {
			printf("# link %u-%u: %s is %s, not %s\n",
			       bed->end[side].cid, bed->end[!side].cid, column,
			       now, value);
			return false;
		}
		usleep(1000);
	}
	return true;
}

/**
 * vshm_bed_num - a number of one end of a link, now
 * @bed: link
 * @side: which end
 * @column: of /proc/net/vshm_links
 *
 * Context: first thread of the process; changes its namespace.
 * Return: the number, or all ones when there is none.
 */
uint64_t vshm_bed_num(const struct vshm_bed *bed, int side,
		      const char *column)
{
	const char *value = bed_get(bed, side, column);
	char *end;
	uint64_t number = strtoull(value, &end, 10);

	return end == value || *end ? UINT64_MAX : number;
}

/**
 * vshm_bed_up - attach the ends that are not, and wait until the link is up
 * @bed: link
 *
 * Context: first thread of the process; changes its namespace.
 * Return: 0, or -1 with errno.
 */
int vshm_bed_up(struct vshm_bed *bed)
{
	for (int i = 0; i < 2; i++)
		if (bed->end[i].dev < 0 && vshm_bed_attach(bed, i))
			return -1;
	if (vshm_bed_wait(bed, 0, "state", "up") &&
	    vshm_bed_wait(bed, 1, "state", "up"))
		return 0;
	errno = ETIMEDOUT;
	return -1;
}

/**
 * vshm_bed_link - make a link, attach both ends, wait until it is up
 * @bed: filled in; to be given to vshm_bed_free()
 * @ns0: namespace of side 0
 * @cid0: CID of side 0
 * @ns1: namespace of side 1
 * @cid1: CID of side 1
 *
 * Context: first thread of the process; changes its namespace.
 * Return: 0, or -1 with errno.
 */
int vshm_bed_link(struct vshm_bed *bed, int ns0, uint32_t cid0, int ns1,
		  uint32_t cid1)
{
	if (vshm_bed_make(bed, ns0, cid0, ns1, cid1))
		return -1;
	return vshm_bed_up(bed);
}

/**
 * vshm_bed_ring - ring the doorbell of one end
 * @link: &struct vshm_bed
 * @side: who hears it
 */
void vshm_bed_ring(const void *link, int side)
{
	const struct vshm_bed *bed = link;

	eventfd_write(bed->end[side].bell, 1);
}

static uint64_t bed_load(const __u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* What the protocol wants of a half whose owner starts anew. */
static void bed_clean_half(struct vshm_side *own)
{
	memset(own->summary, 0, sizeof(own->summary));
	memset(own->news, 0, sizeof(own->news));
	memset(&own->control, 0, sizeof(own->control));
	own->control.space_event = -1;
}

/**
 * vshm_bed_fake - shake hands in the place of an end that is not attached
 * @bed: link
 * @side: that end; the other one is attached
 *
 * To its peer, the link is up; nobody answers on it.
 * Context: first thread of the process; changes its namespace.
 * Return: 0, or -1 when the peer does not answer.
 */
int vshm_bed_fake(struct vshm_bed *bed, int side)
{
	struct vshm_side *own = vshm_bed_side(bed, side);
	struct vshm_side *peer = vshm_bed_side(bed, !side);
	uint32_t epoch = (VSHM_EPOCH_OWN(own->epoch) + 1) | 1, acked = 0;
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;
	uint64_t word;

	if (epoch == VSHM_EPOCH_ACK(bed_load(&peer->epoch)))
		epoch += 2;
	__atomic_store_n(&own->epoch, VSHM_EPOCH(epoch, 0), __ATOMIC_RELEASE);
	while (vshm_now_ms() < end) {
		word = bed_load(&peer->epoch);
		if ((word & 1) && !acked && (!VSHM_EPOCH_ACK(word) ||
		    VSHM_EPOCH_ACK(word) == epoch)) {
			bed_clean_half(own);
			acked = VSHM_EPOCH_OWN(word);
			__atomic_store_n(&own->epoch, VSHM_EPOCH(epoch, acked),
					 __ATOMIC_RELEASE);
		}
		vshm_bed_ring(bed, !side);
		if (acked && word == VSHM_EPOCH(acked, epoch))
			return vshm_bed_wait(bed, !side, "state", "up") ? 0 : -1;
		usleep(1000);
	}
	return -1;
}

/**
 * vshm_bed_idle - wait until no connection of a link is left
 * @bed: link that is up
 *
 * Context: first thread of the process; changes its namespace.
 * Return: whether both ends are without connections and rings.
 */
bool vshm_bed_idle(const struct vshm_bed *bed)
{
	for (int i = 0; i < 2; i++)
		if (!vshm_bed_wait(bed, i, "connections", "0") ||
		    !vshm_bed_wait(bed, i, "heap_used", "0"))
			return false;
	return true;
}

/**
 * vshm_ns_listener - a socket that listens in a namespace
 * @ns: namespace; the thread stays there
 * @backlog: limit of its connection queue
 *
 * Return: the socket, or -1 with errno.
 */
int vshm_ns_listener(int ns, int backlog)
{
	return vshm_ns_enter(ns) ? -1 : vshm_listener(backlog);
}

/**
 * vshm_ns_connect - a connected socket in a namespace
 * @ns: namespace; the thread stays there
 * @cid: whom to connect to
 * @port: whom to connect to
 *
 * Return: the socket, or -1 with errno.
 */
int vshm_ns_connect(int ns, uint32_t cid, uint32_t port)
{
	int fd = vshm_ns_enter(ns) ? -1 : vshm_socket(0);
	int err;

	if (fd < 0)
		return -1;
	if (vshm_connect(fd, cid, port)) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

/**
 * vshm_ns_pair - a connection from one namespace to another
 * @from: namespace that connects
 * @to: namespace that accepts
 * @cid: CID by which @from knows @to
 * @pair: [0] connected, [1] was accepted
 *
 * Return: 0, or -1 with errno.
 */
int vshm_ns_pair(int from, int to, uint32_t cid, int pair[2])
{
	int listener = vshm_ns_listener(to, 1);
	int err;

	if (listener < 0)
		return -1;
	pair[1] = -1;
	pair[0] = vshm_ns_connect(from, cid, vshm_port(listener));
	if (pair[0] >= 0)
		pair[1] = accept(listener, NULL, NULL);
	err = errno;
	close(listener);
	errno = err;
	return pair[1] < 0 ? -1 : 0;
}

/**
 * vshm_ns_policy - add, change or remove a rule for forwarding
 * @ns: namespace of the host
 * @src: who connects
 * @dst: to whom
 * @verdict: one of enum vshm_verdict
 *
 * Return: 0, or -1 with errno.
 */
int vshm_ns_policy(int ns, uint32_t src, uint32_t dst, uint32_t verdict)
{
	struct vshm_policy policy = { sizeof(policy), src, dst, verdict };
	int dev = bed_open(ns);
	int ret, err;

	if (dev < 0)
		return -1;
	ret = ioctl(dev, VSHM_IOC_POLICY, &policy);
	err = errno;
	close(dev);
	errno = err;
	return ret;
}

/**
 * vshm_ns_sockets - how many sockets a namespace has
 * @ns: namespace
 *
 * Context: first thread of the process; changes its namespace.
 * Return: the number, or -1 with errno.
 */
int vshm_ns_sockets(int ns)
{
	struct vshm_table t;
	int n;

	if (vshm_ns_enter(ns) || vshm_table_load(&t))
		return -1;
	n = t.rows;
	vshm_table_free(&t);
	return n;
}

/**
 * vshm_ns_empty - wait until a namespace has no socket
 * @ns: namespace
 *
 * Context: first thread of the process; changes its namespace.
 * Return: whether that was within VSHM_WAIT_MS.
 */
bool vshm_ns_empty(int ns)
{
	uint64_t end = vshm_now_ms() + VSHM_WAIT_MS;

	while (vshm_ns_sockets(ns)) {
		if (vshm_now_ms() > end) {
			printf("# %d sockets are left\n", vshm_ns_sockets(ns));
			return false;
		}
		usleep(1000);
	}
	return true;
}

/**
 * vshm_ns_state - status of a socket
 * @ns: its namespace
 * @fd: socket
 *
 * Context: first thread of the process; changes its namespace.
 * Return: as vshm_proc_get().
 */
const char *vshm_ns_state(int ns, int fd)
{
	if (vshm_ns_enter(ns))
		return "no namespace";
	return vshm_proc_get(fd, "state");
}

/**
 * vshm_fill_up - send the pattern until no byte more can be sent
 * @fd: connected socket, of which the peer reads nothing
 * @seed: of the pattern
 *
 * Over a link, a ring grows a moment after it was found full.
 * Return: bytes sent, which is SO_SNDBUF, or -1 with errno.
 */
int vshm_fill_up(int fd, unsigned int seed)
{
	int limit = vshm_getint(fd, SOL_SOCKET, SO_SNDBUF);
	int total = 0;
	uint8_t buf[8192];
	ssize_t n;

	while (total < limit) {
		vshm_fill(buf, sizeof(buf), total, seed);
		n = send(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			total += n;
		else if (errno != EAGAIN)
			return -1;
		else if (!vshm_poll(fd, POLLOUT, VSHM_WAIT_MS))
			break;
	}
	return total;
}

/**
 * vshm_taint - what has happened to the kernel
 *
 * Return: its taint mask, in which a warning shows, or -1.
 */
long vshm_taint(void)
{
	FILE *f = fopen("/proc/sys/kernel/tainted", "r");
	long taint = -1;

	if (f && fscanf(f, "%ld", &taint) != 1)
		taint = -1;
	if (f)
		fclose(f);
	return taint;
}

/**
 * vshm_locked_kb - memory that is charged to this process as locked
 *
 * Return: kB, or -1.
 */
long vshm_locked_kb(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kb = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmLck: %ld kB", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}
