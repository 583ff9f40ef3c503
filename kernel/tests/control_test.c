// SPDX-License-Identifier: GPL-2.0
/*
 * The control protocol: what records do, right ones and wrong ones, on a link
 * that keeps what would be sent.
 */
#include <kunit/test.h>
#include <linux/slab.h>

#include "vshm.h"

#define CONTROL_CID	60000	/* of this end */
#define CONTROL_PEER	60001
#define CONTROL_SLOTS	16
#define CONTROL_RING	0x5000	/* where the peer has a ring */
#define CONTROL_SENT	64
#define CONTROL_BACKLOG	2

/**
 * struct control - a link whose other end is the test
 * @link: link
 * @listener: somebody to connect to
 * @ring: the peer's ring
 * @sent: records that would be sent
 * @nr_sent: how many
 * @restarts: how often the link would have been reset
 * @news: how often the peer would have been notified
 * @rings: own rings that were allocated and not given back
 */
struct control {
	struct vshm_link	link;
	struct socket		*listener;
	struct vshm_ring_mem	ring;
	struct vshm_record	sent[CONTROL_SENT];
	unsigned int		nr_sent;
	unsigned int		restarts;
	unsigned int		news;
	unsigned int		rings;
};

static struct control *control_of(struct vshm_link *link)
{
	return container_of(link, struct control, link);
}

static int control_alloc(struct vshm_conn *conn, struct vshm_ring_mem *mem)
{
	u8 *page = kzalloc(VSHM_RING_BYTES(mem->order), GFP_KERNEL);

	if (!page)
		return -ENOBUFS;
	mem->ring = (struct vshm_ring *)page;
	mem->data = page + VSHM_RING_DATA(mem->order);
	mem->offset = (unsigned long)page;
	control_of(conn->link)->rings++;
	return 0;
}

static void control_free(struct vshm_link *link, const struct vshm_ring_mem *mem)
{
	kfree((void *)(unsigned long)mem->offset);
	control_of(link)->rings--;
}

static int control_peer_ring(struct vshm_link *link, struct vshm_ring_mem *mem)
{
	if (mem->offset != CONTROL_RING)
		return -EPROTO;
	*mem = control_of(link)->ring;
	return 0;
}

static void control_keep(struct control *c, const struct vshm_record *rec)
{
	if (c->nr_sent < CONTROL_SENT)
		c->sent[c->nr_sent++] = *rec;
}

static void control_post(struct vshm_conn *conn)
{
	struct vshm_record rec;

	while (vshm_record_compose(conn, &rec))
		control_keep(control_of(conn->link), &rec);
	vshm_conn_finish(conn);
}

static void control_refuse(struct vshm_link *link,
			   const struct vshm_record *to, int err)
{
	struct vshm_record rec;

	vshm_record_refuse(to, err, &rec);
	control_keep(control_of(link), &rec);
}

static void control_notify(struct vshm_conn *conn, unsigned int kind)
{
	control_of(conn->link)->news++;
}

static void control_restart(struct vshm_link *link)
{
	control_of(link)->restarts++;
}

static const struct vshm_link_ops control_ops = {
	.name		= "test",
	.max_slots	= CONTROL_SLOTS,
	.alloc		= control_alloc,
	.free		= control_free,
	.peer_ring	= control_peer_ring,
	.post		= control_post,
	.refuse		= control_refuse,
	.notify		= control_notify,
	.restart	= control_restart,
};

static int control_listen(struct control *c)
{
	struct sockaddr_vshm addr = {
		.svs_family	= vshm_family,
		.svs_cid	= VSHM_CID_ANY,
		.svs_port	= VSHM_PORT_ANY,
	};
	int err;

	err = sock_create_kern(&init_net, vshm_family, SOCK_STREAM, 0,
			       &c->listener);
	if (err)
		return err;
	err = kernel_bind(c->listener, (struct sockaddr_unsized *)&addr,
			  sizeof(addr));
	return err ? err : kernel_listen(c->listener, CONTROL_BACKLOG - 1);
}

static int control_init(struct kunit *test)
{
	struct control *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	if (!c)
		return -ENOMEM;
	c->ring.order = VSHM_RING_ORDER_MIN;
	c->ring.offset = CONTROL_RING;
	c->ring.ring = kunit_kzalloc(test, sizeof(*c->ring.ring), GFP_KERNEL);
	c->ring.data = kunit_kzalloc(test, 1 << VSHM_RING_ORDER_MIN,
				     GFP_KERNEL);
	if (!c->ring.ring || !c->ring.data)
		return -ENOMEM;
	vshm_ring_init(&c->ring, 0);
	if (vshm_link_init(&c->link, &control_ops, vshm_net(&init_net),
			   CONTROL_CID, CONTROL_PEER)) {
		vshm_link_destroy(&c->link);
		return -ENOMEM;
	}
	vshm_link_set_up(&c->link);
	test->priv = c;
	return control_listen(c);
}

static void control_exit(struct kunit *test)
{
	struct control *c = test->priv;

	if (!c)
		return;
	if (c->listener)
		sock_release(c->listener);
	vshm_link_kill(&c->link);
	vshm_link_put(&c->link);
	wait_for_completion(&c->link.released);
	KUNIT_EXPECT_TRUE(test, xa_empty(&c->link.slots));
	KUNIT_EXPECT_EQ(test, atomic_read(&c->link.nr_conns), 0);
	KUNIT_EXPECT_EQ(test, c->rings, 0);
	vshm_link_destroy(&c->link);
}

/* A request as an honest peer makes it. */
static struct vshm_record control_request(struct control *c, u32 slot)
{
	return (struct vshm_record) {
		.op		= VSHM_OP_REQUEST,
		.src_slot	= slot,
		.src_gen	= 100 + slot,
		.src_cid	= CONTROL_PEER,
		.src_port	= 2000 + slot,
		.dst_cid	= CONTROL_CID,
		.dst_port	= vshm_sk(c->listener->sk)->local.port,
		.ring		= CONTROL_RING,
		.ring_order	= VSHM_RING_ORDER_MIN,
		.socket_id	= 1234567,
		.type		= SOCK_STREAM,
		.family		= AF_VSHM,
		.ring_limit	= 18,
		.options	= VSHM_OPT_KEEPALIVE,
	};
}

static void control_receive(struct control *c, struct vshm_record rec)
{
	c->nr_sent = 0;
	vshm_record_receive(&c->link, &rec);
}

/* What a connection is called by its peer; filled from a response. */
static struct vshm_record control_to(const struct vshm_record *response,
				     enum vshm_op op)
{
	return (struct vshm_record) {
		.op		= op,
		.src_slot	= response->dst_slot,
		.src_gen	= response->dst_gen,
		.dst_slot	= response->src_slot,
		.dst_gen	= response->src_gen,
	};
}

/* A socket that is connected to the peer, and the response that it sent. */
static struct socket *control_connect(struct kunit *test, u32 slot,
				      struct vshm_record *response)
{
	struct control *c = test->priv;
	struct socket *sock = NULL;

	control_receive(c, control_request(c, slot));
	KUNIT_ASSERT_EQ(test, c->nr_sent, 1);
	*response = c->sent[0];
	KUNIT_ASSERT_EQ(test, kernel_accept(c->listener, &sock, O_NONBLOCK), 0);
	return sock;
}

static void control_test_request(struct kunit *test)
{
	struct control *c = test->priv;
	struct vshm_record response;
	struct vshm_sock *vsk;
	struct socket *sock;

	sock = control_connect(test, 5, &response);
	vsk = vshm_sk(sock->sk);
	KUNIT_EXPECT_EQ(test, response.op, VSHM_OP_RESPONSE);
	KUNIT_EXPECT_EQ(test, response.dst_slot, 5);
	KUNIT_EXPECT_EQ(test, response.dst_gen, 105);
	KUNIT_EXPECT_NE(test, response.src_slot, 0);
	KUNIT_EXPECT_EQ(test, response.src_cid, CONTROL_CID);
	KUNIT_EXPECT_EQ(test, response.dst_cid, CONTROL_PEER);
	KUNIT_EXPECT_EQ(test, response.dst_port, 2005);
	KUNIT_EXPECT_EQ(test, response.type, SOCK_STREAM);
	KUNIT_EXPECT_EQ(test, response.socket_id, vsk->local.id);
	KUNIT_EXPECT_EQ(test, response.ring_order, VSHM_RING_ORDER_MIN);
	KUNIT_EXPECT_EQ(test, vsk->state, VSHM_CONNECTED);
	KUNIT_EXPECT_EQ(test, vsk->remote.id, 1234567);
	KUNIT_EXPECT_EQ(test, vsk->remote.cid, CONTROL_PEER);
	KUNIT_EXPECT_EQ(test, vsk->remote.port, 2005);
	KUNIT_EXPECT_EQ(test, vsk->remote.options, VSHM_OPT_KEEPALIVE);

	/* the slot is taken until both have said their last word */
	c->nr_sent = 0;
	sock_release(sock);
	KUNIT_ASSERT_EQ(test, c->nr_sent, 1);
	KUNIT_EXPECT_EQ(test, c->sent[0].op, VSHM_OP_RESET);
	KUNIT_EXPECT_EQ(test, c->sent[0].reason, 0);
	KUNIT_EXPECT_FALSE(test, xa_empty(&c->link.slots));
	control_receive(c, control_to(&response, VSHM_OP_RESET));
	KUNIT_EXPECT_EQ(test, c->nr_sent, 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&c->link.slots));
	KUNIT_EXPECT_EQ(test, c->rings, 0);
}

/* No honest peer sends any of these. */
static void control_test_bad_request(struct kunit *test)
{
	struct control *c = test->priv;
	const unsigned int nr = 9;
	struct vshm_record *bad;
	unsigned int i;

	bad = kunit_kcalloc(test, nr, sizeof(*bad), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bad);
	for (i = 0; i < nr; i++)
		bad[i] = control_request(c, 5);
	bad[0].src_slot = 0;
	bad[1].src_slot = CONTROL_SLOTS;
	bad[2].type = SOCK_DGRAM;
	bad[3].type = 0xffff;
	bad[4].src_cid = CONTROL_CID;
	bad[5].src_cid = VSHM_CID_LOCAL;
	bad[6].ring = CONTROL_RING + 8;
	bad[7].ring_order = VSHM_RING_ORDER_MIN - 1;
	bad[8].ring_order = U32_MAX;
	for (i = 0; i < nr; i++) {
		control_receive(c, bad[i]);
		KUNIT_EXPECT_EQ_MSG(test, c->restarts, i + 1, "request %u", i);
		KUNIT_EXPECT_EQ(test, c->nr_sent, 0);
		KUNIT_EXPECT_EQ(test, atomic_long_read(&c->link.violations),
				i + 1);
	}
	KUNIT_EXPECT_TRUE(test, xa_empty(&c->link.slots));
	KUNIT_EXPECT_EQ(test, c->listener->sk->sk_ack_backlog, 0);
}

static void control_test_refuse(struct kunit *test)
{
	struct control *c = test->priv;
	struct vshm_record rec[3];
	unsigned int i;

	/* nobody there, of that type, of that CID */
	for (i = 0; i < ARRAY_SIZE(rec); i++)
		rec[i] = control_request(c, 5);
	rec[0].dst_port = VSHM_PORT_ANY;
	rec[1].type = SOCK_SEQPACKET;
	rec[2].dst_cid = VSHM_CID_LOCAL;
	for (i = 0; i < ARRAY_SIZE(rec); i++) {
		control_receive(c, rec[i]);
		KUNIT_ASSERT_EQ_MSG(test, c->nr_sent, 1, "request %u", i);
		KUNIT_EXPECT_EQ(test, c->sent[0].op, VSHM_OP_RESET);
		KUNIT_EXPECT_EQ(test, c->sent[0].reason, ECONNREFUSED);
		KUNIT_EXPECT_EQ(test, c->sent[0].src_slot, 0);
		KUNIT_EXPECT_EQ(test, c->sent[0].dst_slot, 5);
		KUNIT_EXPECT_EQ(test, c->sent[0].dst_gen, 105);
	}
	/* no room in the connection queue */
	for (i = 0; i < CONTROL_BACKLOG; i++) {
		control_receive(c, control_request(c, 1 + i));
		KUNIT_ASSERT_EQ(test, c->nr_sent, 1);
		KUNIT_EXPECT_EQ(test, c->sent[0].op, VSHM_OP_RESPONSE);
	}
	control_receive(c, control_request(c, 1 + i));
	KUNIT_ASSERT_EQ(test, c->nr_sent, 1);
	KUNIT_EXPECT_EQ(test, c->sent[0].op, VSHM_OP_RESET);
	KUNIT_EXPECT_EQ(test, c->restarts, 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&c->link.violations), 0);
}

/* Late and made-up records touch nobody. */
static void control_test_stale(struct kunit *test)
{
	struct control *c = test->priv;
	struct vshm_record response, rec;
	struct socket *sock = control_connect(test, 5, &response);
	unsigned int op;

	for (op = 0; op < 20; op++) {
		if (op == VSHM_OP_REQUEST)
			continue;
		rec = control_to(&response, op);
		rec.dst_gen++;
		control_receive(c, rec);
		KUNIT_EXPECT_EQ(test, c->nr_sent, op == VSHM_OP_RESPONSE);
		rec = control_to(&response, op);
		rec.dst_slot = U32_MAX;
		control_receive(c, rec);
		KUNIT_EXPECT_EQ(test, c->nr_sent, op == VSHM_OP_RESPONSE);
	}
	/* a response to nobody is refused, so that its sender learns of it */
	control_receive(c, (struct vshm_record) {
		.op = VSHM_OP_RESPONSE, .src_slot = 7, .src_gen = 8,
		.dst_slot = 3, .dst_gen = 9999,
	});
	KUNIT_ASSERT_EQ(test, c->nr_sent, 1);
	KUNIT_EXPECT_EQ(test, c->sent[0].op, VSHM_OP_RESET);
	KUNIT_EXPECT_EQ(test, c->sent[0].dst_slot, 7);
	KUNIT_EXPECT_EQ(test, c->sent[0].dst_gen, 8);
	KUNIT_EXPECT_EQ(test, vshm_sk(sock->sk)->state, VSHM_CONNECTED);
	KUNIT_EXPECT_EQ(test, c->restarts, 0);
	sock_release(sock);
}

/* A connection is answered once; more resets it, and it alone. */
static void control_test_second_response(struct kunit *test)
{
	struct control *c = test->priv;
	struct vshm_record response, other;
	struct socket *sock = control_connect(test, 5, &response);
	struct socket *bystander = control_connect(test, 6, &other);

	control_receive(c, control_to(&response, VSHM_OP_RESPONSE));
	KUNIT_ASSERT_EQ(test, c->nr_sent, 1);
	KUNIT_EXPECT_EQ(test, c->sent[0].op, VSHM_OP_RESET);
	KUNIT_EXPECT_EQ(test, c->sent[0].reason, EPROTO);
	KUNIT_EXPECT_EQ(test, c->sent[0].dst_slot, 5);
	KUNIT_EXPECT_EQ(test, vshm_sk(sock->sk)->state, VSHM_DISCONNECTED);
	KUNIT_EXPECT_EQ(test, sock->sk->sk_err, EPROTO);
	KUNIT_EXPECT_EQ(test, vshm_sk(bystander->sk)->state, VSHM_CONNECTED);
	KUNIT_EXPECT_EQ(test, c->restarts, 0);
	sock_release(sock);
	sock_release(bystander);
}

static void control_test_unknown(struct kunit *test)
{
	static const u16 ops[] = { 0, VSHM_OP_RESET + 1, 63, 64, 0xffff };
	struct control *c = test->priv;
	struct vshm_record response;
	struct socket *sock = control_connect(test, 5, &response);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		control_receive(c, control_to(&response, ops[i]));
		KUNIT_EXPECT_EQ(test, c->restarts, i + 1);
		KUNIT_EXPECT_EQ(test, c->nr_sent, 0);
	}
	sock_release(sock);
}

/* A peer chooses among few errnos. */
static void control_test_reasons(struct kunit *test)
{
	static const struct { u32 reason; int err; } cases[] = {
		{ 0, 0 },
		{ ECONNRESET, ECONNRESET },
		{ EPROTO, EPROTO },
		{ ENOBUFS, ENOBUFS },
		{ ENOMEM, ENOBUFS },
		{ 1, ECONNRESET },
		{ 512, ECONNRESET },
		{ U32_MAX, ECONNRESET },
		{ (u32)-EPROTO, ECONNRESET },
	};
	struct control *c = test->priv;
	struct vshm_record response, rec;
	struct socket *sock;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		sock = control_connect(test, 5, &response);
		rec = control_to(&response, VSHM_OP_RESET);
		rec.reason = cases[i].reason;
		control_receive(c, rec);
		KUNIT_ASSERT_EQ(test, c->nr_sent, 1);
		KUNIT_EXPECT_EQ(test, c->sent[0].op, VSHM_OP_RESET);
		KUNIT_EXPECT_EQ_MSG(test, sock->sk->sk_err, cases[i].err,
				    "reason %u", cases[i].reason);
		/* the last word is the last */
		rec.reason = EACCES;
		control_receive(c, rec);
		KUNIT_EXPECT_EQ(test, c->nr_sent, 0);
		KUNIT_EXPECT_EQ(test, sock->sk->sk_err, cases[i].err);
		sock_release(sock);
		KUNIT_EXPECT_EQ(test, c->nr_sent, 0);
	}
}

static void control_test_shutdown(struct kunit *test)
{
	struct control *c = test->priv;
	struct vshm_record response, rec;
	struct socket *sock = control_connect(test, 5, &response);
	struct vshm_sock *vsk = vshm_sk(sock->sk);

	/* neither direction, and bits that mean nothing */
	rec = control_to(&response, VSHM_OP_SHUTDOWN);
	rec.how = 0xfffc;
	control_receive(c, rec);
	KUNIT_EXPECT_EQ(test, vsk->state, VSHM_CONNECTED);
	rec.how = VSHM_HOW_SEND;
	control_receive(c, rec);
	KUNIT_EXPECT_EQ(test, vsk->state, VSHM_SHUTDOWN);
	KUNIT_EXPECT_EQ(test, sock->sk->sk_shutdown, RCV_SHUTDOWN);
	control_receive(c, rec);
	KUNIT_EXPECT_EQ(test, vsk->state, VSHM_SHUTDOWN);
	rec.how = VSHM_HOW_RECEIVE;
	control_receive(c, rec);
	KUNIT_EXPECT_EQ(test, vsk->state, VSHM_DISCONNECTED);
	rec.how = 0xffff;
	control_receive(c, rec);
	KUNIT_EXPECT_EQ(test, vsk->state, VSHM_DISCONNECTED);
	KUNIT_EXPECT_EQ(test, c->nr_sent, 0);
	sock_release(sock);
}

/* However often the peer asks, rings are no more than they may be. */
static void control_test_grow(struct kunit *test)
{
	struct control *c = test->priv;
	struct vshm_record response;
	struct socket *sock = control_connect(test, 5, &response);
	struct vshm_conn *conn;
	unsigned int i;

	vshm_lock(sock->sk);
	conn = vshm_sock_conn_get(vshm_sk(sock->sk));
	vshm_unlock(sock->sk);
	KUNIT_ASSERT_NOT_NULL(test, conn);
	control_receive(c, control_to(&response, VSHM_OP_GROW));
	KUNIT_EXPECT_EQ(test, conn->rx.nr_next, 1);
	KUNIT_EXPECT_GT(test, conn->rx.next[0].order, VSHM_RING_ORDER_MIN);
	KUNIT_EXPECT_EQ(test, conn->rx.mem.ring->next, conn->rx.next[0].offset);
	KUNIT_EXPECT_EQ(test, c->news, 1);
	for (i = 0; i < 100; i++)
		control_receive(c, control_to(&response, VSHM_OP_GROW));
	KUNIT_EXPECT_LE(test, conn->rx.nr_next, VSHM_RING_SUCCESSORS);
	KUNIT_EXPECT_EQ(test, vshm_receiver_order(&conn->rx),
			ilog2(VSHM_BUFFER_DEFAULT));
	KUNIT_EXPECT_EQ(test, c->rings, 1 + conn->rx.nr_next);
	sock_release(sock);
	/* of a connection that has no ring any more */
	control_receive(c, control_to(&response, VSHM_OP_GROW));
	KUNIT_EXPECT_EQ(test, c->rings, 1 + conn->rx.nr_next);
	vshm_conn_put(conn);
}

/* A link has so many connections and no more. */
static void control_test_slots(struct kunit *test)
{
	struct control *c = test->priv;
	struct socket *sock[CONTROL_SLOTS];
	struct vshm_record rec;
	unsigned int i;

	for (i = 1; i < CONTROL_SLOTS; i++)
		sock[i] = control_connect(test, i, &rec);
	rec = control_request(c, 1);
	rec.src_port = 1;
	control_receive(c, rec);
	KUNIT_ASSERT_EQ(test, c->nr_sent, 1);
	KUNIT_EXPECT_EQ(test, c->sent[0].op, VSHM_OP_RESET);
	KUNIT_EXPECT_EQ(test, c->sent[0].reason, ENOBUFS);
	for (i = 1; i < CONTROL_SLOTS; i++)
		sock_release(sock[i]);
}

static struct kunit_case control_cases[] = {
	KUNIT_CASE(control_test_request),
	KUNIT_CASE(control_test_bad_request),
	KUNIT_CASE(control_test_refuse),
	KUNIT_CASE(control_test_stale),
	KUNIT_CASE(control_test_second_response),
	KUNIT_CASE(control_test_unknown),
	KUNIT_CASE(control_test_reasons),
	KUNIT_CASE(control_test_shutdown),
	KUNIT_CASE(control_test_grow),
	KUNIT_CASE(control_test_slots),
	{ }
};

static struct kunit_suite control_suite = {
	.name		= "vshm_control",
	.init		= control_init,
	.exit		= control_exit,
	.test_cases	= control_cases,
};

kunit_test_suite(control_suite);
