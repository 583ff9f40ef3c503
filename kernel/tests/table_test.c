// SPDX-License-Identifier: GPL-2.0
/* The socket table and the state machine. */
#include <kunit/test.h>
#include <net/tcp_states.h>

#include "vshm.h"

#define TABLE_SOCKS	4
#define TABLE_PORT	4000000000U	/* that nobody else has */

static struct vshm_sock *table_sock(struct kunit *test, unsigned int i)
{
	struct socket **socks = test->priv;

	return vshm_sk(socks[i]->sk);
}

/* Where a listing has it. */
static unsigned long table_place(struct kunit *test, unsigned int i)
{
	return vshm_table_place(table_sock(test, i)->local.id);
}

static int table_init(struct kunit *test)
{
	struct socket **socks;
	unsigned int i;
	int err;

	socks = kunit_kcalloc(test, TABLE_SOCKS, sizeof(*socks), GFP_KERNEL);
	if (!socks)
		return -ENOMEM;
	test->priv = socks;
	for (i = 0; i < TABLE_SOCKS; i++) {
		err = sock_create_kern(&init_net, vshm_family, SOCK_STREAM, 0,
				       &socks[i]);
		if (err)
			return err;
	}
	return 0;
}

static void table_exit(struct kunit *test)
{
	struct socket **socks = test->priv;
	unsigned int i;

	for (i = 0; socks && i < TABLE_SOCKS; i++)
		if (socks[i])
			sock_release(socks[i]);
}

static int table_bind(struct vshm_sock *vsk, u32 cid, u32 port)
{
	int err;

	vshm_lock(&vsk->sk);
	err = vshm_table_bind(vsk, cid, port);
	vshm_unlock(&vsk->sk);
	return err;
}

static void table_unbind(struct vshm_sock *vsk)
{
	vshm_lock(&vsk->sk);
	vshm_table_unbind(vsk);
	vshm_unlock(&vsk->sk);
}

/* Who is bound there, or NULL. */
static struct vshm_sock *table_bound(u32 cid, u32 port)
{
	struct vshm_sock *vsk;

	vsk = vshm_table_find_bound(vshm_net(&init_net), SOCK_STREAM, cid,
				    port);
	if (vsk)
		sock_put(&vsk->sk);
	return vsk;
}

static void table_test_bind(struct kunit *test)
{
	struct vshm_sock *a = table_sock(test, 0), *b = table_sock(test, 1);
	struct vshm_sock *c = table_sock(test, 2);

	/* one CID each, and nobody for all of them */
	KUNIT_EXPECT_EQ(test, table_bind(a, 3, TABLE_PORT), 0);
	KUNIT_EXPECT_EQ(test, table_bind(b, 3, TABLE_PORT), -EADDRINUSE);
	KUNIT_EXPECT_EQ(test, table_bind(b, 4, TABLE_PORT), 0);
	KUNIT_EXPECT_EQ(test, table_bind(c, VSHM_CID_ANY, TABLE_PORT),
			-EADDRINUSE);
	KUNIT_EXPECT_PTR_EQ(test, table_bound(3, TABLE_PORT), a);
	KUNIT_EXPECT_PTR_EQ(test, table_bound(4, TABLE_PORT), b);
	KUNIT_EXPECT_NULL(test, table_bound(5, TABLE_PORT));
	KUNIT_EXPECT_NULL(test, table_bound(3, TABLE_PORT + 1));

	/* all of them, and nobody for one */
	table_unbind(a);
	table_unbind(b);
	KUNIT_EXPECT_NULL(test, table_bound(3, TABLE_PORT));
	KUNIT_EXPECT_EQ(test, table_bind(c, VSHM_CID_ANY, TABLE_PORT), 0);
	KUNIT_EXPECT_EQ(test, table_bind(a, 3, TABLE_PORT), -EADDRINUSE);
	KUNIT_EXPECT_PTR_EQ(test, table_bound(77, TABLE_PORT), c);
	table_unbind(c);
	table_unbind(c);
	KUNIT_EXPECT_NULL(test, table_bound(77, TABLE_PORT));
}

static void table_test_any_port(struct kunit *test)
{
	struct vshm_sock *vsk;
	unsigned int i, j;

	for (i = 0; i < TABLE_SOCKS; i++) {
		vsk = table_sock(test, i);
		KUNIT_ASSERT_EQ(test, table_bind(vsk, VSHM_CID_ANY,
						 VSHM_PORT_ANY), 0);
		KUNIT_EXPECT_GT(test, vsk->local.port, VSHM_PORT_PRIVILEGED);
		KUNIT_EXPECT_NE(test, vsk->local.port, VSHM_PORT_ANY);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_NE(test, vsk->local.port,
					table_sock(test, j)->local.port);
	}
	for (i = 0; i < TABLE_SOCKS; i++)
		table_unbind(table_sock(test, i));
}

/* A search that comes to the end of the ports starts again above the privileged. */
static void table_test_port_wrap(struct kunit *test)
{
	struct vshm_net *vnet = vshm_net(&init_net);
	unsigned int i;

	spin_lock(&vnet->bind_lock);
	vnet->next_port = VSHM_PORT_ANY - 1;
	spin_unlock(&vnet->bind_lock);
	for (i = 0; i < 2; i++)
		KUNIT_ASSERT_EQ(test, table_bind(table_sock(test, i),
						 VSHM_CID_ANY, VSHM_PORT_ANY),
				0);
	KUNIT_EXPECT_EQ(test, table_sock(test, 0)->local.port,
			VSHM_PORT_ANY - 1);
	KUNIT_EXPECT_EQ(test, table_sock(test, 1)->local.port,
			VSHM_PORT_PRIVILEGED + 1);
	for (i = 0; i < 2; i++)
		table_unbind(table_sock(test, i));
}

/* A listing shows each socket once, in the order of IDs, and goes on after it. */
static void table_test_list(struct kunit *test)
{
	struct vshm_net *vnet = vshm_net(&init_net);
	unsigned long place = table_place(test, 0);
	struct vshm_sock *vsk;
	unsigned int i;

	for (i = 1; i < TABLE_SOCKS; i++)
		KUNIT_EXPECT_GT(test, table_sock(test, i)->local.id,
				table_sock(test, i - 1)->local.id);
	for (i = 0; i < TABLE_SOCKS; place++) {
		vsk = vshm_table_next(vnet, &place);
		if (!vsk)
			break;
		sock_put(&vsk->sk);
		if (place > table_place(test, TABLE_SOCKS - 1))
			break;
		/* another program's, meanwhile */
		if (vsk != table_sock(test, i))
			continue;
		KUNIT_EXPECT_EQ(test, table_place(test, i), place);
		i++;
	}
	KUNIT_EXPECT_EQ(test, i, TABLE_SOCKS);
}

/* The entry stays as long as anybody holds it. */
static void table_test_hold(struct kunit *test)
{
	struct vshm_net *vnet = vshm_net(&init_net);
	struct vshm_sock *vsk = table_sock(test, 0);
	struct socket **socks = test->priv;
	unsigned long place = table_place(test, 0), seen = place;
	struct vshm_sock *found;

	vshm_table_hold(vsk);
	sock_release(socks[0]);
	socks[0] = NULL;
	KUNIT_EXPECT_EQ(test, vsk->state, VSHM_TERMINATED);
	found = vshm_table_next(vnet, &seen);
	KUNIT_EXPECT_PTR_EQ(test, found, vsk);
	if (found)
		sock_put(&found->sk);
	vshm_table_put(vsk);
	seen = place;
	found = vshm_table_next(vnet, &seen);
	if (found)
		sock_put(&found->sk);
	KUNIT_EXPECT_NE(test, seen, place);
}

static struct kunit_case table_cases[] = {
	KUNIT_CASE(table_test_bind),
	KUNIT_CASE(table_test_any_port),
	KUNIT_CASE(table_test_port_wrap),
	KUNIT_CASE(table_test_list),
	KUNIT_CASE(table_test_hold),
	{ }
};

static struct kunit_suite table_suite = {
	.name		= "vshm_table",
	.init		= table_init,
	.exit		= table_exit,
	.test_cases	= table_cases,
};

/* Every move that state-machine.rst has, and no other. */
static const char * const state_moves[][2] = {
	{ "UNCONNECTED", "BOUND" },
	{ "UNCONNECTED", "CONNECTED" },
	{ "UNCONNECTED", "TERMINATED" },
	{ "BOUND", "LISTENING" },
	{ "BOUND", "CONNECTING" },
	{ "BOUND", "CONNECTED" },
	{ "BOUND", "TERMINATED" },
	{ "LISTENING", "DISCONNECTED" },
	{ "LISTENING", "TERMINATED" },
	{ "CONNECTING", "CONNECTED" },
	{ "CONNECTING", "BOUND" },
	{ "CONNECTED", "BOUND" },
	{ "CONNECTED", "SHUTDOWN" },
	{ "CONNECTED", "DISCONNECTED" },
	{ "SHUTDOWN", "DISCONNECTED" },
	{ "DISCONNECTED", "TERMINATED" },
};

static bool state_move(unsigned int from, unsigned int to)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(state_moves); i++)
		if (!strcmp(state_moves[i][0], vshm_state_names[from]) &&
		    !strcmp(state_moves[i][1], vshm_state_names[to]))
			return true;
	return false;
}

static void state_test_moves(struct kunit *test)
{
	unsigned int from, to, legal = 0;

	for (from = 0; from < VSHM_NR_STATES; from++) {
		for (to = 0; to < VSHM_NR_STATES; to++) {
			legal += vshm_state_legal(from, to);
			KUNIT_EXPECT_EQ_MSG(test, vshm_state_legal(from, to),
					    state_move(from, to), "%s -> %s",
					    vshm_state_names[from],
					    vshm_state_names[to]);
		}
	}
	KUNIT_EXPECT_EQ(test, legal, ARRAY_SIZE(state_moves));
}

/* What other code of the kernel sees follows the status. */
static void state_test_set(struct kunit *test)
{
	static const struct { u8 state, generic; } way[] = {
		{ VSHM_BOUND, TCP_CLOSE },
		{ VSHM_CONNECTING, TCP_SYN_SENT },
		{ VSHM_BOUND, TCP_CLOSE },
		{ VSHM_LISTENING, TCP_LISTEN },
	};
	struct vshm_sock *vsk = table_sock(test, 0);
	unsigned long before = jiffies;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, vsk->state, VSHM_UNCONNECTED);
	vshm_lock(&vsk->sk);
	for (i = 0; i < ARRAY_SIZE(way); i++) {
		vshm_set_state(vsk, way[i].state);
		KUNIT_EXPECT_EQ(test, vsk->state, way[i].state);
		KUNIT_EXPECT_EQ(test, vsk->sk.sk_state, way[i].generic);
		KUNIT_EXPECT_FALSE(test, time_before(vsk->since, before));
	}
	vshm_unlock(&vsk->sk);
}

static struct kunit_case state_cases[] = {
	KUNIT_CASE(state_test_moves),
	KUNIT_CASE(state_test_set),
	{ }
};

static struct kunit_suite state_suite = {
	.name		= "vshm_state",
	.init		= table_init,
	.exit		= table_exit,
	.test_cases	= state_cases,
};

kunit_test_suites(&table_suite, &state_suite);
