#!/bin/sh
# clean_root.sh - runs a command from a clean clone of this repository on a bare Debian. As root.
#
#     sh test/clean_root.sh SUITE FOLDER [COMMAND...]     COMMAND: sh test/run.sh
#
# SUITE is bookworm (PostgreSQL 15), trixie (17), sid (18), or experimental: sid with PostgreSQL 19,
# which only Debian's experimental archive has.
#
# FOLDER gets the smallest system that debootstrap makes, or is used as it is if it has one. The
# command sees its own processes, /proc and /dev/shm only, and all of them end with it; what it had
# left running is told. CLEAN_ROOT=yes tells it where it is. The clone lies in a path with a blank
# and belongs to nobody known there.
#
# CLEAN_ROOT_TREE=working takes the working tree, with what is not committed, instead of HEAD.
# CLEAN_ROOT_MIRROR names another package mirror than this machine's own.

stop_with() {
    printf '%s\n' "$*" >&2
    exit 2
}

# The first address that this machine's own apt takes Debian from.
find_mirror() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        sed -n -e 's/^URIs: *\([^ ]*\/debian\)\/*$/\1/p' \
            -e 's/^deb \(\[[^]]*\] \)*\([^ ]*\/debian\)\/* .*/\2/p' | head -n 1
}

# Under another name until it is whole: what an interrupted run leaves must not be taken for a system.
make_root() {
    command -v debootstrap >/dev/null || stop_with "debootstrap is missing: apt-get install debootstrap"
    mirror=${CLEAN_ROOT_MIRROR:-$(find_mirror)}
    [ ! -d "$folder" ] || rmdir "$folder" || stop_with "$folder is neither empty nor a Debian system."
    rm -rf "$folder.part"
    mirror=${mirror:-http://deb.debian.org/debian}
    case $suite in experimental) release=sid ;; *) release=$suite ;; esac
    debootstrap --variant=minbase "$release" "$folder.part" "$mirror" \
        >"$folder.log" 2>&1 || stop_with "debootstrap failed; see $folder.log."
    # A mirror that stands still for some weeks is good enough for a system that is thrown away.
    echo 'Acquire::Check-Valid-Until "false";' >"$folder.part/etc/apt/apt.conf.d/10-any-age"
    [ "$suite" = "$release" ] || add_experimental "$folder.part" "$mirror"
    mv "$folder.part" "$folder" && rm -f "$folder.log"
}

# Experimental's packages are taken by name only; these names, so that what they need comes along.
add_experimental() { # FOLDER MIRROR
    echo "deb $2 experimental main" >"$1/etc/apt/sources.list.d/experimental.list"
    cat >"$1/etc/apt/preferences.d/postgresql" <<'END'
Package: postgresql-19* postgresql-client-19 postgresql-server-dev-19 postgresql-common* postgresql-client-common libpq5 libpq-dev
Pin: release a=experimental
Pin-Priority: 990
END
}

# What was being installed when the last command in this root was ended from outside.
finish_installing() {
    DEBIAN_FRONTEND=noninteractive chroot "$folder" dpkg --configure -a >/dev/null </dev/null ||
        stop_with "Packages in $folder are half installed: remove the folder to have it made again."
}

# What this machine needs to reach the network, and nothing else of it.
pass_network_on() {
    cp -L /etc/resolv.conf /etc/hosts "$folder/etc/"
    grep -l -i -r 'proxy' /etc/apt/apt.conf /etc/apt/apt.conf.d 2>/dev/null |
        while read -r file; do cp "$file" "$folder/etc/apt/apt.conf.d/"; done
    pass_authorities_on
}

# Whom this machine was told to trust, such as a firewall that opens TLS connections: npm cannot
# reach its registry without. The package ca-certificates reads them when it is installed.
pass_authorities_on() {
    for file in /usr/local/share/ca-certificates/*.crt; do
        [ -f "$file" ] || continue
        install -D -m 644 "$file" "$folder$file" || stop_with "Could not copy $file."
    done
    [ ! -x "$folder/usr/sbin/update-ca-certificates" ] ||
        chroot "$folder" update-ca-certificates >/dev/null </dev/null ||
        stop_with "Could not renew the certificates in $folder."
}

put_tree() {
    rm -rf "$folder/srv/crm capi"
    mkdir -p "$folder/srv/crm capi"
    if [ "${CLEAN_ROOT_TREE:-}" = working ]; then
        tar -C "$root" -cf - --exclude=./.git --exclude=./build . |
            tar -C "$folder/srv/crm capi" -xf -
    else
        git -c safe.directory='*' clone -q --no-hardlinks "$root" "$folder/srv/crm capi"
    fi || stop_with "Could not copy $root."
    chown -R 4242:4242 "$folder/srv/crm capi"
}

# Runs as process 1 of the new namespaces. $1 is the folder, the rest the command.
run_inside() {
    folder=$1
    shift
    mount -t proc proc "$folder/proc" && mkdir -p "$folder/dev/shm" &&
        mount -t tmpfs tmpfs "$folder/dev/shm" || exit 2
    chroot "$folder" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root TERM="${TERM:-dumb}" CLEAN_ROOT=yes \
        ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} \
        ${no_proxy:+"no_proxy=$no_proxy"} ${TAP_TESTS:+"TAP_TESTS=$TAP_TESTS"} ${PG_MAJOR:+"PG_MAJOR=$PG_MAJOR"} \
        sh -c 'cd "/srv/crm capi" && exec "$@"' sh "$@"
    status=$?
    for process in "$folder"/proc/[0-9]*; do
        [ "${process##*/}" = 1 ] || tell_process "$process"
    done
    exit $status
}

tell_process() {
    words=$(tr '\0' ' ' <"$1/cmdline" 2>/dev/null)
    if [ -n "$words" ]; then
        printf 'Left running: %s\n' "$words"
        status=1
    fi
}

if [ "${1:-}" = --inside ]; then
    shift
    run_inside "$@"
fi

[ $# -ge 2 ] || stop_with "Usage: sh test/clean_root.sh SUITE FOLDER [COMMAND...]"
[ "$(id -u)" -eq 0 ] || stop_with "Making a root file system needs root."
suite=$1
folder=$2
shift 2
case $suite in
    bookworm | trixie | sid) major= ;; # the one that the release brings
    experimental) major=19 ;;
    *) stop_with "bookworm, trixie, sid or experimental, not $suite." ;;
esac
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
[ $# -gt 0 ] || set -- sh test/run.sh
if [ -e "$folder/etc/debian_version" ]; then finish_installing; else make_root; fi
pass_network_on
put_tree
[ -z "$major" ] || export PG_MAJOR="$major"
exec unshare --mount --pid --fork --kill-child sh "$root/test/clean_root.sh" --inside "$folder" "$@"
