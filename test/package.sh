#!/bin/sh
# package.sh - the release archive and the Debian packages: builds, installs, tests, removes them.
#
#     sh test/clean_root.sh trixie FOLDER sh test/package.sh
#
# Only in a root made by clean_root.sh, as root: it installs packages of ours on the system that it
# runs on. The last line is "N passed, N failed".

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/test/setup.sh"

PACKAGES_PACKAGING='build-essential debhelper dpkg-dev git lintian pgxnclient postgresql-all unzip'

passed=0
failed=0

# Runs a command; a line for its result, and the end of its output if it went wrong.
check() { # SENTENCE COMMAND...
    sentence=$1
    shift
    if "$@" >"$WORK/log/check.log" 2>&1; then
        say "ok - $sentence"
        passed=$((passed + 1))
    else
        say "not ok - $sentence"
        tail -n 60 "$WORK/log/check.log" | sed 's/^/    /'
        failed=$((failed + 1))
        false
    fi
}

tell_apt() {
    tail -n 30 "$apt_log"
    false
}

# --------------------------------------------------------------------------- the release archive

make_archive() {
    env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' \
        make -C "$root" PG_CONFIG="$PG_CONFIG" dist
}

archive_of_this_version() {
    version=$(sed -n 's/^    "version": "\(.*\)",$/\1/p' "$root/META.json")
    mv "$root/crm_capi-$version.zip" "$root/crm_capi-$version.tar.gz" "$WORK/tmp" &&
        unzip -q "$WORK/tmp/crm_capi-$version.zip" -d "$WORK/tmp" &&
        [ -f "$WORK/tmp/crm_capi-$version/META.json" ] &&
        chown -R "$TESTER:" "$WORK/tmp"
}

# As it comes from PGXN, into the copy of PostgreSQL. Bitcode takes as long again, and the packages have it.
# Newer clients want to write to the folder of libpq, or a sudo, although make install writes nothing
# there: env is one that changes nothing.
install_by_client() {
    as_tester env MAKEFLAGS="-j$(nproc) with_llvm=no" \
        pgxn install --pg_config "$PG_CONFIG" --sudo env "$WORK/tmp/crm_capi-$version.zip" &&
        [ -f "$("$PG_CONFIG" --pkglibdir)/crm_capi.so" ]
}

# --------------------------------------------------------------------------- the packages

# The package's own tests run at its end, on the servers of all versions it was built for.
build_packages() {
    as_tester dpkg-buildpackage -us -uc
}

packages_of_each_version() {
    for major in $(cd "$WORK/tree" && pg_buildext supported-versions); do
        ls "$WORK/postgresql-$major-crm-capi_"*.deb || return
    done
}

judge_packages() {
    as_tester sh -c 'exec lintian --fail-on error "$0"/*.changes' "$WORK"
}

install_packages() {
    apt_get install "$WORK"/postgresql-*-crm-capi_*.deb || tell_apt
}

installed_files() {
    for major in $(cd "$WORK/tree" && pg_buildext installed-versions); do
        for file in "lib/postgresql/$major/lib/crm_capi.so" \
            "share/postgresql/$major/extension/crm_capi.control" \
            "share/doc/postgresql-$major-crm-capi/docs/install.md"; do
            ls "/usr/$file" || return
        done
    done
}

# As the distribution's own continuous integration would, on what is installed.
test_installed() {
    as_tester sh debian/tests/installcheck
}

remove_packages() {
    names=$(dpkg-query -W -f '${Package} ' 'postgresql-*-crm-capi')
    # shellcheck disable=SC2086
    apt_get purge $names || tell_apt
    [ -z "$(find /usr /etc /var/lib -name '*crm*capi*' -not -path "/usr/src/*" -print)" ]
}

# --------------------------------------------------------------------------- main

end_checks() {
    code=$?
    trap - EXIT
    [ "$finished" = yes ] || failed=$((failed + 1))
    if [ "$failed" -eq 0 ]; then close_workplace; else close_workplace keep; fi
    rm -f "$apt_log"
    say "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] || code=1
    exit "$code"
}

[ "${CLEAN_ROOT:-}" = yes ] || stop_with "package.sh installs packages: run it by test/clean_root.sh."
finished=no
set_up_machine test
# shellcheck disable=SC2086
set -- $(missing_of $PACKAGES_PACKAGING)
apt_log=$(mktemp "${TMPDIR:-/tmp}/crm_capi-apt.XXXXXX")
[ $# -eq 0 ] || install_missing "$@"
open_workplace
trap end_checks EXIT
copy_tree "$root"
copy_postgres

check "make dist makes archives" make_archive &&
    check "they are named after the version and hold a tree of that name" archive_of_this_version &&
    check "PGXN's client builds and installs it" install_by_client
if check "dpkg-buildpackage builds, and its tests pass" build_packages; then
    check "there is a package for each version of PostgreSQL" packages_of_each_version
    check "lintian finds no error" judge_packages
    if check "the packages install" install_packages; then
        check "library, control file and documentation are in place" installed_files
        check "the SQL tests pass on what is installed" test_installed
        check "purging them leaves nothing behind" remove_packages
    fi
fi
finished=yes
