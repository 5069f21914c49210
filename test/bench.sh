#!/bin/sh
# bench.sh - measures what crm_capi costs and how fast it is, against its peers and the limits.
#
#     sh test/bench.sh                 everything, in under twenty minutes
#     sh test/bench.sh --quick         the same with fewer and smaller runs, in under three after
#                                      the build, which takes one
#     sh test/bench.sh --curves        cost against events, datasets and an idle writer's time
#     sh test/bench.sh P1 P4           only these targets
#
# Everything is done on a throw-away server in a fresh folder that goes at the end; see setup.sh for
# what is promised about the machine, and docs/performance.md for what the figures mean. Ratios of
# one run carry over to other machines, the figures themselves do not: leave the machine alone
# meanwhile.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/test/setup.sh"

end_bench() {
    code=$?
    trap - EXIT
    trap '' INT TERM HUP
    close_workplace
    exit "$code"
}

build() {
    # shellcheck disable=SC2086
    as_tester make -s -j"$(nproc)" PG_CONFIG="$PG_CONFIG" $BUILD_FLAGS all install bench-programs \
        >"$WORK/log/build.log" 2>&1 </dev/null || {
        tail -n 30 "$WORK/log/build.log"
        stop_with "The extension could not be built; the compiler's words are above."
    }
}

set_up_machine bench
trap end_bench EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
open_workplace
copy_tree "$root"
copy_postgres
build
as_tester python3 test/bench/bench.py "$@"
