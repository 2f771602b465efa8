/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * list.h: an intrusive, circular, doubly linked list. Pure; the list's owner
 * decides which thread may touch it. A node that is in no list points to
 * itself, so that removing it twice does no harm.
 */
#ifndef DSC_BASE_LIST_H
#define DSC_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct dsc_list {
	struct dsc_list *prev;
	struct dsc_list *next;
};

/* The struct of which member is a part. */
#define dsc_container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

static inline void dsc_list_init(struct dsc_list *list)
{
	list->prev = list;
	list->next = list;
}

static inline bool dsc_list_is_empty(const struct dsc_list *list)
{
	return list->next == list;
}

static inline void dsc_list_insert_before(struct dsc_list *pos,
					  struct dsc_list *node)
{
	node->prev = pos->prev;
	node->next = pos;
	pos->prev->next = node;
	pos->prev = node;
}

static inline void dsc_list_append(struct dsc_list *list, struct dsc_list *node)
{
	dsc_list_insert_before(list, node);
}

static inline void dsc_list_prepend(struct dsc_list *list, struct dsc_list *node)
{
	dsc_list_insert_before(list->next, node);
}

static inline void dsc_list_remove(struct dsc_list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	dsc_list_init(node);
}

/* The first node, or NULL. */
static inline struct dsc_list *dsc_list_first(const struct dsc_list *list)
{
	return dsc_list_is_empty(list) ? NULL : list->next;
}

/* Takes the first node out; NULL from an empty list. */
static inline struct dsc_list *dsc_list_pop(struct dsc_list *list)
{
	struct dsc_list *node = dsc_list_first(list);

	if (node != NULL)
		dsc_list_remove(node);
	return node;
}

/* Moves all nodes of from, in their order, to the end of list. */
static inline void dsc_list_splice(struct dsc_list *list, struct dsc_list *from)
{
	if (dsc_list_is_empty(from))
		return;
	from->next->prev = list->prev;
	from->prev->next = list;
	list->prev->next = from->next;
	list->prev = from->prev;
	dsc_list_init(from);
}

#endif /* DSC_BASE_LIST_H */
