# SPDX-License-Identifier: MIT
# Temporary trunk of the build; see `make help`.
SAN     ?=
comma   := ,
VARIANT := $(if $(SAN),san-$(subst $(comma),-,$(SAN)),release)
B       := build/$(VARIANT)
PKG     := pkg-config
override CPPFLAGS += -I. -D_GNU_SOURCE
WERROR  ?= -Werror
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
           -Wundef -Wvla -Wimplicit-fallthrough $(WERROR)
CFLAGS  ?= -O2 -g
override CFLAGS += -std=c17 -ffp-contract=off -fvisibility=hidden $(WARN)
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
-include $(shell find build -name '*.d' 2>/dev/null)
