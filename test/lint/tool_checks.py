"""tool_checks.py - the checks that clang does. A missing tool makes a check skipped, not passed."""

import concurrent.futures
import os
import re
import shutil
import subprocess

# Versions of clang-format disagree about details. 19 is in Debian 12 as well as in 13.
FORMATTER = os.environ.get("CLANG_FORMAT") or "clang-format-19"
CLANG = os.environ.get("CLANGXX") or "clang++"

# -Wno-register: PostgreSQL's headers before 16 use the keyword, which C++17 has no more.
GLOBALS_FLAGS = ["-std=c++17", "-fsyntax-only", "-D_GNU_SOURCE", "-Wno-register", "-Wglobal-constructors",
                 "-Wexit-time-destructors", "-Werror"]


class Skipped(Exception):
    """The check cannot be done on this machine; the text says what is missing."""


def run(command, folder):
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    return done.returncode, done.stdout


def need(tool):
    if shutil.which(tool) is None:
        raise Skipped(f"needs {tool}")


def server_headers(tree):
    """-isystem for the server's headers; nothing if no file of src/pg is there to need them."""
    if not any(source.path.startswith(("src/pg/", "src/module")) for source in tree.sources("src")):
        return []
    pg_config = os.environ.get("PG_CONFIG") or "pg_config"
    need(pg_config)
    status, folder = run([pg_config, "--includedir-server"], tree.root)
    if status != 0 or not os.path.isdir(folder.strip()):
        raise Skipped("needs the server's headers; set PG_CONFIG")
    return ["-isystem", folder.strip()]


# What the object file of a constructor at load or a destructor at exit names; as nm -A prints it.
RUNS_BY_ITSELF = re.compile(r"^([^:]+):.*\b(_GLOBAL__\w+|__cxa_atexit|__cxa_thread_atexit|atexit)$", re.M)


def changed_at(tree, path):
    """When a file was written; 0 if there is none."""
    whole = os.path.join(tree.root, path)
    return os.path.getmtime(whole) if os.path.exists(whole) else 0


def wing_of(path):
    """Without its ending, the file that all files of a folder are compiled in: src/wings.mk."""
    return "build/wings/" + "_".join(path.split("/")[1:-1])


def without_plain_objects(tree, sources):
    """What to look at: the sources, but a wing as one if it was compiled since, and not at all if nothing
    in its object file runs by itself."""
    headers = max((changed_at(tree, path) for path in sources if path.endswith(".hpp")), default=0)
    units = [path for path in sources if path.endswith(".cpp")]
    wings = {wing_of(path) for path in units}
    fresh = {wing for wing in wings
             if changed_at(tree, wing + ".o") > max([headers] + [changed_at(tree, unit) for unit in units
                                                                 if wing_of(unit) == wing])}
    apart = [unit for unit in units if wing_of(unit) not in fresh]
    if not fresh or shutil.which("nm") is None:
        return units
    status, symbols = run(["nm", "-A", *sorted(wing + ".o" for wing in fresh)], tree.root)
    suspects = {match.group(1)[:-len(".o")] for match in RUNS_BY_ITSELF.finditer(symbols)}
    return apart + [wing + ".cpp" for wing in sorted(fresh) if status != 0 or wing in suspects]


def global_objects(tree):
    """The library is preloaded: a constructor would run in the postmaster, a destructor in every
    exit() of every session. Clang tells ours from those of the libraries' headers; it is asked unless
    the object file shows already that there is neither: it takes a second a file."""
    need(CLANG)
    command = [CLANG, *GLOBALS_FLAGS, "-Isrc", *server_headers(tree)]
    paths = without_plain_objects(tree, [source.path for source in tree.sources("src")])
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda path: run([*command, path], tree.root), paths)
    return [output.strip() for status, output in results if status != 0]


def formatting(tree):
    """One call for many files: most of what a file takes is the start of the program."""
    need(FORMATTER)
    paths = [source.path for folder in ("src", "test/unit", "test/fuzz", "test/sdk")
             for source in tree.sources(folder)]
    calls = os.cpu_count() or 1
    parts = [part for part in (paths[first::calls] for first in range(calls)) if part]
    with concurrent.futures.ThreadPoolExecutor(calls) as pool:
        results = list(pool.map(lambda part: run([FORMATTER, "--dry-run", "-Werror", *part], tree.root), parts))
    lines = [line for status, output in results if status != 0 for line in output.splitlines()]
    faults = [line for line in lines if "error:" in line]
    if any(status != 0 for status, _ in results) and not faults:
        return ["\n".join(lines) or f"{FORMATTER} failed"]
    files = sorted({line.split(":", 1)[0] for line in faults})
    return [f"{path}: {sum(line.startswith(path + ':') for line in faults)} lines (make format)" for path in files]
