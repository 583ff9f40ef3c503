// SPDX-License-Identifier: GPL-2.0
/*
 * A host and two guests in one program; see bed.h.
 */
#include <sanitizer/asan_interface.h>

#include "bed.h"

#define REDZONE	(1 << 20)

struct net bed_net[BED_NETS];
struct bed_end bed_end[BED_ENDS];
struct bed_sock bed_sock[BED_SOCKS];

/* What lies around a region is nobody's. */
static u8 memory[BED_REGIONS * (BED_SIZE + REDZONE) + REDZONE]
	__attribute__((aligned(4096)));

u8 *bed_region(unsigned int region)
{
	return memory + REDZONE + region * (BED_SIZE + REDZONE);
}

bool bed_shared(const volatile void *addr, unsigned int *region)
{
	size_t at = (const u8 *)addr - memory;

	if ((const u8 *)addr < memory || at >= sizeof(memory))
		return false;
	*region = at / (BED_SIZE + REDZONE);
	return true;
}

/* Links */

static void bed_doorbell(void *priv, u32 peer_cid)
{
	struct bed_end *end = priv;

	if (peer_cid != end->peer_cid)
		DIE("doorbell of somebody else");
	bed_end[(end - bed_end) ^ 1].rung = true;
}

struct vshm_link *bed_link(unsigned int end)
{
	struct bed_end *e = &bed_end[end];

	return xa_load(&vshm_net(&bed_net[e->net])->links, e->peer_cid);
}

void bed_attach(unsigned int end)
{
	struct bed_end *e = &bed_end[end];
	struct vshm_region_config config = {
		.net		= &bed_net[e->net],
		.base		= bed_region(e->region),
		.size		= BED_SIZE,
		.cid		= e->cid,
		.peer_cid	= e->peer_cid,
		.doorbell	= bed_doorbell,
		.priv		= e,
	};

	e->rl = vshm_region_attach(&config);
	if (IS_ERR(e->rl))
		e->rl = NULL;
	else
		bed_interrupt(end);
}

void bed_detach(unsigned int end)
{
	struct vshm_region_link *rl = bed_end[end].rl;

	bed_end[end].rl = NULL;
	if (rl)
		vshm_region_detach(rl);
}

void bed_interrupt(unsigned int end)
{
	unsigned int once = shim_once;

	bed_end[end].rung = false;
	if (!bed_end[end].rl)
		return;
	shim_once = 0;
	shim_atomic++;
	shim_irqs_off++;
	vshm_region_interrupt(bed_end[end].rl);
	shim_irqs_off--;
	shim_atomic--;
	shim_once = once;
}

/* Let everything happen that is about to. */
void bed_settle(void)
{
	unsigned int i, n, busy, rounds = 0;

	do {
		busy = 0;
		for (i = 0; i < BED_ENDS; i++)
			if (bed_end[i].rung) {
				bed_interrupt(i);
				busy++;
			}
		/* what repeats itself is for the next call */
		for (n = 0; n < 64 && shim_work(1); n++) {
			hostile_call();
			busy++;
		}
		shim_grace_period();
	} while (busy && ++rounds < 32);
	jiffies += HZ / 4;
}

static void bed_format(unsigned int region)
{
	struct vshm_region *header = (void *)bed_region(region);

	*header = (struct vshm_region) {
		.magic		= VSHM_MAGIC,
		.version	= VSHM_VERSION,
		.size		= BED_SIZE,
		.cid		= { VSHM_CID_HOST, VSHM_CID_GUEST_MIN + region },
	};
}

extern int shim_module_init(void);
extern void shim_module_exit(void);

void bed_start(void)
{
	static bool poisoned;
	unsigned int i;

	if (!poisoned)
		ASAN_POISON_MEMORY_REGION(memory, sizeof(memory));
	poisoned = true;
	for (i = 0; i < BED_REGIONS; i++) {
		ASAN_UNPOISON_MEMORY_REGION(bed_region(i), BED_SIZE);
		memset(bed_region(i), 0, BED_SIZE);
		bed_format(i);
	}
	if (shim_module_init())
		DIE("the module does not load");
	for (i = 0; i < BED_NETS; i++) {
		bed_net[i].gen = shim_alloc(shim_pernet->size);
		if (shim_pernet->init(&bed_net[i]))
			DIE("no namespace");
	}
	for (i = 0; i < BED_ENDS; i++) {
		unsigned int guest = i / 2 + 1;
		bool host = !(i & 1);

		bed_end[i] = (struct bed_end) {
			.cid		= host ? 2 : 2 + guest,
			.peer_cid	= host ? 2 + guest : 2,
			.net		= host ? 0 : guest,
			.region		= i / 2,
		};
		bed_attach(i);
	}
	if (vshm_policy_set(&bed_net[0], VSHM_CID_ANY, VSHM_CID_ANY, 1))
		DIE("no policy");
	bed_settle();
	bed_settle();
	for (i = 0; i < BED_ENDS; i++)
		if (!bed_link(i)->up)
			DIE("a link does not come up");
}

void bed_stop(void)
{
	unsigned int i;

	for (i = 0; i < BED_SOCKS; i++)
		bed_close(&bed_sock[i]);
	for (i = 0; i < BED_ENDS; i++)
		bed_detach(i);
	jiffies += 60 * HZ;
	bed_settle();
	for (i = 0; i < BED_NETS; i++) {
		shim_pernet->exit(&bed_net[i]);
		shim_free(bed_net[i].gen);
	}
	bed_settle();
	shim_module_exit();
}

/* Private views: whatever the peer wrote, they are possible. */

static void bed_check_ring(unsigned int end, const struct vshm_ring_mem *mem,
			   bool own)
{
	const u8 *base = bed_region(bed_end[end].region);
	unsigned int side = (end & 1) ^ !own;
	u64 start = VSHM_SIDE_OFFSET(side, BED_SIZE) + VSHM_SIDE_BYTES;
	u64 last = side ? BED_SIZE : BED_SIZE / 2;

	if (mem->order < VSHM_RING_ORDER_MIN ||
	    mem->order > VSHM_RING_ORDER_MAX || mem->offset < start ||
	    mem->offset + VSHM_RING_BYTES(mem->order) > last ||
	    (u8 *)mem->ring != base + mem->offset ||
	    mem->data != (u8 *)mem->ring + VSHM_RING_DATA(mem->order))
		DIE("a ring that is none");
}

static void bed_check_conn(unsigned int end, const struct vshm_conn *conn)
{
	const struct vshm_receiver *r = &conn->rx;
	const struct vshm_sender *s = &conn->tx;
	u32 i;

	if (s->mem.ring) {
		bed_check_ring(end, &s->mem, false);
		if (s->mask != (1ULL << s->mem.order) - 1 ||
		    s->head - s->tail > s->mask + 1)
			DIE("a sender's view");
	}
	if (r->mem.ring) {
		bed_check_ring(end, &r->mem, true);
		if (r->mask != (1ULL << r->mem.order) - 1 ||
		    r->head - r->tail > r->mask + 1 ||
		    r->nr_next > VSHM_RING_SUCCESSORS)
			DIE("a receiver's view");
		for (i = 0; i < r->nr_next; i++)
			bed_check_ring(end, &r->next[i], true);
	}
	if (conn->peer_slot >= VSHM_SLOTS)
		DIE("a slot that is none");
}

/* Does a ring hold these bytes? */
static bool bed_ring_holds(const struct vshm_ring_mem *mem, const u8 *addr,
			   size_t size)
{
	return mem->ring && addr >= mem->data &&
	       addr + size <= mem->data + (1UL << mem->order);
}

static bool bed_conn_holds(const struct vshm_conn *conn, const u8 *addr,
			   size_t size)
{
	u32 i;

	for (i = 0; i < conn->rx.nr_next; i++)
		if (bed_ring_holds(&conn->rx.next[i], addr, size))
			return true;
	return bed_ring_holds(&conn->rx.mem, addr, size) ||
	       bed_ring_holds(&conn->tx.mem, addr, size);
}

static bool bed_end_holds(unsigned int end, const u8 *addr, size_t size)
{
	u8 *side = bed_region(bed_end[end].region) +
		   VSHM_SIDE_OFFSET(end & 1, BED_SIZE);
	const struct vshm_ring_mem control = {
		.ring	= (void *)side,
		.data	= side + VSHM_PAGE,
		.order	= VSHM_CONTROL_ORDER,
	};
	struct vshm_link *link = bed_link(end);
	struct vshm_conn *conn;
	unsigned long slot;

	if (bed_ring_holds(&control, addr, size))
		return true;
	if (!link)
		return false;
	if (bed_ring_holds(&link->datagrams.rx.mem, addr, size) ||
	    bed_ring_holds(&link->datagrams.tx.mem, addr, size))
		return true;
	xa_for_each(&link->slots, slot, conn)
		if (bed_conn_holds(conn, addr, size))
			return true;
	return false;
}

/* Bytes are copied to or from there: in shared memory, those of one ring. */
void shim_copies(const volatile void *addr, size_t size)
{
	unsigned int region, i;

	if (!size || !bed_shared(addr, &region))
		return;
	for (i = 0; i < BED_ENDS; i++)
		if (bed_end[i].region == region &&
		    bed_end_holds(i, (const u8 *)addr, size))
			return;
	DIE("copy beyond a ring");
}

void bed_check(void)
{
	struct vshm_conn *conn;
	unsigned long slot;
	unsigned int i;

	if (shim_atomic || shim_irqs_off || shim_rcu_depth || shim_once)
		DIE("a lock is held at the end of a call");
	for (i = 0; i < BED_ENDS; i++) {
		if (!bed_end[i].rl)
			continue;
		xa_for_each(&bed_link(i)->slots, slot, conn)
			bed_check_conn(i, conn);
	}
}

/* Sockets */

struct bed_sock *bed_create(unsigned int net, int type)
{
	struct bed_sock *bs = bed_sock;
	struct socket *sock;

	while (bs < bed_sock + BED_SOCKS && bs->sock)
		bs++;
	if (bs == bed_sock + BED_SOCKS)
		return NULL;
	sock = shim_alloc(sizeof(*sock));
	sock->type = type;
	sock->file = &bs->file;
	bs->net = net;
	if (shim_family->create(&bed_net[net], sock, 0, 0)) {
		shim_free(sock);
		return NULL;
	}
	bs->sock = sock;
	return bs;
}

static struct sockaddr_vshm bed_address(u32 cid, u32 port)
{
	return (struct sockaddr_vshm) {
		.svs_family	= AF_VSHM,
		.svs_cid	= cid,
		.svs_port	= port,
	};
}

int bed_bind(struct bed_sock *bs, u32 cid, u32 port)
{
	struct sockaddr_vshm svs = bed_address(cid, port);

	return bs->sock->ops->bind(bs->sock, (void *)&svs, sizeof(svs));
}

int bed_connect(struct bed_sock *bs, u32 cid, u32 port, int flags)
{
	struct sockaddr_vshm svs = bed_address(cid, port);

	return bs->sock->ops->connect(bs->sock, (void *)&svs, sizeof(svs),
				      flags);
}

struct bed_sock *bed_accept(struct bed_sock *bs)
{
	struct bed_sock *new = bed_sock;
	struct socket *sock;

	while (new < bed_sock + BED_SOCKS && new->sock)
		new++;
	if (new == bed_sock + BED_SOCKS)
		return NULL;
	sock = shim_alloc(sizeof(*sock));
	sock->type = bs->sock->type;
	sock->ops = bs->sock->ops;
	sock->file = &new->file;
	if (sock->ops->accept(bs->sock, sock, O_NONBLOCK, false)) {
		shim_free(sock);
		return NULL;
	}
	new->sock = sock;
	new->net = bs->net;
	return new;
}

static struct msghdr bed_message(void *buf, size_t len, int flags)
{
	return (struct msghdr) {
		.msg_iter	= { .base = buf, .count = len },
		.msg_flags	= flags,
	};
}

int bed_send_to(struct bed_sock *bs, u32 cid, u32 port, const void *buf,
		size_t len, int flags)
{
	struct sockaddr_vshm svs = bed_address(cid, port);
	struct msghdr msg = bed_message((void *)buf, len, flags);

	msg.msg_name = &svs;
	msg.msg_namelen = sizeof(svs);
	return bs->sock->ops->sendmsg(bs->sock, &msg, len);
}

int bed_send(struct bed_sock *bs, const void *buf, size_t len, int flags)
{
	struct msghdr msg = bed_message((void *)buf, len, flags);
	int ret = bs->sock->ops->sendmsg(bs->sock, &msg, len);

	if (ret > (int)len)
		DIE("more sent than there was");
	return ret;
}

int bed_recv(struct bed_sock *bs, void *buf, size_t len, int flags)
{
	struct msghdr msg = bed_message(buf, len, flags);
	int ret = bs->sock->ops->recvmsg(bs->sock, &msg, len, flags);

	if (ret > (int)len && (!(flags & MSG_TRUNC) || ret > VSHM_BUFFER_MAX))
		DIE("more received than there is room");
	return ret;
}

void bed_close(struct bed_sock *bs)
{
	struct socket *sock = bs->sock;

	if (!sock)
		return;
	bs->sock = NULL;
	bs->victim = false;
	sock->ops->release(sock);
	shim_free(sock);
}

/* Two connected sockets of one machine */
void bed_pair(unsigned int net, struct bed_sock *pair[2])
{
	pair[0] = bed_create(net, SOCK_STREAM);
	pair[1] = bed_create(net, SOCK_STREAM);
	if (!pair[0] || !pair[1] ||
	    pair[0]->sock->ops->socketpair(pair[0]->sock, pair[1]->sock))
		DIE("no pair");
}

/* A connection through a link, if nothing prevents it */
bool bed_join(unsigned int from, unsigned int to, u32 cid, int type,
	      struct bed_sock *pair[2])
{
	struct bed_sock *listener = bed_create(to, type);
	static u32 port = 6000;

	port = 6000 + (port + 1) % 1000;
	pair[0] = bed_create(from, type);
	pair[1] = NULL;
	if (listener && pair[0] && !bed_bind(listener, VSHM_CID_ANY, port) &&
	    !listener->sock->ops->listen(listener->sock, 4)) {
		bed_connect(pair[0], cid, port, O_NONBLOCK);
		bed_settle();
		pair[1] = bed_accept(listener);
	}
	if (listener)
		bed_close(listener);
	if (pair[1])
		return true;
	if (pair[0])
		bed_close(pair[0]);
	return false;
}

static void bed_recover_datagrams(void)
{
	struct bed_sock *from = bed_create(1, SOCK_DGRAM);
	struct bed_sock *to = bed_create(2, SOCK_DGRAM);
	char buf[16];

	if (!from || !to || bed_bind(to, VSHM_CID_ANY, 5000) ||
	    bed_send_to(from, 4, 5000, "datagram", 9, MSG_DONTWAIT) != 9)
		DIE("no datagram can be sent after recovery");
	bed_settle();
	if (bed_recv(to, buf, sizeof(buf), MSG_DONTWAIT) != 9 ||
	    memcmp(buf, "datagram", 9))
		DIE("no datagram arrives after recovery");
}

/* When the peer is honest again, both ends start anew and work. */
void bed_recover(void)
{
	struct bed_sock *pair[2];
	unsigned int i;
	char buf[16];

	for (i = 0; i < BED_SOCKS; i++)
		bed_close(&bed_sock[i]);
	for (i = 0; i < BED_ENDS; i++)
		bed_detach(i);
	jiffies += 60 * HZ;
	for (i = 0; i < BED_REGIONS; i++)
		bed_format(i);
	for (i = 0; i < BED_ENDS; i++)
		bed_attach(i);
	for (i = 0; i < 4; i++)
		bed_settle();
	for (i = 0; i < BED_ENDS; i++)
		if (!bed_end[i].rl || !bed_link(i)->up)
			DIE("a link does not recover");
	if (!bed_join(1, 2, 4, SOCK_STREAM, pair))
		DIE("no connection after recovery");
	if (bed_send(pair[0], "recovered", 10, MSG_DONTWAIT) != 10)
		DIE("nothing can be sent after recovery");
	bed_settle();
	if (bed_recv(pair[1], buf, sizeof(buf), MSG_DONTWAIT) != 10 ||
	    memcmp(buf, "recovered", 10))
		DIE("nothing arrives after recovery");
	bed_recover_datagrams();
}
