#!/bin/sh
# assertions.sh - the tests on a server that checks itself: PostgreSQL from the distribution's own
# source package, built with --enable-cassert.
#
#     sh test/assertions.sh [TAP_FILE...]      without names: those of what an administrator may do
#
# Runs the SQL tests, the isolation tests and the TAP files; then some of the SQL tests once more with
# debug_discard_caches = 1, where every lookup finds nothing remembered: what is kept longer than it
# may be, shows, and what waits for a moment without news never ends. A row takes a second then, and
# capi_check() a minute. Building takes some five minutes of a processor, the rest twenty and more, so
# this is run by hand; docs/design.md says when it was, and what it found.
#
# ASSERTIONS_FOLDER   where the server is built; it stays there and is used again. Otherwise it is
#                     made in a folder of its own that goes at the end.
# ASSERTIONS_STAGES   some of: sql isolation tap discard

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/test/setup.sh"

# Those of capturing, in which there are few rows.
DISCARD_TESTS='lead_stage_trigger watch_data repeated_stage consent'

end_assertions() {
    code=$?
    trap - EXIT
    trap '' INT TERM HUP
    if [ "$code" -eq 0 ]; then close_workplace; else close_workplace keep; fi
    exit "$code"
}

# apt-get with lists of its own, of sources: the machine's are left as they are.
apt_sources() {
    apt-get -q -o APT::Sandbox::User=root -o Dir::Etc::sourcelist="$folder/apt/sources.list" \
        -o Dir::Etc::sourceparts=- -o Dir::State::lists="$folder/apt/lists" \
        -o Dir::Cache="$folder/apt/cache" "$@"
}

# The newest version whose files the mirror has: that of the security archive may be ahead of it.
fetch_source() {
    mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
    codename=$(. /etc/os-release && say "$VERSION_CODENAME")
    key=/usr/share/keyrings/debian-archive-keyring.gpg
    for archive in "debian $codename" "debian-security $codename-security"; do
        say "deb-src [signed-by=$key] http://deb.debian.org/$archive main"
    done >"$folder/apt/sources.list"
    apt_sources update >"$folder/apt.log" 2>&1 || stop_with "No list of sources; see $folder/apt.log."
    cd "$folder" || exit 1
    for version in $(apt-cache -o Dir::Etc::sourcelist="$folder/apt/sources.list" \
        -o Dir::Etc::sourceparts=- -o Dir::State::lists="$folder/apt/lists" \
        -o Dir::Cache="$folder/apt/cache" showsrc "postgresql-$PG_MAJOR" |
        sed -n 's/^Version: //p' | sort -rV); do
        apt_sources source --download-only "postgresql-$PG_MAJOR=$version" \
            >>"$folder/apt.log" 2>&1 && return
    done
    stop_with "The source of postgresql-$PG_MAJOR could not be fetched; see $folder/apt.log."
}

# Without what the extension does not need, so that only the compiler and Perl are needed; and without
# the distribution's patches, which have pg_config name the folders of its own package.
build_server() {
    cd "$folder" && rm -rf source && mkdir source && cd source || exit 1
    tar -xf "$folder/postgresql-${PG_MAJOR}_"*.orig.tar.* --strip-components=1 || exit 1
    say "Building PostgreSQL $(sed -n "s/^PACKAGE_VERSION='\(.*\)'$/\1/p" configure) with assertions (some minutes)"
    {
        ./configure --prefix="$folder/pg" --enable-cassert --enable-debug --enable-tap-tests \
            --with-icu --without-readline --without-zlib CFLAGS=-O2 &&
            make -s -j"$(nproc)" && make -s -j"$(nproc)" -C contrib &&
            make -s install && make -s -C contrib install
    } >"$folder/build.log" 2>&1 || stop_with "PostgreSQL could not be built; see $folder/build.log."
    touch "$folder/built"
}

# Everything of the extension's that is tested belongs to the tester: it is installed into this server.
prepare() {
    folder=${ASSERTIONS_FOLDER:-$WORK/server}
    mkdir -p "$folder" || exit 1
    if [ ! -e "$folder/built" ]; then
        (fetch_source && build_server) || exit 1
    fi
    if is_root; then
        chown -R "$TESTER:" "$folder/pg"
    fi
    PG_CONFIG=$folder/pg/bin/pg_config
    # shellcheck disable=SC2086
    as_tester make -s -j"$(nproc)" PG_CONFIG="$PG_CONFIG" WERROR=1 $BUILD_FLAGS all install \
        >"$WORK/log/build.log" 2>&1 </dev/null || {
        tail -n 30 "$WORK/log/build.log"
        stop_with "The extension could not be built with assertions."
    }
}

stage() { # NAME MAKE_ARGUMENT...
    name=$1
    shift
    case " ${ASSERTIONS_STAGES:-sql isolation tap discard} " in *" $name "*) ;; *) return 0 ;; esac
    began=$(date +%s)
    say "== $name"
    if as_tester make -s PG_CONFIG="$PG_CONFIG" "$@" </dev/null; then
        summary="$summary
$name: passed, $(($(date +%s) - began)) s"
    else
        failed=yes
        summary="$summary
$name: FAILED, $(($(date +%s) - began)) s"
    fi
    # An assertion that fails ends the server, and says so here.
    find "$WORK/tree" -name '*.log' -newer "$WORK/log/build.log" -exec grep -l 'TRAP:' {} + |
        while read -r log; do
            say "Assertion failed, in ${log#"$WORK"/}:"
            grep -h 'TRAP:' "$log" | sort -u
        done
}

set_up_machine test
trap end_assertions EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
open_workplace
copy_tree "$root"
prepare
failed=no
summary=
stage sql tempcheck
stage isolation isolationcheck
[ $# -gt 0 ] || set -- test/t/050_maintenance.pl test/t/051_taken_numbers.pl test/t/052_encodings.pl \
    test/t/056_administrator_by_lot.pl test/t/057_conditions.pl test/t/058_settings.pl
stage tap prove_installcheck PROVE_TESTS="$*"
echo 'debug_discard_caches = 1' >>"$WORK/tree/test/regress.conf"
stage discard tempcheck REGRESS="$DISCARD_TESTS"
say "$summary"
[ "$failed" = no ]
