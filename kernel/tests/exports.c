// SPDX-License-Identifier: GPL-2.0
/*
 * What the tests of vshm_kunit.ko use of vshm.ko; only in a kernel with KUnit.
 */
#include <linux/export.h>

#include "heap.h"
#include "vshm.h"

/* ring.c */
EXPORT_SYMBOL_GPL(vshm_ring_init);
EXPORT_SYMBOL_GPL(vshm_sender_init);
EXPORT_SYMBOL_GPL(vshm_sender_move);
EXPORT_SYMBOL_GPL(vshm_receiver_init);
EXPORT_SYMBOL_GPL(vshm_receiver_order);
EXPORT_SYMBOL_GPL(vshm_receiver_announce);
EXPORT_SYMBOL_GPL(vshm_receiver_consume_chain);
EXPORT_SYMBOL_GPL(vshm_receiver_move);
EXPORT_SYMBOL_GPL(vshm_receiver_queued);
EXPORT_SYMBOL_GPL(vshm_receiver_watch);
EXPORT_SYMBOL_GPL(vshm_receiver_awaited);
EXPORT_SYMBOL_GPL(vshm_sender_wait);
EXPORT_SYMBOL_GPL(vshm_ring_copy);

/* heap.c */
EXPORT_SYMBOL_GPL(vshm_heap_create);
EXPORT_SYMBOL_GPL(vshm_heap_destroy);
EXPORT_SYMBOL_GPL(vshm_heap_alloc);
EXPORT_SYMBOL_GPL(vshm_heap_free);
EXPORT_SYMBOL_GPL(vshm_heap_size);
EXPORT_SYMBOL_GPL(vshm_heap_used);

/* state.c table.c */
EXPORT_SYMBOL_GPL(vshm_state_legal);
EXPORT_SYMBOL_GPL(vshm_state_names);
EXPORT_SYMBOL_GPL(vshm_set_state);
EXPORT_SYMBOL_GPL(vshm_family);
EXPORT_SYMBOL_GPL(vshm_net);
EXPORT_SYMBOL_GPL(vshm_table_hold);
EXPORT_SYMBOL_GPL(vshm_table_put);
EXPORT_SYMBOL_GPL(vshm_table_bind);
EXPORT_SYMBOL_GPL(vshm_table_unbind);
EXPORT_SYMBOL_GPL(vshm_table_find_bound);
EXPORT_SYMBOL_GPL(vshm_table_next);
EXPORT_SYMBOL_GPL(vshm_table_place);

/* control.c conn.c link.c */
EXPORT_SYMBOL_GPL(vshm_record_compose);
EXPORT_SYMBOL_GPL(vshm_record_receive);
EXPORT_SYMBOL_GPL(vshm_record_refuse);
EXPORT_SYMBOL_GPL(vshm_conn_finish);
EXPORT_SYMBOL_GPL(vshm_conn_put);
EXPORT_SYMBOL_GPL(vshm_sock_conn_get);
EXPORT_SYMBOL_GPL(vshm_link_init);
EXPORT_SYMBOL_GPL(vshm_link_destroy);
EXPORT_SYMBOL_GPL(vshm_link_kill);
EXPORT_SYMBOL_GPL(vshm_link_put);
EXPORT_SYMBOL_GPL(vshm_link_set_up);
