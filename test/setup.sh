#!/bin/sh
# setup.sh - everything that a machine needs for test/run.sh, test/demo.sh and test/bench.sh.
#
# Source it from a script in the same folder, then call, in this order:
#
#     set_up_machine KIND             demo, test, fuzz, bench or ha: installs what is missing; sets
#                                     PG_MAJOR, PG_BIN, TESTER
#     open_workplace                  makes $WORK, a fresh private folder of the account $TESTER
#     copy_tree "$ROOT"               the checkout, without build products, as $WORK/tree
#     copy_postgres                   the distribution's PostgreSQL, as $WORK/pg; sets PG_CONFIG
#     as_tester COMMAND...            runs a command in $WORK/tree as $TESTER, environment clean
#     stop_leftovers                  ends what still runs in $WORK; false if something did
#     close_workplace                 ends all that is left, removes $WORK; for a trap on EXIT
#
# or run it, `sh test/setup.sh test`, to do the installing alone.
#
# Promises: nobody's cluster is created, started, stopped or changed; no service is left running or
# enabled; the checkout and the system's PostgreSQL are never written to. PostgreSQL finds its files
# relative to its own binary, so a copy of it takes `make install` without root and goes with $WORK.
#
# POSIX sh: /bin/sh is dash here. PG_MAJOR may be set from outside to choose among installed servers.

# libpq-dev's pg_config is a shell wrapper that finds the newest server: never used, see PG_BIN.
PACKAGES_BUILD='make g++ libcurl4-openssl-dev nlohmann-json3-dev libssl-dev libicu-dev libphonenumber-dev'
PACKAGES_RUN='python3 openssl'
PACKAGES_TEST='clang libclang-rt-dev libdbd-pg-perl libgtest-dev libipc-run-perl perl nghttp2-proxy procps
prometheus prometheus-postgres-exporter'
PACKAGES_FUZZ='clang libclang-rt-dev'
PACKAGES_BENCH='libpq-dev python3-psycopg2'
PACKAGES_HA='patroni etcd-server python3-etcd python3-psycopg2'
# Only where no node and no npm is: whoever has them from elsewhere keeps them.
PACKAGES_NODE='nodejs npm'
# In the main archive of both Debian 12 and 13, so both check the same format.
PACKAGES_OPTIONAL='clang-format-19'

CLUSTER_CONF_DIR=/etc/postgresql-common/createcluster.d
CLUSTER_CONF=$CLUSTER_CONF_DIR/zz-crm_capi-setup.conf
POLICY=/usr/sbin/policy-rc.d

say() {
    printf '%s\n' "$*"
}

# Ends the script with a sentence that a person can act on.
stop_with() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

is_root() {
    [ "$(id -u)" -eq 0 ]
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Those of the named packages that are not installed, on one line.
missing_of() {
    missing_list=
    for package in "$@"; do
        is_installed "$package" || missing_list="$missing_list $package"
    done
    printf '%s\n' "${missing_list# }"
}

# ---------------------------------------------------------------------------------- machine

check_machine() {
    if [ ! -c /dev/null ] || [ ! -c /dev/urandom ]; then
        stop_with "/dev/null or /dev/urandom is missing. Mount or bind /dev first."
    fi
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        stop_with "This script installs what it needs with apt-get, and this machine has none:" \
            "use Debian 12 or 13."
    fi
    (
        . /etc/os-release
        [ "${ID:-}" = debian ] && case ${VERSION_ID:-} in 12 | 13) exit 0 ;; esac
        say "Note: this is ${PRETTY_NAME:-an unknown system}; only Debian 12 and 13 are tried."
    )
    if [ ! -r /proc/self/stat ]; then
        mount -t proc proc /proc 2>/dev/null || stop_with "/proc is not mounted, and the tests and" \
            "the clean-up need it. Run 'mount -t proc proc /proc' first."
        mounted_proc=yes
    fi
}

# ---------------------------------------------------------------------------------- apt

apt_get() {
    env DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_MODE=l \
        NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8 \
        apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
        "$@" >>"$apt_log" 2>&1 </dev/null
}

apt_failed() {
    say ""
    say "The last lines of apt-get:"
    tail -n 15 "$apt_log" | sed 's/^/    /'
    rm -f "$apt_log"
    stop_with "$@"
}

# Once per run: an update costs seconds, and a machine that has everything needs none.
# A failing update is not the end: one dead source of many does no harm if the rest has all.
apt_update_once() {
    [ -z "$apt_updated" ] || return 0
    say "Reading the package lists (apt-get update)"
    apt_updated=yes
    apt_get update || say "Note: apt-get update reported an error; going on with what is known."
}

apt_knows() {
    apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

# Those servers with a running cluster that installing the named packages would upgrade.
servers_disturbed_by() {
    apt-get -s install --no-install-recommends --no-remove "$@" 2>/dev/null |
        sed -n 's/^Inst postgresql-\([0-9][0-9]*\) \[.*/\1/p' |
        while read -r major; do
            ! pg_lsclusters -h 2>/dev/null | grep -q "^$major .* online" || say "postgresql-$major"
        done
}

# --no-remove: better no test than another program lost from this machine. A server in use must not
# be upgraded either: that restarts its clusters. A second try with fresh package lists, since old
# ones name files that the mirror has no more.
apt_install() {
    say "Installing: $*"
    servers=$(servers_disturbed_by "$@")
    [ -z "$servers" ] || stop_with "Installing $* would upgrade $servers and restart its clusters." \
        "Upgrade it yourself first, when it suits, then start again."
    apt_get install --no-install-recommends --no-remove "$@" && return
    if [ -z "$apt_updated" ]; then
        apt_update_once
        apt_get install --no-install-recommends --no-remove "$@" && return
    fi
    apt_failed "These packages could not be installed: $*. The network, the disk or another package" \
        "is in the way; apt-get's words are above."
}

# ---------------------------------------------------------------------------------- services

# While packages are installed: no PostgreSQL cluster is created or started, and none of the daemons
# that the tests start by themselves.
hold_services() {
    if [ ! -e "$POLICY" ]; then
        made_policy=yes
        cat >"$POLICY" <<'END'
#!/bin/sh
# Made by crm_capi's test/setup.sh for the time of one apt-get run; safe to delete.
case $1 in postgresql* | nghttpx* | prometheus* | etcd* | patroni*) exit 101 ;; esac
exit 0
END
        chmod 755 "$POLICY"
    fi
    if ! is_installed "postgresql-$PG_MAJOR"; then
        [ -d "$CLUSTER_CONF_DIR" ] || made_cluster_dir=yes
        made_cluster_conf=yes
        mkdir -p "$CLUSTER_CONF_DIR"
        cat >"$CLUSTER_CONF" <<'END'
# Made by crm_capi's test/setup.sh for the time of one apt-get run; safe to delete.
create_main_cluster = off
END
    fi
}

release_services() {
    [ -z "$made_policy" ] || rm -f "$POLICY"
    [ -z "$made_cluster_conf" ] || rm -f "$CLUSTER_CONF"
    [ -z "$made_cluster_dir" ] || rmdir "$CLUSTER_CONF_DIR" 2>/dev/null
    made_policy=
    made_cluster_conf=
    made_cluster_dir=
}

# What set_up_machine must not leave behind, however it ends.
undo_set_up() {
    release_services
    [ -z "$mounted_proc" ] || umount /proc
    mounted_proc=
}

# postgresql-common goes first, because only it can tell whether our setting is heeded.
install_server_quietly() {
    is_installed postgresql-common || apt_install postgresql-common
    if [ "$(pg_conftool /etc/postgresql-common/createcluster.conf show -bs create_main_cluster \
        2>/dev/null)" != off ]; then
        stop_with "Installing postgresql-$PG_MAJOR would create a database cluster on this machine:" \
            "/etc/postgresql-common/createcluster.conf does not read createcluster.d." \
            "Install postgresql-$PG_MAJOR yourself, then start again."
    fi
    apt_install "postgresql-$PG_MAJOR"
}

# The package enables a daemon that nobody asked for; the tests start the program themselves.
install_daemon_quietly() { # PACKAGE SERVICE
    apt_install "$1"
    deb-systemd-helper disable "$2.service" >/dev/null 2>&1
    update-rc.d "$2" disable >/dev/null 2>&1
    if [ -z "$made_policy" ]; then # somebody else's policy may have let it start
        invoke-rc.d "$2" stop >/dev/null 2>&1
    fi
    return 0
}

# ---------------------------------------------------------------------------------- set-up

# The major version that the distribution's own "postgresql" package stands for.
find_pg_major() {
    if [ -n "${PG_MAJOR:-}" ]; then
        return
    fi
    PG_MAJOR=$(apt-cache show --no-all-versions postgresql 2>/dev/null |
        sed -n 's/^Depends:.*postgresql-\([0-9][0-9]*\).*/\1/p' | head -n 1)
}

node_packages() {
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        say "$PACKAGES_NODE"
    fi
}

needed_packages() {
    server="postgresql-$PG_MAJOR postgresql-server-dev-$PG_MAJOR"
    case $1 in
        demo) say "$PACKAGES_BUILD $PACKAGES_RUN $server" ;;
        test) say "$PACKAGES_BUILD $PACKAGES_RUN $PACKAGES_TEST $PACKAGES_BENCH $(node_packages) $server" ;;
        fuzz) say "$PACKAGES_BUILD $PACKAGES_FUZZ $server" ;;
        bench) say "$PACKAGES_BUILD $PACKAGES_RUN $PACKAGES_BENCH $server" ;;
        ha) say "$PACKAGES_BUILD $PACKAGES_RUN $PACKAGES_HA $server" ;;
        *) stop_with "set_up_machine: demo, test, fuzz, bench or ha?" ;;
    esac
}

install_missing() {
    hold_services
    for package in "$@"; do
        if ! apt_knows "$package"; then
            apt_update_once
            apt_knows "$package" || apt_failed \
                "The package $package is not in any package list of this machine. Check the" \
                "network and the files in /etc/apt."
        fi
    done
    case " $* " in *" postgresql-$PG_MAJOR "*) install_server_quietly ;; esac
    case " $* " in *" nghttp2-proxy "*) install_daemon_quietly nghttp2-proxy nghttpx ;; esac
    case " $* " in *" prometheus-postgres-exporter "*)
        install_daemon_quietly prometheus-postgres-exporter prometheus-postgres-exporter ;;
    esac
    case " $* " in *" etcd-server "*) install_daemon_quietly etcd-server etcd ;; esac
    case " $* " in *" patroni "*) install_daemon_quietly patroni patroni ;; esac
    case " $* " in *" prometheus "*) install_daemon_quietly prometheus prometheus ;; esac
    # shellcheck disable=SC2046
    set -- $(missing_of "$@")
    [ $# -eq 0 ] || apt_install "$@"
    release_services
}

# What only makes a check possible that is otherwise skipped.
install_optional() {
    for package in "$@"; do
        apt_knows "$package" || continue
        say "Installing: $package"
        apt_get install --no-install-recommends --no-remove "$package" ||
            say "Note: $package could not be installed."
    done
}

# Takes over the traps; the caller's own, if it sets some later, end with close_workplace.
set_up_machine() {
    made_policy=
    made_cluster_dir=
    made_cluster_conf=
    mounted_proc=
    trap undo_set_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    check_machine
    apt_log=$(mktemp "${TMPDIR:-/tmp}/crm_capi-apt.XXXXXX") ||
        stop_with "Could not make a temporary file in ${TMPDIR:-/tmp}."
    apt_updated=
    find_pg_major
    if [ -z "$PG_MAJOR" ]; then
        is_root || stop_with "PostgreSQL is missing on this machine: run this as root."
        apt_update_once
        find_pg_major
    fi
    [ -n "$PG_MAJOR" ] || apt_failed "No package list of this machine knows PostgreSQL. Check the" \
        "network and the files in /etc/apt."

    # shellcheck disable=SC2046
    set -- "$1" $(missing_of $(needed_packages "$1"))
    setup_kind=$1
    shift
    if [ $# -gt 0 ]; then
        is_root || stop_with "These packages are missing: $*. Run this as root, or install them."
        install_missing "$@"
    fi
    if [ "$setup_kind" = test ] && is_root; then
        # shellcheck disable=SC2046,SC2086
        install_optional $(missing_of $PACKAGES_OPTIONAL)
    fi
    rm -f "$apt_log"

    PG_BIN=/usr/lib/postgresql/$PG_MAJOR/bin
    [ -x "$PG_BIN/postgres" ] || stop_with "postgresql-$PG_MAJOR is installed, but there is no" \
        "$PG_BIN/postgres."
    TESTER=$(id -un)
    if is_root; then
        TESTER=postgres # comes with the server's package; the server refuses to run as root
        id "$TESTER" >/dev/null 2>&1 || stop_with "There is no account named $TESTER, which" \
            "PostgreSQL's package should have made."
    fi
}

# ---------------------------------------------------------------------------------- workplace

# /var/tmp, because Debian 13 keeps /tmp in memory. Short, because a socket's path has 107 bytes.
open_workplace() {
    work_parent=${TMPDIR:-/var/tmp}
    [ "${#work_parent}" -le 40 ] || work_parent=/var/tmp
    case $work_parent in *[!A-Za-z0-9_./-]*) work_parent=/var/tmp ;; esac
    WORK=$(mktemp -d "$work_parent/crm_capi.XXXXXX") ||
        stop_with "Could not make a folder in $work_parent."
    mkdir "$WORK/tmp" "$WORK/beside" "$WORK/home" "$WORK/tree" "$WORK/log"
    if is_root; then
        chown "$TESTER:" "$WORK" "$WORK"/*
    fi
}

copy_tree() {
    tar -C "$1" -cf - --exclude=./.git --exclude=./build --exclude='*.o' --exclude='*.so' \
        --exclude='*.bc' --exclude=tmp_check --exclude=output_iso --exclude=./results \
        --exclude=__pycache__ . | tar -C "$WORK/tree" -xf - --no-same-owner ||
        stop_with "Could not copy $1 to $WORK/tree."
    chmod -R u+rwX,go+rX "$WORK/tree"
    if is_root; then
        chown -R "$TESTER:" "$WORK/tree"
    fi
}

# For make: no test reads debug information, and it is a third of the compiling.
# shellcheck disable=SC2034 # for those that read this file
BUILD_FLAGS='with_llvm=no PG_CXXFLAGS=-g0'

# Programs and libraries are copied, since a program looks for its files around the place where it
# lies; headers and the system's own libraries are only linked to.
copy_postgres() {
    mkdir -p "$WORK/pg/usr/lib/postgresql" "$WORK/pg/usr/share/postgresql"
    cp -R "/usr/lib/postgresql/$PG_MAJOR" "$WORK/pg/usr/lib/postgresql/" &&
        cp -R "/usr/share/postgresql/$PG_MAJOR" "$WORK/pg/usr/share/postgresql/" &&
        ln -s /usr/include "$WORK/pg/usr/include" ||
        stop_with "Could not copy PostgreSQL $PG_MAJOR to $WORK/pg."
    for folder in /usr/lib/*-linux-gnu*; do
        ln -s "$folder" "$WORK/pg/usr/lib/${folder##*/}"
    done
    if is_root; then
        chown -R -h "$TESTER:" "$WORK/pg"
    fi
    PG_CONFIG=$WORK/pg/usr/lib/postgresql/$PG_MAJOR/bin/pg_config
    [ "$("$PG_CONFIG" --pkglibdir)" = "$WORK/pg/usr/lib/postgresql/$PG_MAJOR/lib" ] ||
        stop_with "This PostgreSQL cannot be used from a copy: $PG_CONFIG --pkglibdir says" \
            "$("$PG_CONFIG" --pkglibdir)."
}

# The distribution's tools only, no PG* variable of the caller, and a PGHOST that leads nowhere: a
# test that forgets to name its server reaches none, least of all one of this machine.
# --default-signal: a job in the background of a shell is born deaf to SIGINT, and Python keeps that.
as_tester() (
    cd "$WORK/tree" || exit 1
    if is_root; then
        set -- setpriv --reuid "$TESTER" --regid "$TESTER" --clear-groups -- "$@"
    fi
    exec env -i --default-signal=INT,QUIT,PIPE \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$WORK/home" USER="$TESTER" LOGNAME="$TESTER" \
        TMPDIR="$WORK/tmp" LANG=C.UTF-8 LC_ALL=C.UTF-8 TZ=UTC TERM="${TERM:-dumb}" \
        PGHOST="$WORK/no-server" PG_CONFIG="$PG_CONFIG" PYTHONDONTWRITEBYTECODE=1 \
        ${SOAK_SECONDS:+"SOAK_SECONDS=$SOAK_SECONDS"} ${SOAK_SEED:+"SOAK_SEED=$SOAK_SEED"} \
        ${PG_TEST_EXTRA:+"PG_TEST_EXTRA=$PG_TEST_EXTRA"} \
        ${PG_TEST_TIMEOUT_DEFAULT:+"PG_TEST_TIMEOUT_DEFAULT=$PG_TEST_TIMEOUT_DEFAULT"} \
        "$@"
)

# Process ids whose working folder lies in $WORK: servers, stand-ins, whatever we have started; but
# for those in $spared_folder or with $spared_mark in their environment, if there is such a mark: a
# server overwrites what it had there.
processes_in_workplace() {
    for process in /proc/[0-9]*; do
        case $(readlink "$process/cwd" 2>/dev/null) in
            "${spared_folder:-none}"/*)
                [ -n "${spared_mark:-}" ] || say "${process#/proc/}"
                ;;
            "$WORK"/*)
                [ -n "${spared_mark:-}" ] && grep -q -s -z -x -F "$spared_mark" "$process/environ" ||
                    say "${process#/proc/}"
                ;;
        esac
    done
}

# What is just about to end gets two seconds. QUIT is PostgreSQL's immediate shutdown, which frees
# shared memory; KILL would leave it behind.
stop_leftovers() {
    for signal in none QUIT TERM KILL; do
        leftovers=$(processes_in_workplace)
        if [ -n "$leftovers" ] && [ $signal != none ]; then
            # shellcheck disable=SC2086
            kill -s $signal $leftovers 2>/dev/null
        fi
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            if [ -z "$(processes_in_workplace)" ]; then
                [ $signal = none ]
                return
            fi
            sleep 0.2
        done
    done
    return 1
}

# With `keep` the folder stays, for someone to look at.
close_workplace() {
    if [ -n "${WORK:-}" ]; then
        spared_mark=
        stop_leftovers
        if [ "${1:-}" = keep ]; then
            say "Kept for a look: $WORK"
        else
            rm -rf "$WORK"
        fi
        WORK=
    fi
    undo_set_up
}

case ${0##*/} in
    setup.sh)
        set_up_machine "${1:-test}"
        say "This machine has what is needed: PostgreSQL $PG_MAJOR, tests run as $TESTER."
        ;;
esac
