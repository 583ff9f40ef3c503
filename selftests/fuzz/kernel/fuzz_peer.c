// SPDX-License-Identifier: GPL-2.0
/*
 * Programs on a host and in two guests, whose links a hostile peer writes to.
 *
 * What must hold, whatever is written: no access outside of what is ours, no
 * undefined behaviour, no WARN, no deadlock, no leak, each call ends after a
 * bounded number of loads, private views stay possible, connections that do not
 * use that memory do not notice, and the link works again once both ends of it
 * have started anew.
 */
#include "bed.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
unsigned long hostile_memory(void);

static u8 buffer[70000];
static struct bed_sock *victim[2][2];

static struct bed_sock *some_sock(void)
{
	unsigned int start = hostile_number(BED_SOCKS), i;

	for (i = 0; i < BED_SOCKS; i++) {
		struct bed_sock *bs = &bed_sock[(start + i) % BED_SOCKS];

		if (bs->sock && !bs->victim)
			return bs;
	}
	return NULL;
}

static u32 some_cid(void)
{
	static const u32 cids[] = { 1, 2, 3, 4, 4, 3, 2, 5, VSHM_CID_ANY };

	return cids[hostile_number(ARRAY_SIZE(cids))];
}

static size_t some_size(void)
{
	static const size_t sizes[] = {
		0, 1, 7, 64, 1000, 2040, 2048, 4096, 9000, 30000, 70000,
	};

	return sizes[hostile_number(ARRAY_SIZE(sizes))];
}

static int some_flags(void)
{
	static const int flags[] = {
		MSG_DONTWAIT, MSG_DONTWAIT, MSG_DONTWAIT, 0, MSG_WAITALL,
		MSG_PEEK | MSG_DONTWAIT, MSG_TRUNC | MSG_DONTWAIT,
		MSG_EOR | MSG_DONTWAIT, MSG_PEEK | MSG_WAITALL,
	};

	return flags[hostile_number(ARRAY_SIZE(flags))];
}

/* Connections of the others: nobody who is hostile can reach them. */
static void check_victims(void)
{
	static u8 count;
	u8 out[64], in[64];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		memset(out, ++count, sizeof(out));
		if (bed_send(victim[i][0], out, sizeof(out), MSG_DONTWAIT) !=
		    sizeof(out))
			DIE("a victim cannot send");
		if (bed_recv(victim[i][1], in, sizeof(in), MSG_DONTWAIT) !=
		    sizeof(in) || memcmp(in, out, sizeof(in)))
			DIE("a victim does not receive");
	}
}

static void do_option(struct bed_sock *bs)
{
	struct __kernel_sock_timeval tv = { .tv_usec = hostile_number(200000) };
	sockptr_t p = { &tv };
	u64 size = 1ULL << hostile_number(26);

	switch (hostile_number(4)) {
	case 0:
		bs->sock->ops->setsockopt(bs->sock, AF_VSHM,
					  SO_VSHM_CONNECT_TIMEOUT_NEW, p,
					  sizeof(tv));
		break;
	case 1:
		bs->sock->sk->sk_busy = hostile_number(2);
		bs->sock->sk->sk_rcvlowat = hostile_number(5000);
		bs->sock->sk->sk_peek_off = (int)hostile_number(5000) - 1;
		break;
	case 2:
		sock_set_flag(bs->sock->sk, hostile_number(2) ? SOCK_FASYNC :
								SOCK_LINGER);
		break;
	default:
		p.user = &size;
		bs->sock->ops->setsockopt(bs->sock, AF_VSHM,
					  hostile_number(2) ?
					  SO_VSHM_BUFFER_MAX_SIZE :
					  SO_VSHM_BUFFER_SIZE, p, sizeof(size));
	}
}

/* Somebody looks, or intervenes. */
static void do_look(struct bed_sock *bs)
{
	struct vshm_sock *vsk = vshm_sk(bs->sock->sk);
	struct vshm_conn_info info = { };
	struct vshm_link_info link = { };
	struct sockaddr_vshm svs;
	unsigned int i;

	switch (hostile_number(8)) {
	case 0:
		bs->sock->ops->getname(bs->sock, (void *)&svs,
				       hostile_number(2));
		break;
	case 1:
	case 2:
		vshm_conn_info(vsk, &info);
		if (info.tx_ring > VSHM_BUFFER_MAX ||
		    info.rx_ring > VSHM_BUFFER_MAX)
			DIE("a ring that cannot be");
		break;
	case 3:
		i = hostile_number(BED_ENDS);
		if (bed_end[i].rl)
			vshm_link_info(bed_link(i), &link);
		if (link.heap_used > link.heap_size)
			DIE("a heap that cannot be");
		break;
	case 4:
		vshm_table_active(vshm_net(&bed_net[bs->net]), ~0U);
		break;
	case 5:
		bs->sock->sk->sk_prot->diag_destroy(bs->sock->sk,
						    ECONNABORTED);
		break;
	default:
		do_option(bs);
	}
}

/* A call of a program, with a socket */
static void do_call(u8 op, struct bed_sock *bs)
{
	struct poll_table table = { bs };
	int n;

	switch (op) {
	case 0:
		bed_bind(bs, some_cid(), 5000 + hostile_number(BED_PORTS));
		break;
	case 1:
		if (bs->sock->ops->listen)
			bs->sock->ops->listen(bs->sock, hostile_number(4));
		break;
	case 2:
		bed_connect(bs, some_cid(), 5000 + hostile_number(BED_PORTS),
			    hostile_number(4) ? O_NONBLOCK : 0);
		break;
	case 3:
		if (bs->sock->ops->accept)
			bed_accept(bs);
		break;
	case 4:
		if (bs->sock->type == SOCK_DGRAM) {
			bed_send_to(bs, some_cid(),
				    5000 + hostile_number(BED_PORTS), buffer,
				    some_size(), some_flags());
			break;
		}
		bed_send(bs, buffer, some_size(), some_flags());
		break;
	case 5:
		bed_send(bs, buffer, some_size(), some_flags());
		break;
	case 6:
	case 7:
		bed_recv(bs, buffer, some_size(), some_flags());
		break;
	case 8:
		bs->sock->ops->shutdown(bs->sock, hostile_number(3));
		break;
	case 9:
		bed_close(bs);
		break;
	case 10:
		bs->sock->ops->poll(NULL, bs->sock,
				    hostile_number(2) ? &table : NULL);
		break;
	case 11:
		if (!bs->sock->ops->ioctl(bs->sock, hostile_number(2) ?
					  SIOCINQ : SIOCOUTQ,
					  (unsigned long)&n) &&
		    (n < 0 || n > VSHM_BUFFER_MAX))
			DIE("a queue that cannot be");
		break;
	default:
		do_look(bs);
	}
}

/* Something else that happens */
static void do_other(u8 op)
{
	static const int types[] = {
		SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM, SOCK_DGRAM,
	};
	struct bed_sock *pair[2];
	unsigned int n;

	switch (op) {
	case 0:
		bed_create(hostile_number(BED_NETS),
			   types[hostile_number(ARRAY_SIZE(types))]);
		break;
	case 1:
		bed_interrupt(hostile_number(BED_ENDS));
		break;
	case 2:
		shim_work(1 + hostile_number(8));
		break;
	case 3:
		jiffies += hostile_number(3 * HZ);
		break;
	case 4:
		n = hostile_number(2 * BED_REGIONS);
		if (!(hostile_regions & 1 << bed_end[n].region))
			break;
		if (bed_end[n].rl)
			bed_detach(n);
		else
			bed_attach(n);
		break;
	case 5:
		for (n = hostile_number(8); n--;)
			hostile_record(hostile_number(BED_ENDS));
		for (n = hostile_number(8); n--;)
			hostile_datagram(hostile_number(BED_ENDS));
		break;
	case 6:
		for (n = hostile_number(16); n--;)
			hostile_scribble();
		break;
	case 7:
		hostile_fail = 1 + hostile_number(64);
		break;
	case 8:
	case 9:
	case 10:
		/* guest to host, host to guest, guest to guest */
		bed_join(op == 9 ? 0 : 1, op == 8 ? 0 : op - 8,
			 op == 8 ? 2 : op - 6,
			 hostile_number(2) ? SOCK_STREAM : SOCK_SEQPACKET,
			 pair);
		break;
	default:
		bed_settle();
	}
}

static void prepare(void)
{
	unsigned int i;

	memset(victim, 0, sizeof(victim));
	bed_pair(1, victim[0]);
	hostile_regions = hostile_op() % 4;
	if (hostile_regions == 0)
		hostile_regions = 1;
	/* what goes through the other region is a victim, too */
	if (hostile_regions == 1) {
		if (!bed_join(2, 0, VSHM_CID_HOST, SOCK_STREAM, victim[1]))
			DIE("no connection");
	} else {
		bed_pair(0, victim[1]);
	}
	for (i = 0; i < 4; i++)
		victim[i / 2][i % 2]->victim = true;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	unsigned long memory = hostile_memory();
	unsigned int calls = 0;

	if (size < 4)
		return 0;
	hostile_on = false;
	hostile_begin(data, size);
	hostile_call();
	bed_start();
	prepare();
	hostile_on = true;
	while (hostile_more() && calls++ < 256) {
		u8 op = hostile_op();
		struct bed_sock *bs = op & 1 ? some_sock() : NULL;

		hostile_call();
		hostile_faults = true;
		if (bs)
			do_call(op / 2 % 13, bs);
		else
			do_other(op / 2 % 12);
		hostile_faults = false;
		bed_check();
		hostile_call();
		check_victims();
		shim_grace_period();
	}
	hostile_on = false;
	hostile_call();
	bed_recover();
	hostile_call();
	bed_stop();
	if (hostile_memory() != memory)
		DIE("memory leaked");
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	unsigned int i;

	for (i = 0; i < sizeof(buffer); i++)
		buffer[i] = i * 31;
	atexit(hostile_count);
	return 0;
}
