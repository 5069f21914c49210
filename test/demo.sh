#!/bin/sh
# demo.sh - the main job from end to end: stage changes of a small CRM arrive at a stand-in for Meta.
#
#     sh test/demo.sh        as root on a Debian 12 or 13 that has nothing but the base system
#
# Real: the extension, its workers, a PostgreSQL server, TLS. Stood in for: Meta (test/endpoint) and
# the CRM (test/demo). Three clerks work at the same time, with rollbacks, savepoints and bad rows.
# At the end stands what the CRM committed beside what the endpoint accepted; the status is 0 if the
# two agree event by event and exactly that is parked which should be.
#
# Everything lies in a fresh folder that goes at the end (or stays and is named, if something went
# wrong); see setup.sh for what is promised about the machine.

DATASET=1234567890123456
TOKEN=EAABdemo
DELETED_LEAD=5559999999999999
CLERKS='1 2 3'
BUILD_SECONDS=900
SECONDS_TO_DELIVER=30

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/test/setup.sh"

finished=no

# ---------------------------------------------------------------------------------- helpers

tell() {
    say ""
    say "== $*"
}

show_tail() { # FILE
    [ -s "$1" ] || return 0
    say "----- the last lines of $1:"
    tail -n 30 "$1" | cut -c 1-300
    say "-----"
}

# Runs psql as the account $1 of the demo's server; further arguments are psql's.
psql_as() {
    account=$1
    shift
    as_tester "$BIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$WORK/tmp" -U "$account" -d crm "$@"
}

query() {
    psql_as postgres -A -t -c "$1"
}

control() {
    as_tester python3 test/endpoint/control.py --directory "$ENDPOINT" "$@"
}

# Waits until the SQL condition $2 is true; $1 says what is waited for.
wait_until() {
    wait_end=$(($(date +%s) + SECONDS_TO_DELIVER))
    until [ "$(query "SELECT $2")" = t ]; do
        if [ "$(date +%s)" -ge "$wait_end" ]; then
            psql_as postgres -x -c 'SELECT * FROM capi_status'
            stop_with "Still not after $SECONDS_TO_DELIVER seconds: $1."
        fi
        sleep 0.05
    done
}

# ---------------------------------------------------------------------------------- steps

# Whoever waits for the first event looks at no stack, and misses no speed: without debug information
# and with the simpler half of the optimising, compiling takes two thirds.
build() {
    tell "Building the extension for PostgreSQL $PG_MAJOR"
    as_tester timeout "$BUILD_SECONDS" make -s -j"$(nproc)" PG_CONFIG="$PG_CONFIG" with_llvm=no \
        PG_CXXFLAGS='-O1 -g0' all install >"$WORK/log/build.log" 2>&1 </dev/null || {
        show_tail "$WORK/log/build.log"
        stop_with "The extension could not be built; the compiler's words are above."
    }
}

# In its own folder, reached by a socket that only this account can open.
start_server() {
    tell "Starting a server with shared_preload_libraries = 'crm_capi'"
    as_tester "$BIN/initdb" -D "$WORK/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
        --no-sync >"$WORK/log/initdb.log" 2>&1 || {
        show_tail "$WORK/log/initdb.log"
        stop_with "initdb could not make a database cluster."
    }
    cat >>"$WORK/data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$WORK/tmp'
shared_preload_libraries = 'crm_capi'
fsync = off # the demo's machine may crash
END
    as_tester "$BIN/pg_ctl" -D "$WORK/data" -l "$WORK/data/server.log" -w start \
        >"$WORK/log/start.log" 2>&1 </dev/null || {
        show_tail "$WORK/data/server.log"
        stop_with "The server did not start; its words are above."
    }
    as_tester "$BIN/createdb" -h "$WORK/tmp" -U postgres crm ||
        stop_with "The database could not be made."
}

# The endpoint prints its port when it listens; if it ends instead, the pipe does too.
start_endpoint() {
    tell "Starting the endpoint: https with a certificate authority of its own"
    mkfifo "$WORK/listening"
    as_tester python3 test/endpoint/endpoint.py --directory "$ENDPOINT" --tls --token "$TOKEN" \
        --dataset "$DATASET" >"$WORK/listening" 2>"$WORK/log/endpoint.log" </dev/null &
    endpoint_pid=$!
    if ! read -r port <"$WORK/listening"; then
        show_tail "$WORK/log/endpoint.log"
        stop_with "The endpoint did not start; its words are above."
    fi
    control settings "{\"deleted_leads\": [\"$DELETED_LEAD\"]}" >"$WORK/log/settings.log" ||
        stop_with "The endpoint does not take its settings."
    say "Listening at https://127.0.0.1:$port"
}

set_up_crm() {
    tell "Setting up the CRM, the dataset and the watch"
    {
        psql_as postgres -f test/demo/crm.sql &&
            psql_as postgres -v dataset="$DATASET" -v token="$TOKEN" -v ca="$ENDPOINT/ca.pem" \
                -v endpoint="https://127.0.0.1:$port" -f test/demo/dataset.sql
    } >"$WORK/log/crm.log" 2>&1 || {
        show_tail "$WORK/log/crm.log"
        stop_with "The CRM could not be set up."
    }
    psql_as postgres -c 'SELECT target, dataset, lead_id, stage, event_time FROM capi_watches'
}

run_clerk() { # NAME
    as_tester python3 test/demo/clerk.py "$1" >"$WORK/log/clerk_$1.sql" &&
        psql_as clerk <"$WORK/log/clerk_$1.sql" >"$WORK/log/clerk_$1.log" 2>&1
}

work_in_crm() {
    tell "Working in the CRM: an import, three clerks at once, bad rows, an event by hand"
    run_clerk import || clerk_failed import
    pids=
    for clerk in $CLERKS; do
        run_clerk "$clerk" &
        pids="$pids $!"
    done
    psql_as clerk -v deleted="$DELETED_LEAD" -f test/demo/bad_rows.sql \
        >"$WORK/log/clerk_bad_rows.log" 2>&1 || clerk_failed bad_rows
    psql_as postgres -f test/demo/manual.sql >"$WORK/log/clerk_manual.log" 2>&1 ||
        clerk_failed manual
    # shellcheck disable=SC2086
    set -- $CLERKS
    for pid in $pids; do
        wait "$pid" || clerk_failed "$1"
        shift
    done
    query "SELECT format('%s leads, %s changes of stage or lead id committed',
        (SELECT count(*) FROM leads), (SELECT count(*) FROM history))"
}

clerk_failed() {
    show_tail "$WORK/log/clerk_$1.log"
    stop_with "A statement of the CRM failed, and none should."
}

wait_for_delivery() {
    wait_until "nothing is owed and nothing in flight" \
        "bool_and(owed = 0 AND in_flight = 0 AND health = 'ok') FROM capi_status"
}

# What the report reads: times are whole seconds, as they are sent.
export_json() {
    query "SELECT json_build_object('fb_lead_id', fb_lead_id, 'status', status,
        'status_since', floor(extract(epoch FROM status_since))::bigint,
        'created_at', floor(extract(epoch FROM created_at))::bigint,
        'written_at', floor(extract(epoch FROM written_at))::bigint)
        FROM history ORDER BY id" >"$WORK/history" &&
        query "SELECT json_build_object('reason_code', reason_code, 'reason', reason,
            'lead_id', lead_id, 'event_name', event_name,
            'event_time', floor(extract(epoch FROM event_time))::bigint)
            FROM capi_events WHERE status = 'parked' ORDER BY id" >"$WORK/parked"
}

show_what_came_of_it() {
    tell "Parked, and why"
    psql_as postgres -P pager=off -c "SELECT lead_id, event_name AS stage, reason_code, reason
        FROM capi_events WHERE status = 'parked' ORDER BY id"
    tell "Requests, and how many events each carried (a refused one goes again in parts until one is at fault)"
    psql_as postgres -P pager=off -c "SELECT outcome, count(*) AS requests,
        sum(event_count) AS events, min(event_count) AS fewest, max(event_count) AS most,
        round(avg(event_count), 1) AS average FROM capi_requests GROUP BY outcome ORDER BY outcome"
    tell "capi_status"
    psql_as postgres -x -P pager=off -c 'SELECT * FROM capi_status'
}

stop_all() {
    kill "$(cat "$ENDPOINT/pid")" && wait "$endpoint_pid"
    as_tester "$BIN/pg_ctl" -D "$WORK/data" -m fast -w stop >"$WORK/log/stop.log" 2>&1 || {
        show_tail "$WORK/data/server.log"
        stop_with "The server did not stop."
    }
    stop_leftovers || stop_with "Something was left running; it has been ended."
}

# ---------------------------------------------------------------------------------- main

end_demo() {
    code=$?
    trap - EXIT
    trap '' INT TERM HUP
    keep=
    if [ "$finished" != yes ]; then
        [ "$code" -ne 0 ] || code=1
        keep=keep
    fi
    close_workplace $keep
    exit "$code"
}

tell "Setting up"
set_up_machine demo
trap end_demo EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
open_workplace
copy_tree "$root"
copy_postgres
BIN=${PG_CONFIG%/*}
ENDPOINT=$WORK/endpoint
mkdir "$WORK/data" "$ENDPOINT"
if is_root; then
    chown "$TESTER:" "$WORK/data" "$ENDPOINT"
fi
build
began=$(date +%s)
start_server
start_endpoint
set_up_crm
work_in_crm
wait_for_delivery
say "Nothing is owed any more, $(($(date +%s) - began)) seconds after the server began to start."
show_what_came_of_it
tell "What the CRM committed, and what the endpoint accepted"
export_json || stop_with "The history could not be read."
as_tester python3 test/demo/report.py --history "$WORK/history" --parked "$WORK/parked" \
    --endpoint "$ENDPOINT" --deleted "$DELETED_LEAD" ||
    stop_with "The demo has failed: see above."
stop_all
finished=yes
