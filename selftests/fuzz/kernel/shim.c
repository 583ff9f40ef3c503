// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's services behind shim.h, for one thread.
 */
#include "shim.h"
#undef memcpy

unsigned int shim_atomic, shim_irqs_off, shim_rcu_depth;
volatile unsigned int shim_once;
unsigned long jiffies = 1;
struct net_proto_family *shim_family;
struct pernet_operations *shim_pernet;

static struct rcu_head *rcu_waiting;
static struct work_struct *work_waiting;

u32 get_random_u32(void)
{
	static u32 last;

	return last = last * 1664525 + 1013904223;
}

/* Bits and bytes */

bool test_and_set_bit(unsigned int n, unsigned long *p)
{
	bool old = test_bit(n, p);

	set_bit(n, p);
	return old;
}

bool test_and_clear_bit(unsigned int n, unsigned long *p)
{
	bool old = test_bit(n, p);

	clear_bit(n, p);
	return old;
}

bool sync_test_and_set_bit(unsigned int n, unsigned long *p)
{
	shim_once++;
	shim_loads(&p[n / 64], sizeof(*p));
	shim_once--;
	return test_and_set_bit(n % 64, &p[n / 64]);
}

void __set_bit(unsigned int n, unsigned long *p)
{
	p[n / 64] |= BIT(n % 64);
}

void __clear_bit(unsigned int n, unsigned long *p)
{
	p[n / 64] &= ~BIT(n % 64);
}

unsigned long shim_next_bit(const unsigned long *p, unsigned long size,
			    unsigned long from)
{
	while (from < size) {
		unsigned long rest = p[from / 64] >> from % 64;

		if (rest)
			return min(from + __ffs(rest), size);
		from = round_down(from, 64) + 64;
	}
	return size;
}

void *memchr_inv(const void *p, int c, size_t n)
{
	const u8 *byte = p;

	for (; n--; byte++)
		if (*byte != (u8)c)
			return (void *)byte;
	return NULL;
}

/* A copy loads its source, and so may anything in it change meanwhile. */
void *shim_memcpy(void *to, const void *from, size_t n)
{
	shim_copies(to, n);
	shim_copies(from, n);
	shim_once++;
	shim_loads(from, n);
	memcpy(to, from, n / 2);
	shim_loads((const u8 *)from + n / 2, n - n / 2);
	shim_once--;
	memcpy((u8 *)to + n / 2, (const u8 *)from + n / 2, n - n / 2);
	return to;
}

/* Locks and RCU */

void shim_lock(bool *held, bool sleeps)
{
	if (sleeps)
		might_sleep();
	else
		shim_atomic++;
	if (*held)
		DIE("deadlock");
	*held = true;
}

void shim_unlock(bool *held, bool sleeps)
{
	if (!*held)
		DIE("unlock of what is not locked");
	*held = false;
	if (!sleeps)
		shim_atomic--;
}

void call_rcu(struct rcu_head *rcu, void (*func)(struct rcu_head *rcu))
{
	rcu->func = func;
	rcu->next = rcu_waiting;
	rcu_waiting = rcu;
}

void shim_grace_period(void)
{
	struct rcu_head *rcu;

	while ((rcu = rcu_waiting)) {
		rcu_waiting = rcu->next;
		rcu->func(rcu);
	}
}

/* Memory */

void *kzalloc(size_t size, gfp_t gfp)
{
	if (gfp == GFP_KERNEL)
		might_sleep();
	return shim_fails() ? NULL : shim_alloc(size);
}

void kfree(const void *mem)
{
	shim_free(mem);
}

struct kmem_cache *shim_cache(size_t size)
{
	struct kmem_cache *cache = shim_alloc(sizeof(*cache));

	cache->size = size;
	return cache;
}

unsigned long get_zeroed_page(gfp_t gfp)
{
	return (unsigned long)kzalloc(PAGE_SIZE, gfp);
}

void free_page(unsigned long page)
{
	shim_free((void *)page);
}

struct gen_pool {
	unsigned long	start, pages, used;
	int		order;
	u8		*taken;	/* pages of the allocation that starts here */
};

struct gen_pool *gen_pool_create(int order, int nid)
{
	struct gen_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);

	if (pool)
		pool->order = order;
	return pool;
}

int gen_pool_add(struct gen_pool *pool, unsigned long start, size_t size,
		 int nid)
{
	pool->start = start;
	pool->pages = size >> pool->order;
	pool->taken = kzalloc(pool->pages, GFP_KERNEL);
	return pool->taken ? 0 : -ENOMEM;
}

void gen_pool_destroy(struct gen_pool *pool)
{
	if (pool->used)
		DIE("gen_pool_destroy: memory in use");
	shim_free(pool->taken);
	shim_free(pool);
}

static unsigned long pool_pages(const struct gen_pool *pool, size_t size)
{
	return (size + (1UL << pool->order) - 1) >> pool->order;
}

unsigned long gen_pool_alloc(struct gen_pool *pool, size_t size)
{
	unsigned long n = pool_pages(pool, size), i, run = 0;

	for (i = 0; i < pool->pages && !shim_fails(); i++) {
		run = pool->taken[i] ? 0 : run + 1;
		if (run < n)
			continue;
		i = i + 1 - n;
		memset(pool->taken + i, 1, n);
		/* the end, so that a wrong size is found when it is freed */
		pool->taken[i + n - 1] = 2;
		pool->used += n;
		return pool->start + (i << pool->order);
	}
	return 0;
}

void gen_pool_free(struct gen_pool *pool, unsigned long addr, size_t size)
{
	unsigned long n = pool_pages(pool, size), i, first;

	first = (addr - pool->start) >> pool->order;
	if (addr < pool->start || first + n > pool->pages ||
	    (first && pool->taken[first - 1] == 1))
		DIE("gen_pool_free: not an allocation");
	for (i = first; i < first + n; i++)
		if (pool->taken[i] != (i == first + n - 1 ? 2 : 1))
			DIE("gen_pool_free: not an allocation of that size");
	memset(pool->taken + first, 0, n);
	pool->used -= n;
}

size_t gen_pool_size(struct gen_pool *pool)
{
	return pool->pages << pool->order;
}

size_t gen_pool_avail(struct gen_pool *pool)
{
	return (pool->pages - pool->used) << pool->order;
}

/* XArray: sorted by index */

static size_t xa_position(const struct xarray *xa, unsigned long index)
{
	size_t low = 0, high = xa->nr;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (xa->slots[mid].index < index)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool xa_at(const struct xarray *xa, size_t i, unsigned long index)
{
	return i < xa->nr && xa->slots[i].index == index;
}

void *xa_load(struct xarray *xa, unsigned long index)
{
	size_t i = xa_position(xa, index);

	return xa_at(xa, i, index) ? xa->slots[i].entry : NULL;
}

int xa_insert(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	size_t i = xa_position(xa, index);
	struct shim_slot *slots;

	if (xa_at(xa, i, index))
		return -EBUSY;
	slots = kzalloc((xa->nr + 1) * sizeof(*slots), GFP_ATOMIC);
	if (!slots)
		return -ENOMEM;
	if (xa->nr) {
		memcpy(slots, xa->slots, i * sizeof(*slots));
		memcpy(slots + i + 1, xa->slots + i,
		       (xa->nr - i) * sizeof(*slots));
	}
	slots[i].index = index;
	slots[i].entry = entry;
	kfree(xa->slots);
	xa->slots = slots;
	xa->nr++;
	return 0;
}

void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	size_t i = xa_position(xa, index);
	void *old;

	if (!xa_at(xa, i, index))
		return ERR_PTR(xa_insert(xa, index, entry, gfp));
	old = xa->slots[i].entry;
	xa->slots[i].entry = entry;
	return old;
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	size_t i = xa_position(xa, index);
	void *old;

	if (!xa_at(xa, i, index))
		return NULL;
	old = xa->slots[i].entry;
	memmove(xa->slots + i, xa->slots + i + 1,
		(--xa->nr - i) * sizeof(*xa->slots));
	if (!xa->nr)
		xa_destroy(xa);
	return old;
}

int __xa_alloc(struct xarray *xa, u32 *id, void *entry,
	       struct shim_limit limit, gfp_t gfp)
{
	u32 index;

	for (index = limit.min; index <= limit.max; index++)
		if (!xa_load(xa, index)) {
			*id = index;
			return xa_insert(xa, index, entry, gfp);
		}
	return -EBUSY;
}

void *xa_find(struct xarray *xa, unsigned long *index, unsigned long last,
	      unsigned int filter)
{
	size_t i = xa_position(xa, *index);

	if (i >= xa->nr || xa->slots[i].index > last)
		return NULL;
	*index = xa->slots[i].index;
	return xa->slots[i].entry;
}

void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long last,
		    unsigned int filter)
{
	++*index;
	return xa_find(xa, index, last, filter);
}

int xa_reserve(struct xarray *xa, unsigned long index, gfp_t gfp)
{
	return shim_fails() ? -ENOMEM : 0;
}

void xa_destroy(struct xarray *xa)
{
	kfree(xa->slots);
	xa->slots = NULL;
	xa->nr = 0;
}

/* Hash tables: one chain */

static void *rh_object(const void *head, const struct rhashtable_params *p)
{
	return (char *)head - p->head_offset;
}

int rhashtable_lookup_insert_key(struct rhashtable *ht, const void *key,
				 struct rhash_head *obj,
				 const struct rhashtable_params params)
{
	struct rhashtable_compare_arg arg = { .ht = ht, .key = key };
	struct rhash_head *pos;

	for (pos = ht->first; pos; pos = pos->next)
		if (!params.obj_cmpfn(&arg, rh_object(pos, &params)))
			return -EEXIST;
	if (shim_fails())
		return -ENOMEM;
	obj->next = ht->first;
	ht->first = obj;
	return 0;
}

int rhashtable_remove_fast(struct rhashtable *ht, struct rhash_head *obj,
			   const struct rhashtable_params params)
{
	struct rhashtable_compare_arg arg = { .ht = ht };
	struct rhash_head **pos;

	(void)arg;
	for (pos = &ht->first; *pos; pos = &(*pos)->next)
		if (*pos == obj) {
			*pos = obj->next;
			return 0;
		}
	DIE("rhashtable_remove_fast: not there");
}

static const void *rhl_key(const struct rhlist_head *obj,
			   const struct rhashtable_params *p)
{
	return (char *)rh_object(obj, p) + p->key_offset;
}

/* Where the list of those with that key hangs in the chain. */
static struct rhlist_head **rhl_find(struct rhltable *ht, const void *key,
				     const struct rhashtable_params *p)
{
	struct rhlist_head **pos = &ht->first;

	while (*pos && memcmp(rhl_key(*pos, p), key, p->key_len))
		pos = (struct rhlist_head **)&(*pos)->rhead.next;
	return pos;
}

struct rhlist_head *rhltable_lookup(struct rhltable *ht, const void *key,
				    const struct rhashtable_params params)
{
	return *rhl_find(ht, key, &params);
}

int rhltable_insert(struct rhltable *ht, struct rhlist_head *obj,
		    const struct rhashtable_params params)
{
	struct rhlist_head **pos = rhl_find(ht, rhl_key(obj, &params), &params);

	if (shim_fails())
		return -ENOMEM;
	obj->rhead.next = *pos ? (*pos)->rhead.next : NULL;
	obj->next = *pos;
	*pos = obj;
	return 0;
}

int rhltable_remove(struct rhltable *ht, struct rhlist_head *obj,
		    const struct rhashtable_params params)
{
	struct rhlist_head **pos = rhl_find(ht, rhl_key(obj, &params), &params);

	if (*pos == obj && obj->next) {
		obj->next->rhead.next = obj->rhead.next;
		*pos = obj->next;
		return 0;
	}
	if (*pos == obj) {
		*pos = (struct rhlist_head *)obj->rhead.next;
		return 0;
	}
	while (*pos && *pos != obj)
		pos = &(*pos)->next;
	if (!*pos)
		DIE("rhltable_remove: not there");
	*pos = obj->next;
	return 0;
}

/* Work */

static bool work_take(struct work_struct *work)
{
	struct work_struct **pos;

	for (pos = &work_waiting; *pos; pos = &(*pos)->next)
		if (*pos == work) {
			*pos = work->next;
			work->pending = false;
			return true;
		}
	return false;
}

bool shim_queue(struct work_struct *work, unsigned long delay, bool modify)
{
	struct work_struct **pos = &work_waiting;
	bool was = work->pending;

	if (was && !modify)
		return false;
	if (was)
		work_take(work);
	work->due = jiffies + delay;
	work->pending = true;
	work->next = NULL;
	while (*pos)
		pos = &(*pos)->next;
	*pos = work;
	return modify ? was : true;
}

bool shim_cancel(struct work_struct *work)
{
	return work->pending && work_take(work);
}

unsigned int shim_work(unsigned int max)
{
	struct work_struct *work;
	unsigned int n = 0;

	while (!max || n < max) {
		for (work = work_waiting; work; work = work->next)
			if ((long)(jiffies - work->due) >= 0)
				break;
		if (!work)
			break;
		if (++n > 10000)
			DIE("work without end");
		work_take(work);
		work->func(work);
		shim_rest();
	}
	return n;
}

void wait_for_completion(struct completion *done)
{
	might_sleep();
	if (!done->done)
		shim_grace_period();
	if (!done->done)
		shim_work(0);
	if (!done->done)
		DIE("wait_for_completion: nobody completes it");
	done->done--;
}

/* Memory of programs */

size_t _copy_from_iter(void *to, size_t n, struct iov_iter *from)
{
	n = shim_fault(min(n, from->count));
	shim_copies(to, n);
	memcpy(to, from->base + from->done, n);
	from->done += n;
	from->count -= n;
	return n;
}

size_t _copy_to_iter(const void *from, size_t n, struct iov_iter *to)
{
	n = shim_fault(min(n, to->count));
	shim_memcpy(to->base + to->done, from, n);
	to->done += n;
	to->count -= n;
	return n;
}

void iov_iter_revert(struct iov_iter *i, size_t n)
{
	i->done -= n;
	i->count += n;
}

size_t fault_in_iov_iter_readable(const struct iov_iter *i, size_t n)
{
	might_sleep();
	return shim_fault(2) == 2 ? 0 : n;
}

/* Sockets */

/* Somebody looks again and again, for a while. */
unsigned int shim_busy(bool start)
{
	static unsigned int left;

	if (start)
		left = 20;
	return left ? left-- : 0;
}

int sock_copy_user_timeval(struct __kernel_sock_timeval *tv, sockptr_t optval,
			   int optlen, bool old)
{
	if (optlen < (int)sizeof(*tv))
		return -EINVAL;
	memcpy(tv, optval.user, sizeof(*tv));
	return 0;
}

int sock_get_timeout(long timeo, void *optval, bool old)
{
	struct __kernel_sock_timeval tv = {
		.tv_sec = timeo / HZ,
		.tv_usec = timeo % HZ * (USEC_PER_SEC / HZ),
	};

	memcpy(optval, &tv, sizeof(tv));
	return sizeof(tv);
}

struct sock *sk_alloc(struct net *net, int family, gfp_t gfp,
		      struct proto *prot, int kern)
{
	struct sock *sk = kzalloc(prot->obj_size, gfp);

	if (sk) {
		sk->net = net;
		sk->sk_prot = prot;
	}
	return sk;
}

void sk_free(struct sock *sk)
{
	if (sk->sk_destruct)
		sk->sk_destruct(sk);
	kfree(sk);
}

static void sk_def_event(struct sock *sk)
{
}

void sock_init_data(struct socket *sock, struct sock *sk)
{
	refcount_set(&sk->sk_refcnt, 1);
	sk->sk_rcvlowat = 1;
	sk->sk_peek_off = -1;
	sk->sk_rcvtimeo = MAX_SCHEDULE_TIMEOUT;
	sk->sk_sndtimeo = MAX_SCHEDULE_TIMEOUT;
	sk->sk_data_ready = sk_def_event;
	sk->sk_write_space = sk_def_event;
	sk->sk_state_change = sk_def_event;
	if (sock) {
		sk->sk_socket = sock;
		sk->sk_wq = &sock->wq;
		sock->sk = sk;
	}
}

static void sk_free_rcu(struct rcu_head *rcu)
{
	sk_free(container_of(rcu, struct sock, sk_rcu));
}

void sock_put(struct sock *sk)
{
	if (!refcount_dec_and_test(&sk->sk_refcnt))
		return;
	if (sock_flag(sk, SOCK_RCU_FREE))
		call_rcu(&sk->sk_rcu, sk_free_rcu);
	else if (shim_rcu_depth)
		DIE("socket freed under readers");
	else
		sk_free(sk);
}

int sk_set_peek_off(struct sock *sk, int val)
{
	sk->sk_peek_off = val;
	return 0;
}

void sock_graft(struct sock *sk, struct socket *parent)
{
	sk->sk_socket = parent;
	sk->sk_wq = &parent->wq;
	parent->sk = sk;
}

void sock_orphan(struct sock *sk)
{
	sock_set_flag(sk, SOCK_DEAD);
	sk->sk_socket = NULL;
	sk->sk_wq = NULL;
}

int sock_error(struct sock *sk)
{
	int err = sk->sk_err;

	sk->sk_err = 0;
	return -err;
}

int sk_stream_error(struct sock *sk, int flags, int err)
{
	if (err == -EPIPE) {
		err = sock_error(sk);
		return err ? err : -EPIPE;
	}
	return err;
}

bool skwq_has_sleeper(struct socket_wq *wq)
{
	return wq && wq->wait.task;
}
