#!/bin/sh
# matrix.sh - the whole test suite and the packages on the PostgreSQL of several Debian releases.
#
#     sh test/matrix.sh [SUITE...]     bookworm (PostgreSQL 15), trixie (17), sid (18), experimental
#                                      (19); as root
#
# Each suite gets a root folder of its own (see clean_root.sh, which this calls), in which test/run.sh
# and then test/package.sh run. It takes some twenty minutes of two cores a suite, and 4 GB. Ends
# with a line for each suite; its status is 0 if everything passed.
#
# MATRIX_FOLDER     where the roots are made; they stay there, and are used again. Otherwise they
#                   are made in a folder of /var/tmp that goes at the end, unless something failed.
# MATRIX_SCRIPTS    instead of "run package", one of the two.

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)

say() {
    printf '%s\n' "$*"
}

# Runs a script in the root of a suite; its output goes to a file as well. Notes what it ended with.
run_script() { # SUITE SCRIPT
    log=$folder/$1-$2.log
    say "== $1: test/$2.sh (log: $log)"
    sh "$here/clean_root.sh" "$1" "$folder/$1" sh "test/$2.sh" >"$log" 2>&1
    status=$?
    last=$(tail -n 1 "$log")
    version=$(sed -n 's/^\(PostgreSQL [0-9]*\);.*/\1/p' "$log")
    if [ "$status" -ne 0 ]; then
        failed=yes
        last="$last (status $status)"
        grep -E '^(not ok|FAILED|Failed:|Left running)' "$log"
    fi
    summary="$summary
$1: ${version:+$version, }test/$2.sh: $last"
}

[ "$(id -u)" -eq 0 ] || {
    say "Making root file systems needs root."
    exit 2
}
[ $# -gt 0 ] || set -- bookworm trixie sid experimental
folder=${MATRIX_FOLDER:-$(mktemp -d /var/tmp/crm_capi-matrix.XXXXXX)}
mkdir -p "$folder" || exit 2
failed=no
summary=
for suite in "$@"; do
    for script in ${MATRIX_SCRIPTS:-run package}; do
        run_script "$suite" "$script"
    done
    if [ -z "${MATRIX_FOLDER:-}" ] && [ "$failed" = no ]; then
        rm -rf "${folder:?}/$suite"
    fi
done
say "$summary"
if [ -z "${MATRIX_FOLDER:-}" ]; then
    if [ "$failed" = no ]; then rm -rf "$folder"; else say "Kept for a look: $folder"; fi
fi
[ "$failed" = no ]
