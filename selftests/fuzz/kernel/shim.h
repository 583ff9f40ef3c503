/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module takes from the kernel, for one thread in userspace: types,
 * lists, locks, memory, work and the generic part of sockets. Included before
 * anything else; <linux/...> and <net/...> of the kernel are empty files.
 *
 * Nothing here knows of vshm. What the real functions forbid ends the program:
 * a lock taken twice, sleeping under a spinlock, a WARN, memory given back
 * that was not taken.
 */
#ifndef _SHIM_H
#define _SHIM_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/errno.h>
#include <linux/socket.h>
#include <linux/sockios.h>
#include <linux/types.h>
#include <asm/ioctls.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned int gfp_t;
typedef unsigned int __poll_t;
typedef struct { unsigned int val; } kuid_t;
#define INVALID_UID		((kuid_t) { ~0U })
#define uid_valid(uid)		((uid).val != ~0U)
#define __kuid_val(uid)		((uid).val)
#define current_fsuid()		((kuid_t) { 0 })
typedef s64 ktime_t;
typedef unsigned short sa_family_t;
struct sockaddr { sa_family_t sa_family; char sa_data[14]; };

/* Where the fuzzer takes part: fuzz.c */
void shim_loads(const volatile void *addr, size_t size);
void shim_copies(const volatile void *addr, size_t size);
void shim_rest(void);
bool shim_fails(void);
bool shim_signal(void);
size_t shim_fault(size_t n);
long shim_sleep(long timeo);
void shim_die(const char *what, const char *file, int line)
	__attribute__((noreturn));
void *shim_alloc(size_t size);
void shim_free(const void *mem);
extern unsigned int shim_atomic, shim_irqs_off, shim_rcu_depth;
extern volatile unsigned int shim_once;	/* inside READ_ONCE() and its like */
extern unsigned long jiffies;
#define DIE(what)	shim_die(what, __FILE__, __LINE__)

/* Language */
#define BITS_PER_LONG	64
#define PAGE_SHIFT	12
#define PAGE_SIZE	4096UL
#define HZ		250
#define __LITTLE_ENDIAN	1234
#define KBUILD_MODNAME	"vshm"
#define THIS_MODULE	NULL
#define __rcu
#define __user
#define __init
#define noinline		__attribute__((noinline))
#define __exit
#define __net_init
#define __net_exit
#define __force
#define __aligned(n)	__attribute__((aligned(n)))
#define __ro_after_init
#define ____cacheline_aligned_in_smp
#define EXPORT_SYMBOL_GPL(x)	struct shim_none
#define MODULE_DESCRIPTION(x)	struct shim_none
#define MODULE_LICENSE(x)	struct shim_none
#define MODULE_ALIAS_NETPROTO(x) struct shim_none
#define MODULE_PARM_DESC(x, y)	struct shim_none
#define module_param_named(n, v, t, p) struct shim_none
#define module_init(f)	int shim_module_init(void) { return f(); }
#define module_exit(f)	void shim_module_exit(void) { f(); }
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BIT(n)		(1UL << (n))
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))
#define min(a, b)	({ __auto_type _a = (a); __auto_type _b = (b); _a < _b ? _a : _b; })
#define max(a, b)	({ __auto_type _a = (a); __auto_type _b = (b); _a > _b ? _a : _b; })
#define min_t(t, a, b)	min((t)(a), (t)(b))
#define max_t(t, a, b)	max((t)(a), (t)(b))
#define clamp(v, lo, hi) min(max(v, lo), hi)
#define clamp_t(t, v, lo, hi) clamp((t)(v), (t)(lo), (t)(hi))
#define round_down(x, y) ((x) & ~((__typeof__(x))(y) - 1))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define order_base_2(n)	((n) > 1 ? ilog2((n) - 1) + 1 : 0)
#define ilog2(n)	(63 - __builtin_clzl(n))
#define __ffs(n)	((unsigned long)__builtin_ctzl(n))
#define is_power_of_2(n) ((n) && !((n) & ((n) - 1)))
#define USEC_PER_SEC	1000000L
#define MSEC_PER_SEC	1000L
#define ULONG_MAX_	(~0UL)
#define U16_MAX		0xffff
#define U32_MAX		(~0U)
#define U64_MAX		(~0ULL)
#define WARN_ONCE(c, ...) ({ bool _c = (c); if (_c) DIE("WARN_ONCE"); _c; })
#define WARN_ON_ONCE(c)	WARN_ONCE(c, "")
#define BUILD_BUG_ON(c)	_Static_assert(!(c), #c)
#define MAX_ERRNO	4095
#define ERR_PTR(e)	((void *)(long)(e))
#define PTR_ERR(p)	((long)(p))
#define PTR_ERR_OR_ZERO(p)	(IS_ERR(p) ? (int)PTR_ERR(p) : 0)
#define IS_ERR(p)	((unsigned long)(p) >= (unsigned long)-MAX_ERRNO)
#define ENOIOCTLCMD	515
#define ERESTARTSYS	512
#define LINUX_VERSION_CODE	0x060100
#define KERNEL_VERSION(a, b, c)	((a) << 16 | (b) << 8 | (c))
#define pr_err(...)	((void)0)
#define pr_err_ratelimited(...)	((void)0)
#define pr_notice(...)	((void)0)
#define pr_info(...)	((void)0)
#define sched_clock()	0
#define seq_puts(seq, s)	((void)(seq))
#define seq_printf(seq, ...)	((void)(seq))
#define set_active_memcg(cg)	((struct mem_cgroup *)(cg))
struct sk_buff;
struct seq_file;
struct mem_cgroup;
struct user_namespace;
struct ctl_table;

/* Loads of what others change, and barriers: one thread needs none. */
#define data_race(x) (x)
#define READ_ONCE(x) ({							\
	__typeof__(x) _v =						\
		(shim_once++, *(const volatile __typeof__(x) *)&(x));	\
	shim_once--;							\
	_v; })
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define virt_load_acquire(p)	READ_ONCE(*(p))
#define virt_store_release(p, v) WRITE_ONCE(*(p), v)
#define smp_load_acquire(p)	READ_ONCE(*(p))
#define smp_store_release(p, v)	WRITE_ONCE(*(p), v)
#define virt_mb()		__asm__ volatile("" : : : "memory")
#define smp_store_mb(x, v)	WRITE_ONCE(x, v)
#define virt_rmb()		virt_mb()
#define smp_mb()		virt_mb()
#define smp_rmb()		virt_mb()
#define smp_wmb()		virt_mb()
#define smp_acquire__after_ctrl_dep() virt_mb()
#define smp_mb__before_atomic()	virt_mb()
#define smp_mb__after_atomic()	virt_mb()
#define xchg(p, v) ({							\
	__typeof__(*(p)) _old = READ_ONCE(*(p));			\
	WRITE_ONCE(*(p), v);						\
	_old; })

void *shim_memcpy(void *to, const void *from, size_t n);
#define memcpy(to, from, n)	shim_memcpy(to, from, n)
void *memchr_inv(const void *p, int c, size_t n);

/* Atomics and bits */
typedef struct { int v; } atomic_t;
typedef struct { long v; } atomic_long_t, atomic64_t;
typedef struct { int v; } refcount_t;
#define ATOMIC64_INIT(n)	{ n }
#define atomic_inc(a)		((void)(a)->v++)
#define atomic_dec(a)		((void)(a)->v--)
#define atomic_read(a)		((a)->v)
#define atomic_inc_return(a)	(++(a)->v)
#define atomic_dec_return(a)	(--(a)->v)
#define atomic_long_add(n, a)	((void)((a)->v += (long)(n)))
#define atomic_long_sub(n, a)	((void)((a)->v -= (long)(n)))
#define atomic_long_add_return(n, a)	((a)->v += (long)(n))
#define atomic_long_dec(a)	((void)(a)->v--)
#define atomic_long_inc(a)	((void)(a)->v++)
#define atomic_long_read(a)	((a)->v)
#define atomic64_inc(a)		((void)(a)->v++)
#define atomic64_inc_return(a)	(++(a)->v)
#define refcount_set(r, n)	((void)((r)->v = (n)))
#define refcount_read(r)	((r)->v)
#define refcount_inc(r)		({ if ((r)->v++ <= 0) DIE("refcount_inc"); })
#define refcount_inc_not_zero(r) ((r)->v ? ((r)->v++, true) : false)
#define refcount_dec_and_test(r) ({ if ((r)->v <= 0) DIE("refcount_dec"); --(r)->v == 0; })
#define test_bit(n, p)		(*(p) >> (n) & 1)
#define set_bit(n, p)		((void)(*(p) |= BIT(n)))
#define clear_bit(n, p)		((void)(*(p) &= ~BIT(n)))
bool test_and_set_bit(unsigned int n, unsigned long *p);
bool test_and_clear_bit(unsigned int n, unsigned long *p);
bool sync_test_and_set_bit(unsigned int n, unsigned long *p);
void __set_bit(unsigned int n, unsigned long *p);
void __clear_bit(unsigned int n, unsigned long *p);
unsigned long shim_next_bit(const unsigned long *p, unsigned long size,
			    unsigned long from);
#define for_each_set_bit(n, p, size) \
	for ((n) = shim_next_bit(p, size, 0); (n) < (size); \
	     (n) = shim_next_bit(p, size, (n) + 1))
#define bitmap_zalloc(n, gfp)	((unsigned long *)kzalloc((n) / 8, gfp))
#define bitmap_free(p)		kfree(p)
#define bitmap_zero(p, n)	memset(p, 0, (n) / 8)

/* Lists */
struct list_head { struct list_head *next, *prev; };
#define LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define LIST_HEAD(name)	struct list_head name = { &(name), &(name) }
#define list_entry(p, type, member)	container_of(p, type, member)
static inline void INIT_LIST_HEAD(struct list_head *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_empty(const struct list_head *l)
{
	return l->next == l;
}

#define list_empty_careful(l)	list_empty(l)
static inline void list_add_tail(struct list_head *n, struct list_head *l)
{
	n->next = l;
	n->prev = l->prev;
	l->prev->next = n;
	l->prev = n;
}

static inline void list_del_init(struct list_head *l)
{
	l->next->prev = l->prev;
	l->prev->next = l->next;
	INIT_LIST_HEAD(l);
}

static inline void list_move_tail(struct list_head *l, struct list_head *to)
{
	list_del_init(l);
	list_add_tail(l, to);
}

static inline void list_splice_init(struct list_head *from,
				    struct list_head *to)
{
	while (!list_empty(from)) {
		struct list_head *l = from->next;

		list_del_init(l);
		list_add_tail(l, to);
	}
}

#define list_first_entry_or_null(l, type, member) \
	(list_empty(l) ? NULL : list_entry((l)->next, type, member))
#define list_for_each_entry(p, l, member)				\
	for (p = list_entry((l)->next, __typeof__(*p), member);		\
	     &p->member != (l);						\
	     p = list_entry(p->member.next, __typeof__(*p), member))
#define list_for_each_entry_safe(p, n, l, member)			\
	for (p = list_entry((l)->next, __typeof__(*p), member),		\
	     n = list_entry(p->member.next, __typeof__(*p), member);	\
	     &p->member != (l);						\
	     p = n, n = list_entry(n->member.next, __typeof__(*n), member))

/* Locks */
struct mutex { bool held; };
typedef struct { bool held; } spinlock_t;
typedef spinlock_t rwlock_t;
void shim_lock(bool *held, bool sleeps);
void shim_unlock(bool *held, bool sleeps);
#define mutex_init(m)		((void)((m)->held = false))
#define mutex_lock(m)		shim_lock(&(m)->held, true)
#define mutex_lock_nested(m, n)	mutex_lock(m)
#define mutex_unlock(m)		shim_unlock(&(m)->held, true)
#define lockdep_is_held(m)	((m)->held)
#define spin_lock_init(l)	((void)((l)->held = false))
#define spin_lock(l)		shim_lock(&(l)->held, false)
#define spin_unlock(l)		shim_unlock(&(l)->held, false)
#define spin_lock_irq(l)	({ if (shim_irqs_off++) DIE("irqs are off"); spin_lock(l); })
#define spin_unlock_irq(l)	({ spin_unlock(l); shim_irqs_off--; })
#define spin_lock_irqsave(l, f)	({ (f) = shim_irqs_off++; spin_lock(l); })
#define spin_unlock_irqrestore(l, f) ({ spin_unlock(l); (void)(f); shim_irqs_off--; })
#define read_lock_bh(l)		spin_lock(l)
#define read_unlock_bh(l)	spin_unlock(l)
#define might_sleep()		({ if (shim_atomic || shim_rcu_depth || shim_irqs_off) DIE("sleeps in atomic context"); })
#define cond_resched()		({ might_sleep(); shim_rest(); })

/* RCU: what waits for a grace period gets it between two calls. */
struct rcu_head { struct rcu_head *next; void (*func)(struct rcu_head *rcu); };
void call_rcu(struct rcu_head *rcu, void (*func)(struct rcu_head *rcu));
void shim_grace_period(void);
#define rcu_read_lock()		((void)shim_rcu_depth++)
#define rcu_read_unlock()	({ if (!shim_rcu_depth--) DIE("rcu_read_unlock"); })
#define synchronize_rcu()	({ might_sleep(); shim_grace_period(); })
#define rcu_barrier()		synchronize_rcu()
#define rcu_dereference(p)	({ if (!shim_rcu_depth) DIE("no RCU reader"); (p); })
#define rcu_dereference_protected(p, c) ({ if (!(c)) DIE("lock not held"); (p); })
#define rcu_access_pointer(p)	(p)
#define rcu_assign_pointer(p, v) ((p) = (v))
#define RCU_INIT_POINTER(p, v)	((p) = (v))

/* Memory */
#define GFP_KERNEL		1
#define GFP_KERNEL_ACCOUNT	1
#define GFP_ATOMIC		2
#define __GFP_NOWARN		0
#define __GFP_NORETRY		0
#define __GFP_RETRY_MAYFAIL	0
#define __GFP_ACCOUNT		0
#define SLAB_HWCACHE_ALIGN	0
#define SLAB_ACCOUNT		0
#define SLAB_TYPESAFE_BY_RCU	0
struct kmem_cache { size_t size; };
void *kzalloc(size_t size, gfp_t gfp);
void kfree(const void *mem);
#define kmalloc(size, gfp)	kzalloc(size, gfp)
#define memset_after(obj, v, member) \
	memset(&(obj)->member + 1, v, \
	       (char *)((obj) + 1) - (char *)(&(obj)->member + 1))
#define kvmalloc(size, gfp)	kzalloc(size, gfp)
#define kvzalloc(size, gfp)	kzalloc(size, gfp)
#define kvcalloc(n, size, gfp)	kzalloc((n) * (size), gfp)
#define kvfree(mem)		kfree(mem)
#define kmem_cache_create(name, size, align, flags, ctor) shim_cache(size)
struct kmem_cache *shim_cache(size_t size);
#define kmem_cache_alloc(c, gfp)	kzalloc((c)->size, gfp)
#define kmem_cache_free(c, mem)	kfree(mem)
#define kmem_cache_destroy(c)	shim_free(c)
unsigned long get_zeroed_page(gfp_t gfp);
void free_page(unsigned long page);
/* one CPU */
#define __percpu
#define alloc_percpu(type)	((type *)kzalloc(sizeof(type), GFP_KERNEL))
#define free_percpu(p)		kfree(p)
#define per_cpu_ptr(p, cpu)	((void)(cpu), (p))
#define this_cpu_add(v, n)	((void)((v) += (n)))
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < 1; (cpu)++)
#define NUMA_NO_NODE		-1
struct gen_pool;
struct gen_pool *gen_pool_create(int order, int nid);
int gen_pool_add(struct gen_pool *pool, unsigned long start, size_t size,
		 int nid);
void gen_pool_destroy(struct gen_pool *pool);
unsigned long gen_pool_alloc(struct gen_pool *pool, size_t size);
void gen_pool_free(struct gen_pool *pool, unsigned long addr, size_t size);
size_t gen_pool_size(struct gen_pool *pool);
size_t gen_pool_avail(struct gen_pool *pool);

/* Tables */
struct shim_slot { unsigned long index; void *entry; };
struct xarray {
	struct shim_slot	*slots;
	size_t			nr;
	bool			locked;
	bool			alloc1;
};
#define XA_FLAGS_ALLOC1		1
#define XA_PRESENT		0
struct shim_limit { u32 min, max; };
#define XA_LIMIT(lo, hi)	((struct shim_limit) { lo, hi })
#define xa_init_flags(xa, f)	((void)(*(xa) = (struct xarray) { .alloc1 = (f) }))
#define xa_init(xa)		xa_init_flags(xa, 0)
#define xa_lock(xa)		shim_lock(&(xa)->locked, false)
#define xa_unlock(xa)		shim_unlock(&(xa)->locked, false)
#define xa_mk_value(v)		((void *)((unsigned long)(v) << 1 | 1))
#define xa_to_value(e)		((unsigned long)(e) >> 1)
#define xa_is_value(e)		((unsigned long)(e) & 1)
#define xa_err(e)		(IS_ERR(e) ? (int)PTR_ERR(e) : 0)
#define xa_empty(xa)		(!(xa)->nr)
void *xa_load(struct xarray *xa, unsigned long index);
int xa_insert(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
void *xa_erase(struct xarray *xa, unsigned long index);
#define __xa_erase(xa, index)	xa_erase(xa, index)
#define xa_alloc(xa, id, e, limit, gfp)	__xa_alloc(xa, id, e, limit, gfp)
int xa_reserve(struct xarray *xa, unsigned long index, gfp_t gfp);
int __xa_alloc(struct xarray *xa, u32 *id, void *entry,
	       struct shim_limit limit, gfp_t gfp);
void *xa_find(struct xarray *xa, unsigned long *index, unsigned long last,
	      unsigned int filter);
void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long last,
		    unsigned int filter);
#define xa_for_each(xa, i, e) \
	for ((i) = 0; ((e) = xa_find(xa, &(i), ULONG_MAX, XA_PRESENT)); (i)++)
void xa_destroy(struct xarray *xa);

struct rhash_head { struct rhash_head *next; };
struct rhlist_head { struct rhash_head rhead; struct rhlist_head *next; };
struct rhashtable_compare_arg { struct rhashtable *ht; const void *key; };
struct rhashtable_params {
	size_t head_offset, key_offset, key_len;
	u32 (*hashfn)(const void *data, u32 len, u32 seed);
	u32 (*obj_hashfn)(const void *data, u32 len, u32 seed);
	int (*obj_cmpfn)(struct rhashtable_compare_arg *arg, const void *obj);
	bool automatic_shrinking;
};
struct rhashtable { struct rhash_head *first; };
struct rhltable { struct rhlist_head *first; };
#define jhash2(k, n, seed)	(*(const u32 *)(k) + (n) + (seed))
#define rhashtable_init(ht, p)	({ (ht)->first = NULL; (void)(p); shim_fails() ? -ENOMEM : 0; })
#define rhltable_init(ht, p)	rhashtable_init(ht, p)
#define rhashtable_destroy(ht)	({ if ((ht)->first) DIE("table not empty"); })
#define rhltable_destroy(ht)	rhashtable_destroy(ht)
int rhashtable_lookup_insert_key(struct rhashtable *ht, const void *key,
				 struct rhash_head *obj,
				 const struct rhashtable_params params);
int rhashtable_remove_fast(struct rhashtable *ht, struct rhash_head *obj,
			   const struct rhashtable_params params);
int rhltable_insert(struct rhltable *ht, struct rhlist_head *obj,
		    const struct rhashtable_params params);
int rhltable_remove(struct rhltable *ht, struct rhlist_head *obj,
		    const struct rhashtable_params params);
struct rhlist_head *rhltable_lookup(struct rhltable *ht, const void *key,
				    const struct rhashtable_params params);
struct rhlist_head *shim_rhl_next(struct rhlist_head *pos, const void *key,
				  const struct rhashtable_params params);
/* the only table of lists has ports as keys, so the rest has the same one */
#define rhl_for_each_entry_rcu(tpos, pos, list, member)			\
	for (pos = list; pos &&						\
	     (tpos = container_of(pos, __typeof__(*tpos), member));	\
	     pos = pos->next)

/* Work: done by shim_work() when its time has come. */
struct work_struct {
	struct work_struct	*next;
	void			(*func)(struct work_struct *work);
	unsigned long		due;
	bool			pending;
};
struct delayed_work { struct work_struct work; };
struct rcu_work { struct work_struct work; };
struct workqueue_struct;
#define WQ_UNBOUND		0
#define system_wq		NULL
#define system_unbound_wq	NULL
#define alloc_workqueue(...)	((struct workqueue_struct *)shim_alloc(1))
#define destroy_workqueue(wq)	({ shim_work(0); shim_free(wq); })
#define flush_workqueue(wq)	shim_work(0)
#define INIT_WORK(w, f)		((void)(*(w) = (struct work_struct) { .func = (f) }))
#define INIT_DELAYED_WORK(w, f)	INIT_WORK(&(w)->work, f)
#define INIT_RCU_WORK(w, f)	INIT_WORK(&(w)->work, f)
#define to_delayed_work(w)	container_of(w, struct delayed_work, work)
#define to_rcu_work(w)		container_of(w, struct rcu_work, work)
bool shim_queue(struct work_struct *work, unsigned long delay, bool modify);
bool shim_cancel(struct work_struct *work);
/* does at most so many that are due, or all; returns how many */
unsigned int shim_work(unsigned int max);
#define queue_work(wq, w)	shim_queue(w, 0, false)
#define queue_rcu_work(wq, w)	shim_queue(&(w)->work, 1, false)
#define queue_delayed_work(wq, w, d) shim_queue(&(w)->work, d, false)
#define mod_delayed_work(wq, w, d) shim_queue(&(w)->work, d, true)
#define cancel_work_sync(w)	shim_cancel(w)
#define cancel_delayed_work(w)	shim_cancel(&(w)->work)
#define delayed_work_pending(w)	((w)->work.pending)
#define cancel_delayed_work_sync(w) shim_cancel(&(w)->work)

/* Time and waiting */
#define MAX_SCHEDULE_TIMEOUT	LONG_MAX
#define TASK_INTERRUPTIBLE	1
#define time_before(a, b)	((long)((a) - (b)) < 0)
#define msecs_to_jiffies(m)	((m) * HZ / 1000UL)
#define jiffies_to_msecs(j)	((unsigned int)((j) * 1000 / HZ))
#define current			NULL
#define signal_pending(task)	shim_signal()
#define fatal_signal_pending(task)	signal_pending(task)
#define task_sigpending(task)	shim_signal()
#define sock_intr_errno(timeo)	((timeo) == MAX_SCHEDULE_TIMEOUT ? -ERESTARTSYS : -EINTR)
struct completion { unsigned int done; };
#define init_completion(c)	((void)((c)->done = 0))
#define complete(c)		((void)(c)->done++)
void wait_for_completion(struct completion *done);
struct ratelimit_state { int begin; };
#define DEFAULT_RATELIMIT_INTERVAL	0
#define DEFAULT_RATELIMIT_BURST	0
#define RATELIMIT_MSG_ON_RELEASE	0
#define ratelimit_state_init(r, i, b)	((void)((r)->begin = 0))
#define ratelimit_set_flags(r, f)	((void)(r))
#define __ratelimit(r)		((r)->begin)
#define get_random_u32_below(n)	((n) / 3)
#define prandom_u32_max(n)	((n) / 3)
#include "shim_net.h"

#endif /* _SHIM_H */
