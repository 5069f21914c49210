#!/bin/sh
# run.sh - installs what is missing, builds, runs every test; the last line is "N passed, N failed".
#
#     sh test/run.sh                   everything
#     sh test/run.sh STAGE...          only these: lint endpoint regress isolation tap unit sanitized
#                                      sdk bench
#     TAP_TESTS='test/t/001_x.pl' sh test/run.sh tap         only these files
#     REGRESS_TESTS='basics' sh test/run.sh regress          only these scripts
#
# Nothing of this machine is touched but its list of packages (see setup.sh): the checkout is copied
# to a fresh folder and so is PostgreSQL, and all work is done there by an account without rights.
# The folder goes at the end, unless a test failed. A stage that finds no test has failed.
#
# The stages with servers mostly wait: TAP files run side by side (TAP_JOBS), and beside all of them
# the stages that need no server of theirs (BESIDE), one after another: those that compile last, so that
# what is left of them has all processors. They are told in their turn.

STAGES='lint endpoint regress isolation tap unit sanitized sdk bench'
BESIDE='sdk bench unit sanitized'
STAGE_SECONDS=1800 # a hanging stage must not take the others' results with it
TAP_JOBS=${TAP_JOBS:-4}

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/test/setup.sh"

passed=0
failed=0
failures=

add_result() { # STAGE PASSED FAILED
    passed=$((passed + $2))
    failed=$((failed + $3))
    [ "$3" -eq 0 ] || failures="$failures $1($3)"
}

fail_stage() { # STAGE SENTENCE
    say "FAILED: $2"
    add_result "$1" 0 1
}

# ---------------------------------------------------------------------------------- running

# Runs a command as the tester. What it prints goes to $log, and to the screen if `show` is not
# empty. Its status is left in $status. In the background, so that a signal does not wait for it; by
# a file and not a pipe, so that no process which the command leaves behind can keep us waiting.
run_logged() {
    log=$WORK/log/$stage.log
    : >"$log" # here already: tail gives up on a file that the command has not opened yet
    as_tester timeout -k 20 "$STAGE_SECONDS" "$@" >>"$log" 2>&1 </dev/null &
    runner=$!
    follower=
    if [ -n "$show" ]; then
        tail -n +1 -f --pid="$runner" "$log" &
        follower=$!
    fi
    wait "$runner"
    status=$?
    [ -z "$follower" ] || wait "$follower"
    if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
        say "Stopped after $STAGE_SECONDS seconds."
    fi
    end_leftovers
}

end_leftovers() {
    if ! stop_leftovers; then
        say "This stage left processes running; they have been ended."
        status=left
    fi
}

# Starts what runs beside the others; stop_leftovers knows it by the mark and the folder. Compiling has
# the lowest priority: it waits for nothing, the others for their servers.
start_beside() {
    spared_mark=CRM_CAPI_BESIDE=yes
    spared_folder=$WORK/beside
    for stage in $BESIDE; do
        case " $chosen " in *" $stage "*) ;; *) continue ;; esac
        run_beside nice -n 19 make -s -k -j"$(nproc)" "$(program_of "$stage")" >"$WORK/log/$stage.log" 2>&1
        # shellcheck disable=SC2046
        run_beside $(command_of "$stage") >>"$WORK/log/$stage.log" 2>&1
        say "$?" >"$WORK/log/$stage.status"
    done &
    beside=$!
}

run_beside() {
    as_tester env "$spared_mark" TMPDIR="$spared_folder" timeout -k 20 "$STAGE_SECONDS" "$@" </dev/null
}

program_of() { # STAGE
    case $1 in
        unit) say build/unit/unit_tests ;;
        sanitized) say build/unit-sanitized/unit_tests ;;
        sdk) say build/sdk/normalize_lines ;;
        bench) say bench-programs ;;
    esac
}

# Of bench only whether everything that is measured can be: with next to nothing to do, and whatever
# comes out.
command_of() { # STAGE
    case $1 in
        unit) say make -s unit ;;
        sanitized) say make -s unit-sanitized ;;
        sdk) say make -s sdk ;;
        bench) say python3 test/bench/bench.py --pg-config "$PG_CONFIG" --try ;;
    esac
}

# Like run_logged for what has run beside: waits for it.
take_beside() {
    log=$WORK/log/$stage.log
    [ -z "$beside" ] || wait "$beside"
    beside=
    spared_mark=
    status=$(cat "$WORK/log/$stage.status" 2>/dev/null) || status=lost
    [ -z "$show" ] || cat "$log"
    end_leftovers
}

show_tail() { # FILE LINES
    [ -s "$1" ] || return 0
    say "----- the last lines of ${1#"$WORK"/}:"
    tail -n "$2" "$1" | cut -c 1-300
    say "-----"
}

# What a TAP test expected and what came, wherever in its log that was.
show_faults() { # FILE
    say "----- what failed in ${1#"$WORK"/}:"
    grep -E -A 12 '^(\[[^]]*\]\([^)]*\) )?not ok ' "$1" | head -n 120 | cut -c 1-300
    say "-----"
}

# Lines of $log that match an extended expression.
count() {
    grep -c -E -- "$1" "$log"
}

# Takes the counts of a stage, which were read from what it printed, together with its status: one
# that ends badly without a failing test has died, and one without any test has lost its tests.
finish_stage() { # PASSED FAILED
    stage_failed=$2
    if [ "$status" != 0 ] && [ "$stage_failed" -eq 0 ]; then
        say "FAILED: the stage $stage ended with status $status."
        stage_failed=1
    elif [ "$1" -eq 0 ] && [ "$stage_failed" -eq 0 ]; then
        say "FAILED: the stage $stage found no test."
        stage_failed=1
    fi
    say "-- $stage: $1 passed, $stage_failed failed, $(($(date +%s) - stage_began)) s"
    add_result "$stage" "$1" "$stage_failed"
    [ "$stage_failed" -eq 0 ]
}

# ---------------------------------------------------------------------------------- stages

stage_build() {
    show=
    # shellcheck disable=SC2086
    run_logged make -s -j"$(nproc)" PG_CONFIG="$PG_CONFIG" WERROR=1 $BUILD_FLAGS all
    if [ "$status" = 0 ]; then
        # shellcheck disable=SC2086
        run_logged make -s PG_CONFIG="$PG_CONFIG" $BUILD_FLAGS install
    fi
    if [ "$status" = 0 ]; then built=yes; else built=no; fi
    [ "$built" = yes ]
    finish_stage $((1 - $?)) 0 || show_tail "$log" 60
}

stage_lint() {
    show=yes
    run_logged sh test/lint.sh
    finish_stage "$(count '^ok - ')" "$(count '^not ok - ')"
}

# unittest says "Ran 12 tests in 3.4s" and then "OK" or "FAILED (failures=1, errors=2, skipped=1)".
stage_endpoint() {
    show=
    run_logged python3 -m unittest discover -s test/endpoint
    ran=$(sed -n 's/^Ran \([0-9]*\) tests\{0,1\} in .*/\1/p' "$log" | tail -n 1)
    bad=$(($(unittest_count failures) + $(unittest_count errors)))
    good=$((${ran:-0} - bad - $(unittest_count skipped)))
    [ "$good" -ge 0 ] || good=0
    finish_stage "$good" "$bad" || show_tail "$log" 80
}

unittest_count() {
    number=$(sed -n "s/expected failures=[0-9]*//; s/^\(OK\|FAILED\) (.*$1=\([0-9]*\).*/\2/p" "$log" | tail -n 1)
    say "${number:-0}"
}

stage_regress() {
    show=yes
    run_logged make -s PG_CONFIG="$PG_CONFIG" tempcheck ${REGRESS_TESTS:+REGRESS="$REGRESS_TESTS"}
    finish_regress
}

stage_isolation() {
    show=yes
    run_logged make -s PG_CONFIG="$PG_CONFIG" isolationcheck
    finish_regress
}

# Until 15 pg_regress prints "test a ... ok", or "     a ... ok" in a group; from 16 it speaks TAP.
finish_regress() {
    finish_stage "$(count '^(ok [0-9]+ |(test| ) +[^ ]+ +\.\.\. ok)')" \
        "$(count '^(not ok [0-9]+ |(test| ) +[^ ]+ +\.\.\. FAILED)')" && return
    find "$WORK/tree" -name regression.diffs -newer "$WORK/log/began" | while read -r file; do
        show_tail "$file" 200
    done
    find "$WORK/tree" -name postmaster.log -newer "$WORK/log/began" | while read -r file; do
        show_tail "$file" 15
    done
}

# prove's report names each file with a fault: how many of its tests failed, or how it died, which
# counts as one failure if no test of the file had failed.
stage_tap() {
    show=yes
    run_logged make -s PG_CONFIG="$PG_CONFIG" prove_installcheck PROVE_FLAGS="-j $TAP_JOBS --timer" \
        ${TAP_TESTS:+PROVE_TESTS="$TAP_TESTS"}
    show_slowest
    all=$(sed -n 's/^Files=[0-9]*, Tests=\([0-9]*\),.*/\1/p' "$log" | tail -n 1)
    bad=$(prove_report | awk '/Failed: [1-9]/ { sub(/.*Failed: /, ""); n += $0 } END { print n + 0 }')
    died=$(prove_report | awk '
        /^[^ ]/ { quiet = /Failed: 0\)/ }
        /^  (Non-zero|Parse errors)/ && quiet { n++; quiet = 0 }
        END { print n + 0 }')
    good=$((${all:-0} - bad))
    [ "$good" -ge 0 ] || good=0
    finish_stage "$good" $((bad + died)) && return
    prove_report | sed -n 's/^\([^ ]*\) *(Wstat.*/\1/p' | while read -r file; do
        name=${file##*/}
        find "$WORK/tree" -path "*log/regress_log_${name%.pl}" | while read -r file; do
            show_faults "$file"
            show_tail "$file" 40
        done
        find "$WORK/tree" -path "*log/${name%.pl}*_*.log" | while read -r file; do
            show_tail "$file" 20
        done
    done
}

# [10:17:24] t/001_first_event.pl .. ok    25300 ms ( 0.01 usr  0.00 sys + ...
show_slowest() {
    say "The slowest files:"
    sed -n 's/^\[[0-9:]*\] \([^ ]*\) \.* .* \([0-9]*\) ms (.*/\2 \1/p' "$log" | sort -rn | head -n 10 |
        awk '{ printf "%7.1f s  %s\n", $1 / 1000, $2 }'
}

prove_report() {
    sed -n '/^Test Summary Report/,/^Files=/p' "$log" | grep -E '\(Wstat: |^  '
}

stage_unit() {
    show=
    take_beside
    finish_stage "$(count '^\[       OK \] ')" "$(count '^\[  FAILED  \] .* \([0-9]+ ms\)$')" && return
    grep -E -B 15 -A 30 '^\[  FAILED  \] .* \([0-9]+ ms\)$|error:|ERROR: |runtime error:' "$log" |
        grep -E -v '^(\[       OK|\[ RUN|g\+\+ )' | head -n 150 | cut -c 1-300
    show_tail "$log" 10
}

stage_sanitized() {
    stage_unit
}

stage_sdk() {
    show=yes
    take_beside
    finish_stage "$(count '^ok - ')" "$(count '^not ok - ')" || show_tail "$log" 30
}

stage_bench() {
    show=
    take_beside
    finish_stage "$(count '^\| P[0-9]+ ')" 0 || show_tail "$log" 60
}

# ---------------------------------------------------------------------------------- main

run_stage() {
    stage=$1
    stage_began=$(date +%s)
    say ""
    say "== $stage"
    : >"$WORK/log/began"
    case $stage in
        regress | isolation | tap | bench)
            if [ "$built" != yes ]; then
                fail_stage "$stage" "the stage $stage needs a build, and there is none."
                return
            fi
            ;;
    esac
    "stage_$stage"
}

# The build is for the stages with a server only; all others make what they need.
choose_stages() {
    chosen=
    for name in "$@"; do
        case " $STAGES " in *" $name "*) ;; *) stop_with "No stage $name. There are: $STAGES." ;; esac
        case $name in regress | isolation | tap | bench) need_build=yes ;; esac
        chosen="$chosen $name"
    done
    chosen="${need_build:+build}$chosen"
}

end_run() {
    code=$?
    trap - EXIT
    trap '' INT TERM HUP
    if [ "$finished" != yes ]; then
        say "Stopped before the end."
        failed=$((failed + 1))
    fi
    keep=
    [ -z "$beside" ] || kill "$beside" 2>/dev/null # it has ended if it had nothing to do
    [ -z "$failures" ] || keep=keep
    close_workplace $keep
    if [ "$finished" = yes ]; then
        [ -z "$failures" ] || say "Failed:$failures"
        say "All stages: $(($(date +%s) - began)) s"
        say "$passed passed, $failed failed"
        [ "$failed" -eq 0 ]
        code=$?
    fi
    exit "$code"
}

began=$(date +%s)
need_build=
built=
beside=
finished=no
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $STAGES
choose_stages "$@"

say "== set-up"
set_up_machine test
trap end_run EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
open_workplace
copy_tree "$root"
copy_postgres
say "PostgreSQL $PG_MAJOR; tests run as $TESTER in $WORK"
[ -n "$need_build" ] || start_beside
for name in $chosen; do
    run_stage "$name"
    [ "$name" != build ] || start_beside
done
finished=yes
