# SPDX-License-Identifier: GPL-2.0
#
# How the programs are built, from their own directory and this one. Who
# includes it sets $(top) and $(LIBRARIES).

PKG_CONFIG ?= pkg-config
INSTALL ?= install

common := $(top)/userspace/common

LIBRARY_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBRARIES))
LIBRARY_LIBS := $(shell $(PKG_CONFIG) --libs $(LIBRARIES))

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -I$(common) -I$(top)/uapi $(WARNINGS) \
	$(LIBRARY_CFLAGS) $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBRARY_LIBS) $(LDLIBS)

vpath %.c $(common)

%.o: %.c
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
