#!/bin/sh
# volume.sh - adds to an image volume of CloudNativePG the libraries that the extension's own needs.
#
#     sh image/volume.sh FOLDER PG_CONFIG [LIBRARIES]     called by `make volume`
#
# FOLDER has the library in lib/ already. LIBRARIES is a file that names the libraries of the image
# that the server runs from, one on a line; without it, only what the server's own program needs
# counts as there. The rest goes to system/, for LD_LIBRARY_PATH, and into licenses/ the terms under
# which Debian's packages may be passed on.

folder=$1
pg_config=$2
libraries=${3:-}

stop_with() {
    printf '%s\n' "$*" >&2
    exit 1
}

# "name => path" of all that a program or library loads, but the kernel's own and the loader.
needs_of() {
    ldd "$1" | sed -n 's/^[[:space:]]*\([^ ]*\) => \(\/[^ ]*\) .*/\1 \2/p'
}

names_there() {
    if [ -n "$libraries" ]; then cat "$libraries"; else needs_of "$("$pg_config" --bindir)/postgres"; fi |
        sed 's/ .*//'
}

# "package: path" of the files named, in one go, since each search reads the lists of all packages.
# dpkg knows a file by the path in its package, which a merged /usr shows under a second name.
owners_of() {
    for path in "$@"; do
        real=$(readlink -f "$path")
        printf '%s\n' "$real" "${real#/usr}" "/usr$real"
    done | xargs dpkg-query -S 2>/dev/null
}

package_of() { # PATH
    printf '%s\n' "$owners" | awk -v name="$(basename "$(readlink -f "$1")")" '{
        parts = split($NF, part, "/")
        if (part[parts] == name) { sub(/[:,].*/, "", $1); print $1; exit }
    }'
}

[ -f "$folder/lib/crm_capi.so" ] || stop_with "There is no $folder/lib/crm_capi.so."
! ldd "$folder/lib/crm_capi.so" | grep 'not found' >&2 || stop_with "A library is missing here."
there=$(names_there)
lacking=$(needs_of "$folder/lib/crm_capi.so" | while read -r name path; do
    printf '%s\n' "$there" | grep -qxF "$name" || printf '%s %s\n' "$name" "$path"
done)
# shellcheck disable=SC2046
owners=$(owners_of $(printf '%s\n' "$lacking" | sed 's/.* //'))
mkdir -p "$folder/system" "$folder/licenses/crm_capi" &&
    cp LICENSE "$folder/licenses/crm_capi/" || exit 1
printf '%s\n' "$lacking" | while read -r name path; do
    cp -L "$path" "$folder/system/$name" || stop_with "Could not copy $path."
    package=$(package_of "$path")
    [ -n "$package" ] || stop_with "$path belongs to no package, so its license is not known."
    mkdir -p "$folder/licenses/$package" &&
        cp "/usr/share/doc/$package/copyright" "$folder/licenses/$package/" ||
        stop_with "The license of $package could not be copied."
done
