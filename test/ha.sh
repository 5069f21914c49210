#!/bin/sh
# ha.sh - three servers under Patroni and etcd, synchronous: leaders are killed, switched and frozen
# while the CRM writes; at the end acknowledged = committed = accepted.
#
#     sh test/ha.sh                 as root on Debian 12 or 13; takes some minutes, so CI leaves it out
#     HA_SECONDS=20 sh test/ha.sh   the CRM writes so long between two disturbances (default 10)
#
# The script prints, for each disturbance, how long the new leader took to send, and in the end how
# many events Meta's stand-in got twice. The status is 0 if nothing is lost, nothing is invented, and
# what came twice came with one event_id. See setup.sh for what is promised about the machine.

BUILD_SECONDS=900

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/test/setup.sh"

passed=no

end_run() {
    code=$?
    trap - EXIT
    trap '' INT TERM HUP
    if [ "$passed" = yes ]; then close_workplace; else close_workplace keep; fi
    exit "$code"
}

say "== set-up"
set_up_machine ha
trap end_run EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
open_workplace
copy_tree "$root"
copy_postgres
say "== build for PostgreSQL $PG_MAJOR in $WORK"
# shellcheck disable=SC2086
as_tester timeout "$BUILD_SECONDS" make -s -j"$(nproc)" PG_CONFIG="$PG_CONFIG" $BUILD_FLAGS \
    all install >"$WORK/log/build.log" 2>&1 </dev/null ||
    stop_with "The extension could not be built; see $WORK/log/build.log."
as_tester python3 test/ha/ha.py --directory "$WORK/ha" --bin "${PG_CONFIG%/*}" \
    --seconds "${HA_SECONDS:-10}" </dev/null || stop_with "The cluster did not keep its promises."
passed=yes
