# SPDX-License-Identifier: MIT
# One makefile, no recursion into folders.  Every set of flags has its own build
# folder, so nobody needs `make clean`: make, make SAN=address,undefined, make COVER=1

SAN     ?=
comma   := ,
VARIANT ?= $(if $(FUZZ),fuzz,$(if $(COVER),cover,$(if $(SAN),san-$(subst $(comma),-,$(SAN)),release)))
B       := build/$(VARIANT)
PREFIX  ?= /usr/local
# Sub-makes of the convenience targets run in parallel unless the user said how.
AGAIN    = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

PKG     := pkg-config
# The msgpack-c package has two names among the distributions.
MSGPACK := $(shell $(PKG) --exists msgpack-c && echo msgpack-c || echo msgpack)
system   = $(patsubst -I%,-isystem %,$(shell $(PKG) --cflags $(1) 2>/dev/null))
libs     = $(shell $(PKG) --libs $(1) 2>/dev/null)
DEPS    := libzmq $(MSGPACK) sqlite3 libsodium libfyaml libpcre2-8
override CPPFLAGS += -I. -D_GNU_SOURCE $(call system,$(DEPS))
COMMON_LIBS      := $(call libs,libsodium libfyaml) -lm -pthread
PROTOCOL_LIBS    := $(call libs,libzmq $(MSGPACK)) $(COMMON_LIBS)
COORDINATOR_LIBS := $(call libs,sqlite3 gsl) $(PROTOCOL_LIBS)
WORKER_LIBS      := $(call libs,libpcre2-8) $(PROTOCOL_LIBS)
ALL_LIBS         := $(call libs,sqlite3 gsl libpcre2-8) $(PROTOCOL_LIBS)
MPI_FLAGS        := $(call system,ompi-c)
MPI_LIBS         := $(call libs,ompi-c)
CHECK_LIBS       := $(call libs,check)

ifneq ($(FUZZ),)
CC      := clang
WERROR  :=
endif
WERROR  ?= -Werror
# Texts for people are cut to their buffers on purpose; only gcc warns of that.
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
           -Wmissing-prototypes -Wundef -Wvla -Wimplicit-fallthrough \
           $(if $(findstring clang,$(CC)),,-Wno-format-truncation) $(WERROR)
CFLAGS  ?= -O2 -g
# override: `make CFLAGS=-O3` must not lose these
override CFLAGS += -std=c17 -ffp-contract=off -fvisibility=hidden $(WARN)
ifneq ($(SAN),)
override CFLAGS  += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=$(SAN)
endif
ifneq ($(COVER),)
override CFLAGS  += --coverage -fprofile-update=atomic
override LDFLAGS += --coverage
endif
ifneq ($(FUZZ),)
override CFLAGS  += -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
override LDFLAGS += -fsanitize=fuzzer,address,undefined
endif

src   = $(sort $(wildcard $(foreach d,$(1),$(d)/*.c $(d)/*/*.c $(d)/*/*/*.c)))
obj   = $(patsubst %.c,$(B)/%.o,$(1))
bin   = $(patsubst %.c,$(B)/bin/$(2)%,$(notdir $(1)))
# Only these two files see mpi.h, so that unit tests link without MPI.
MPI_SRC   := $(wildcard worker/group_mpi.c worker/pod.c)
BASE      := $(B)/libprotocol.a $(B)/libcommon.a
EVERY     := $(B)/libclient.a $(B)/libworker.a $(B)/libcoordinator.a $(BASE)
COORD_SRC  := $(filter-out %/main.c,$(call src,coordinator))
WORKER_SRC := $(filter-out %/main.c $(MPI_SRC),$(call src,worker))
CLIENT_SRC := $(call src,cluster/client)
UNIT_SRC   := $(sort $(wildcard tests/unit/test_*.c))
SIM_SRC    := $(sort $(wildcard tests/sim/*.c))
MPITEST_SRC := $(sort $(wildcard tests/mpi/*.c))
FUZZ_SRC   := $(sort $(wildcard tests/fuzz/fuzz_*.c))
HAVE_GEARMAN := $(shell $(PKG) --exists gearmand && echo yes)
BENCH_SRC  := $(filter-out $(if $(HAVE_GEARMAN),,%/peer_gearman.c),$(sort $(wildcard tests/bench/*.c)))
PROGRAMS   := $(addprefix $(B)/bin/,$(if $(wildcard coordinator/main.c),shoal-coordinator) \
              $(if $(wildcard worker/main.c),shoal-worker) $(if $(CLIENT_SRC),shoal))
# Programs for the demo and for tests, which are not installed, and what they share.
TOOL_SRC   := $(sort $(wildcard tests/tools/*.c))
TOOLS      := $(call bin,$(TOOL_SRC))
UNIT   := $(call bin,$(UNIT_SRC))
SIM    := $(if $(SIM_SRC),$(B)/bin/sim)
MPITEST := $(call bin,$(MPITEST_SRC),mpi_)
ACTOR_SRC := $(sort $(wildcard tests/integration/*.c))
ACTOR  := $(call bin,$(ACTOR_SRC))
REPLAY := $(patsubst tests/fuzz/fuzz_%.c,$(B)/bin/replay_%,$(FUZZ_SRC))
FUZZER := $(patsubst tests/fuzz/%.c,$(B)/bin/%,$(FUZZ_SRC))
BENCH  := $(call bin,$(BENCH_SRC))
MPI_BENCH := $(B)/bin/bench_experts $(B)/bin/bench_hot

all: $(PROGRAMS) build/demo.gguf $(TOOLS) ## build the three programs and the tools (default)
tests: all $(UNIT) $(SIM) $(MPITEST) $(ACTOR) $(REPLAY) $(addprefix $(B)/bin/,shoal-bench raw_zmq) ## build every test program
.PHONY: all tests demo test load bench bench-dispatch bench-experts bench-fleet bench-overhead \
        bench-evolve bench-images bench-lottery bench-prior bench-recipes bench-search benches \
        fleet-laws lint tidy format asan ubsan tsan fuzz fuzzers sim cover chaos compose-up compose-down compose-test install \
        uninstall clean help current
.DELETE_ON_ERROR:
.SECONDARY:

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/libcommon.a: $(call obj,$(call src,common))
$(B)/libprotocol.a:  $(call obj,$(call src,protocol))
$(B)/libcoordinator.a:  $(call obj,$(COORD_SRC))
$(B)/libworker.a: $(call obj,$(WORKER_SRC))
$(B)/libclient.a: $(call obj,$(filter-out %/main.c,$(CLIENT_SRC)))
$(B)/libours.a: $(call obj,$(call src,tests/bench/ours))
$(B)/libmodel.a: $(call obj,$(call src,tests/tools/model))
$(B)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

# The model of cluster/jobs/generate.yaml.
build/demo.gguf: $(B)/bin/make_model
	$< --out $@

# Whatever was linked last, build/bin shows its folder.
current:
	@mkdir -p $(B)/bin
	@[ "$$(readlink build/bin)" = $(VARIANT)/bin ] || ln -sfn $(VARIANT)/bin build/bin
link = $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(1)
$(B)/bin/shoal-coordinator: $(B)/coordinator/main.o $(B)/libcoordinator.a $(BASE) | current
	$(call link,$(COORDINATOR_LIBS))
$(B)/bin/shoal-worker: $(B)/worker/main.o $(call obj,$(MPI_SRC)) $(B)/libworker.a $(BASE) | current
	$(call link,$(WORKER_LIBS) $(MPI_LIBS))
$(B)/bin/shoal: $(call obj,$(CLIENT_SRC)) $(BASE) | current
	$(call link,$(PROTOCOL_LIBS))
$(TOOLS): $(B)/bin/%: $(B)/tests/tools/%.o $(B)/libmodel.a $(B)/libworker.a $(BASE) | current
	$(call link,$(WORKER_LIBS))
$(UNIT): $(B)/bin/%: $(B)/tests/unit/%.o $(B)/tests/unit/harness.o $(B)/libmodel.a $(EVERY) | current
	$(call link,$(ALL_LIBS) $(CHECK_LIBS))
$(SIM): $(call obj,$(SIM_SRC)) $(EVERY) | current
	$(call link,$(ALL_LIBS))
$(ACTOR): $(B)/bin/%: $(B)/tests/integration/%.o $(EVERY) | current
	$(call link,$(ALL_LIBS))
$(MPITEST): $(B)/bin/mpi_%: $(B)/tests/mpi/%.o $(call obj,$(MPI_SRC)) $(B)/libmodel.a $(EVERY) | current
	$(call link,$(ALL_LIBS) $(MPI_LIBS))
$(REPLAY): $(B)/bin/replay_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(B)/libmodel.a $(EVERY) | current
	$(call link,$(ALL_LIBS))
$(FUZZER): $(B)/bin/%: $(B)/tests/fuzz/%.o $(B)/libmodel.a $(EVERY) | current
	$(call link,$(ALL_LIBS))
$(filter-out $(MPI_BENCH),$(BENCH)): $(B)/bin/%: $(B)/tests/bench/%.o $(B)/libours.a $(B)/libmodel.a $(EVERY) | current
	$(call link,$(ALL_LIBS) $(EXTRA_LIBS))
$(MPI_BENCH): $(B)/bin/%: $(B)/tests/bench/%.o $(call obj,$(MPI_SRC)) $(B)/libmodel.a $(EVERY) | current
	$(call link,$(ALL_LIBS) $(MPI_LIBS))
$(B)/bin/raw_mpi_hello: EXTRA_LIBS := $(MPI_LIBS)
$(B)/bin/peer_gearman: EXTRA_LIBS := $(call libs,gearmand)

# Its assembler reads the page's pieces.
$(B)/cluster/client/page.o: $(wildcard cluster/client/page/*)

# Flags of single files; .tidy is clang-tidy's stamp of the same file.
flags = $(call obj,$(1)) $(patsubst %.c,$(B)/%.tidy,$(1))
$(call flags,$(MPI_SRC) $(MPITEST_SRC) tests/bench/raw_mpi_hello.c): override CPPFLAGS += $(MPI_FLAGS)
ifeq ($(shell uname -m),x86_64)
$(call flags,$(filter %_avx2.c,$(WORKER_SRC))): override CFLAGS += -mavx2 -mfma
$(call flags,$(filter %_avx512.c,$(WORKER_SRC))): override CFLAGS += -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma
$(call flags,worker/tensor/packed_avx2.c): override CFLAGS += -mf16c
$(call flags,worker/tensor/packed_avx512.c): override CFLAGS += -mavx512vnni
$(call flags,worker/tensor/packed_bf16_avx512.c): override CFLAGS += -mavx512bf16
# Square roots and selections that shall become vectors: no errno, no traps, the same values.
$(call flags,$(wildcard worker/tensor/dense_*.c)): override CFLAGS += -fno-math-errno -fno-trapping-math
# Plain loops that shall become vectors.  Under the checks of the fuzzers they took minutes a file.
$(call flags,worker/tensor/dense_avx512.c): override CFLAGS += -mprefer-vector-width=512
$(call flags,common/linalg.c $(wildcard worker/tensor/dense_*.c worker/tensor/packed_*.c) worker/experts/norm.c worker/experts/rope.c): override CFLAGS += $(if $(FUZZ),-O1 -fno-sanitize=undefined,-O3)
endif
-include $(shell find $(B) -name '*.d' 2>/dev/null)
-include local.mk

demo: all ## run the example jobs on a private local cluster
	@scripts/demo
test: tests ## build and run every test (SAN=address,undefined: under sanitizers)
	@SAN=$(SAN) scripts/run-tests $(B)/bin
asan: ## every test under AddressSanitizer and UndefinedBehaviorSanitizer
	+@$(AGAIN) SAN=address,undefined test
ubsan: ## every test under UndefinedBehaviorSanitizer alone
	+@$(AGAIN) SAN=undefined test
tsan: ## the unit tests and the simulator under ThreadSanitizer
	+@TESTS='unit sim' $(AGAIN) SAN=thread test
SEEDS ?= 10000
sim: $(SIM) ## a long simulation: SEEDS=10000, or SEED=n to replay one
	@$(SIM) $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))
T ?= $(patsubst tests/fuzz/fuzz_%.c,%,$(FUZZ_SRC))
FUZZ_TIME ?= 60
fuzz: ## fuzz with clang: T=guard FUZZ_TIME=60 (all targets without T)
	+@$(AGAIN) FUZZ=1 fuzzers
	@scripts/run-fuzz build/fuzz/bin $(FUZZ_TIME) $(T)
fuzzers: $(FUZZER)
cover: ## line coverage of the unit tests, the simulator and the stories
	+@$(AGAIN) COVER=1 test
	@scripts/coverage build/cover
chaos: all ## the same bits through kills, ranks, pods and SIMD widths: the whole set
	@SHOAL_CHAOS=full TESTS=e2e scripts/run-tests $(B)/bin
load: tests ## a model that serves under load for a minute: 64 streams, disconnects, a kill
	@SHOAL_LOAD_S=60 SHOAL_BIN=$(CURDIR)/$(B)/bin tests/integration/serve-load
benches: all $(BENCH)
bench: benches ## all benchmarks of tests/bench
	@tests/bench/bench-all $(B)/bin
bench-search: benches ## our algorithms next to the baselines of the optimiser fixtures
	@for suite in tables functions fronts; do $(B)/bin/search_quality $$suite --window 1 || exit; done
bench-overhead: benches ## what a search costs beside its evaluations, next to the measured figures of Optuna
	@tests/bench/bench-overhead $(B)/bin
bench-evolve: benches ## evolve, ga and chance look for heuristics, judged on unseen instances
	@$(B)/bin/search_programs
bench-images: benches ## DeepArchitect's searchers on trainings with Fashion-MNIST
	@tests/bench/bench-images $(B)/bin
bench-lottery: benches ## ArchGym's hyper-parameter lottery: a quarter of an hour
	@tests/bench/bench-lottery $(B)/bin
bench-prior: benches ## retrieval-guided tree search of recipes on ten circuits
	@tests/bench/bench-prior $(B)/bin
bench-recipes: benches ## the recipe job next to bare processes and GNU parallel, alternating
	@tests/bench/bench-recipes $(B)/bin
bench-experts: benches ## the experts engine on SHOAL_BENCH_MODEL next to raw reading
	@tests/bench/bench-experts $(B)/bin
bench-dispatch: benches ## dispatch next to raw programs and peers, alternating
	@tests/bench/bench-dispatch $(B)/bin
bench-fleet: benches ## days of a fleet next to bare event queues, SimPy, two bare processes
	@tests/bench/bench-fleet $(B)/bin
DAYS ?= 10000
fleet-laws: all ## the laws of a fleet's day on DAYS=10000 days of odd fleets
	@tests/scripts/fleet-laws $(DAYS)

C_FILES := $(call src,common protocol coordinator worker cluster/client) $(UNIT_SRC) $(SIM_SRC) $(ACTOR_SRC) \
           $(MPITEST_SRC) $(FUZZ_SRC) $(wildcard tests/unit/harness.c tests/fuzz/replay.c) $(BENCH_SRC) $(call src,tests/bench/ours tests/tools)
H_FILES := $(wildcard $(addsuffix /*.h,$(sort $(dir $(C_FILES)))) protocol/*.def)
SH_FILES = $(shell grep -lE '^\#!/bin/(sh|bash)' scripts/* .ci/* cluster/* cluster/*/* cluster/*/*/* tests/*/* 2>/dev/null)
lint: ## clang-format, layers, sizes, shellcheck, clang-tidy
	@clang-format --dry-run -Werror $(C_FILES) $(filter %.h,$(H_FILES))
	@scripts/check-layers
	@scripts/check-size
	@shellcheck -x $(SH_FILES)
	+@$(AGAIN) -k tidy
tidy: $(patsubst %.c,$(B)/%.tidy,$(C_FILES))
# After the object: its dependencies say when the file must be looked at again.
# The analyzer stops early (its own limit is 225,000): minutes instead of ten.
$(B)/%.tidy: $(B)/%.o .clang-tidy
	@echo "tidy $*.c"
	@clang-tidy --quiet $*.c -- $(CPPFLAGS) -std=c17 $(filter -m%,$(CFLAGS)) \
	    -Xclang -analyzer-config -Xclang max-nodes=30000 >$@.log 2>&1 || { cat $@.log; exit 1; }
	@mv $@.log $@
format: ## rewrite every C file in our format
	@clang-format -i $(C_FILES) $(filter %.h,$(H_FILES))

compose-up: ## start the containers of cluster/compose.yaml
	@scripts/compose up
compose-down: ## stop them
	@scripts/compose down
compose-test: all ## run a job in the containers, end to end (skipped where no engine runs)
	@scripts/compose test
install: all ## install to $(DESTDIR)$(PREFIX)
	@DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) scripts/install $(B)/bin
uninstall: ## remove what install put there
	@DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) scripts/install --remove
clean: ## remove every build folder
	rm -rf build
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 18
