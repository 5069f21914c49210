#!/bin/sh
# lint.sh - the rules that no compiler knows: rooms, PG_TRY bodies, global objects, lengths, format.
#
#     sh test/lint.sh [CHECK...]
#
# Each check is tried on bad samples before the tree (test/lint/samples.py). Environment: PG_CONFIG
# (server's headers), CLANGXX, CLANG_FORMAT. What needs a missing tool is reported as skipped.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
export PYTHONDONTWRITEBYTECODE=1
exec python3 "$root/test/lint/lint.py" "$root" "$@"
