# bench.mk - what `make bench` measures with: clients, the endpoint for load, the bare insert.
#
#   make bench                      everything, in under twenty minutes; as root or not
#   make bench BENCH_FLAGS=--quick  the same with fewer and smaller runs, in under three after the build
#   make bench BENCH_FLAGS='P1 P4'  only these targets
#
# Included by the Makefile after PGXS.

BENCH_PROGRAMS = $(addprefix build/bench/,load_endpoint outbox_client bare_loop bare_insert.so)
BENCH_CXXFLAGS = -std=c++17 -O2 -Wall -Wextra $(if $(WERROR),-Werror)

bench:
	sh test/bench.sh $(BENCH_FLAGS)

bench-programs: $(BENCH_PROGRAMS)

build/bench/load_endpoint: $(addprefix test/bench/,load_endpoint.cpp tls_connection.cpp tls_connection.hpp)
	@mkdir -p $(@D)
	$(CXX) $(BENCH_CXXFLAGS) -o $@ $(filter %.cpp,$^) -lssl -lcrypto

build/bench/outbox_client: test/bench/outbox_client.cpp
	@mkdir -p $(@D)
	$(CXX) $(BENCH_CXXFLAGS) -isystem $(shell $(PG_CONFIG) --includedir) -o $@ $< -lpq -lcurl -pthread

build/bench/bare_loop: test/bench/bare_loop.cpp
	@mkdir -p $(@D)
	$(CXX) $(BENCH_CXXFLAGS) -o $@ $< -lcurl

build/bench/bare_insert.so: test/bench/bare_insert.c
	@mkdir -p $(@D)
	$(CC) -O2 -Wall $(CFLAGS_SL) -isystem $(shell $(PG_CONFIG) --includedir-server) -shared -o $@ $<

.PHONY: bench bench-programs
