"""text_checks.py - the checks that need nothing but the files. Each returns a list of findings."""

import hashlib
import json
import posixpath
import re

import pg_try

MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 400

# What each room may include. Standard C++ headers have neither slash nor dot in their names.
STANDARD = r"<[a-z_0-9]+>"
SYSTEM = r"<(sys/)?[a-z_0-9]+\.h>"
ROOMS = {
    "src/core/": (r'"core/[^"]+"', STANDARD, r"<nlohmann/[^>]+>", r"<openssl/[^>]+>", r"<arpa/inet\.h>",
                  r"<unicode/[^>]+>", r"<phonenumbers/[^>]+>"),
    "src/net/": (r'"(core|net)/[^"]+"', STANDARD, SYSTEM, r"<curl/[^>]+>", r"<openssl/[^>]+>"),
    "src/pg/": (r'"(?!module)[^"]+"', r"<[^>]+>"),
    "src/": (r'"(core|net|pg)/[^"]+"', STANDARD),
}

# The wings of two rooms, each with those that it may include beside itself.
WINGS = {
    "core": {
        "text": "",
        "ids": "text",
        "event": "text",
        "identity": "text event",
        "answer": "text event",
        "dispatch": "text ids event answer",
        "checkup": "text ids event identity answer dispatch",
    },
    "pg": {
        "base": "",
        "shared": "base",
        "catalog": "base shared",
        "queue": "base shared catalog",
        "watch": "base shared catalog queue",
        "row": "base shared catalog queue watch",
        "shipper": "base shared catalog queue watch row",
        "functions": "base shared catalog queue watch",
    },
}
WINGS_WITH_NETWORK = ("src/pg/shipper/", "src/pg/functions/")

FORBIDDEN = {
    r"\bcurl_easy_perform\s*\(": "curl_easy_perform blocks; the multi interface does not",
    r"\bstd\s*::\s*(thread|jthread|async)\b": "no threads in a backend",
    r"(?<![.>\w])system\s*\(": "system() runs a shell",
    r"\bpopen\s*\(": "popen() runs a shell",
    r"\b(pg_server_to_any|pg_any_to_server|pg_do_encoding_conversion)\s*\(":
        "raises an error for a character without counterpart; pg/base/encoding.hpp does not",
    r"(?<!CopyTriggerDesc\(table)->\s*trigdesc\b":
        "is freed when news of the table is heard; pg/base/trigger_row.hpp has a copy",
}

ERROR_REPORT = re.compile(r"\bereport\s*\(\s*(ERROR|FATAL|PANIC)\b")
ERROR_CODE = re.compile(r"\berrcode(_for_\w+)?\s*\(")
SQL_SCRIPT = re.compile(r"crm_capi--([0-9.]+)(?:--([0-9.]+))?\.sql$")


def rooms(tree):
    findings = []
    for source in tree.sources("src"):
        room = max((room for room in ROOMS if source.path.startswith(room)), key=len)
        for offset, name in source.includes():
            if not any(re.fullmatch(allowed, name) for allowed in ROOMS[room]):
                findings.append(source.finding(offset, f"{room} must not include {name}"))
    return findings


def wings(tree):
    """Each file lies in a wing, and a wing includes only those below it."""
    findings = []
    for source in tree.sources("src"):
        _, room, *inner = source.path.split("/")
        if room not in WINGS:
            continue
        if len(inner) != 2 or inner[0] not in WINGS[room]:
            findings.append(f"{source.path}:1: lies in no wing of src/{room}")
            continue
        allowed = (inner[0], *WINGS[room][inner[0]].split())
        for offset, name in source.includes():
            into = re.match(rf'"{room}/([^/"]+)/', name)
            if into and into.group(1) not in allowed:
                findings.append(source.finding(offset, f"{room}/{inner[0]} must not include {name}"))
            if room == "pg" and name.startswith('"net/') and not source.path.startswith(WINGS_WITH_NETWORK):
                findings.append(source.finding(offset, f"pg/{inner[0]} must not include {name}"))
    return findings


def pg_try_bodies(tree):
    return [source.finding(offset, f"'{word}' leaves the body of a PG_TRY")
            for source in tree.sources("src") for offset, word in pg_try.escapes(source)]


def forbidden_calls(tree):
    return [source.finding(match.start(), why)
            for source in tree.sources("src") for pattern, why in FORBIDDEN.items()
            for match in re.finditer(pattern, source.code)]


def error_codes(tree):
    return [source.finding(match.start(), f"ereport({match.group(1)}) without errcode")
            for source in tree.sources("src") for match in ERROR_REPORT.finditer(source.code)
            if not ERROR_CODE.search(source.arguments(match.start()))]


def function_length(tree):
    """A function that only defines settings is a table, and may be as long as the table."""
    findings = []
    for source in tree.sources("src"):
        for start, end in source.functions():
            lines = source.line(end) - source.line(start) + 1
            if lines > MAX_FUNCTION_LINES and "DefineCustom" not in source.code[start:end]:
                findings.append(source.finding(
                    start, f"a function of {lines} lines; at most {MAX_FUNCTION_LINES}"))
    return findings


def file_length(tree):
    findings = []
    for source in tree.sources("src"):
        lines = len(source.text.splitlines())
        if lines > MAX_FILE_LINES:
            findings.append(f"{source.path}:{lines}: a file of {lines} lines; at most {MAX_FILE_LINES}")
    return findings


def open_notes(tree):
    return [f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()} left open"
            for path, text in tree.texts() for match in re.finditer(r"\b(TODO|FIXME|XXX)\b", text)]


def sql_names(tree):
    """pg_regress looks for scripts in sql/ before test/sql: a sql/foo.sql would replace a test."""
    return [f"sql/{name}: names in sql/ are crm_capi--VERSION.sql or crm_capi--OLD--NEW.sql"
            for name in tree.names("sql") if not SQL_SCRIPT.match(name)]


def test_numbers(tree):
    """A number stands for one file of test/t; and the order of the files names no other."""
    names = [name for name in tree.names("test/t") if name.endswith(".pl")]
    numbers = [name[:3] for name in names]
    ordered = re.findall(r"\bt/(\w+\.pl)", tree.read("test/t/testrules.yml") or "")
    return ([f"test/t/{name}: its number is not three digits of its own" for name in names
             if not re.match(r"\d{3}_", name) or numbers.count(name[:3]) > 1]
            + [f"test/t/testrules.yml: there is no {name}" for name in ordered if name not in names])


def reason_codes(tree):
    """Each reason code has its section in the runbook, with cause and remedy, and no other has."""
    codes = re.findall(r"\{Reason::k\w+, \"(\w+)\"", tree.read("src/core/event/reason.cpp") or "")
    sections = re.findall(r"^### `(\w+)`$", tree.read("docs/operations.md") or "", re.MULTILINE)
    return ([f"docs/operations.md: no section about {code}" for code in codes if code not in sections]
            + [f"docs/operations.md: there is no reason code {code}"
               for code in sections if code not in codes])


def check_names(tree):
    """Each check of the doctor has its section in the manual, and pages name no others."""
    names = re.findall(r"\{Check::k\w+, \"(\w+)\"", tree.read("src/core/checkup/checkup.cpp") or "")
    sections = re.findall(r"^### `(\w+)`$", tree.read("docs/doctor.md") or "", re.MULTILINE)
    findings = ([f"docs/doctor.md: no section about {name}" for name in names if name not in sections]
                + [f"docs/doctor.md: there is no check {name}" for name in sections if name not in names])
    for page in pages(tree):
        findings += [f"{page}: there is no check {name}"
                     for name in re.findall(r"`capi_check\(\)`, `(\w+)`", tree.read(page) or "")
                     if name not in names]
    return findings


TABLE = re.compile(r"^CREATE TABLE (\w+) \((.*?)^\)(?: USING heap)?;", re.MULTILINE | re.DOTALL)
COLUMN = re.compile(r"^ +([a-z_0-9]+) +[a-z]", re.MULTILINE)
COLUMN_NUMBERS = re.compile(r"namespace (\w+)_column \{\s*enum \{([^}]*)\}")


def table_columns(tree):
    """Rows are read and written by the numbers of their columns: these are those of the tables."""
    path = "src/pg/catalog/relations.hpp"
    tables = {name: COLUMN.findall(columns) for script in tree.names("sql")
              for name, columns in TABLE.findall(tree.read(f"sql/{script}"))}
    findings = []
    for name, enumerators in COLUMN_NUMBERS.findall(tree.read(path) or ""):
        numbered = re.sub(r"\s", "", enumerators).split(",")
        names = [re.sub(r"(?=[A-Z])", "_", word)[2:].lower() for word in numbered]
        expected = [*tables.get(f"capi_{name}", []), "end"]
        expected[0] += "=1"
        if names != expected:
            findings.append(f"{path}: {name}_column has {', '.join(names)}, "
                            f"the table {', '.join(expected)}")
    return findings


COMMENTED_WINGS = ("src/core/text", "src/core/ids", "src/core/event", "src/core/identity", "src/core/answer",
                   "src/core/dispatch", "src/core/checkup", "src/net", "src/pg/base", "src/pg/shared",
                   "src/pg/catalog", "src/pg/queue", "src/pg/watch", "src/pg/row", "src/pg/shipper",
                   "src/pg/functions")
FUNCTION_NAME = re.compile(r"(~?\w+)\s*\(")
DECLARATION = re.compile(r"^[ \t]*(?!return|if|for|while)[\w:<>*&\[\], ]*?[ *&\n]" + FUNCTION_NAME.pattern,
                         re.MULTILINE)


def has_lead_comment(source, offset):
    """Whether a comment stands above the line of the offset, or above the declarations that it follows."""
    for line in reversed(source.text[:offset].split("\n")[:-1]):
        if re.match(r"\s*(//|/\*|\*)|.*\*/\s*$", line):
            return True
        if not re.match(r"\s*[^\s{}].*[;,]\s*$", line):
            return False
    return False


def commented_declarations(header):
    """Names of the functions that a header declares or defines below a comment."""
    return {match.group(1) for match in DECLARATION.finditer(header.code)
            if has_lead_comment(header, match.start(1))}


def lead_comments(tree):
    """Nine of ten functions of a wing say what they promise, where they are defined or declared. What SQL calls
    is excepted: the install script has a comment on each."""
    findings = []
    for wing in COMMENTED_WINGS:
        sources = tree.sources(wing)
        declared = set().union(*(commented_declarations(source) for source in sources
                                 if source.path.endswith(".hpp")))
        functions = [(source, start, FUNCTION_NAME.search(source.code, start).group(1))
                     for source in sources for start, _ in source.functions()
                     if "PG_FUNCTION_ARGS" not in source.code[start:source.code.index(")", start)]]
        bare = [source.finding(start, f"{name}() has no lead comment")
                for source, start, name in functions
                if name not in declared and not has_lead_comment(source, start)]
        if len(bare) * 10 > len(functions):
            findings += [f"{wing}: {len(bare)} of {len(functions)} functions have no lead comment", *bare]
    return findings


# What begins a line of a header that declares a function.
SHARED_FUNCTION = re.compile(r"^(?!return|using|static_assert)\w[\w:<>*&\[\], ]*?[ *&]" + FUNCTION_NAME.pattern, re.MULTILINE)


def private_functions(source):
    """(name, offset) of the functions, not of classes, that only this file knows."""
    parts = list(source.private_parts())
    for start, _ in source.functions():
        at_line_start = source.code[source.code.rfind("\n", 0, start) + 1:start] == ""
        name = FUNCTION_NAME.search(source.code, start).group(1)
        if at_line_start and name != "alignas" and any(first < start < last for first, last in parts):
            yield name, start


def private_names(tree):
    """The files of a folder are compiled as one (src/wings.mk), and share one unnamed namespace: a private
    function that has the name of another file's, or of one that a header declares, may silently be called
    in its place."""
    sources = tree.sources("src")
    shared = {match.group(1): header.path for header in sources if header.path.endswith(".hpp")
              for match in SHARED_FUNCTION.finditer(header.code)}
    findings = []
    owners = {}
    for source in sources:
        for name, offset in private_functions(source):
            owner = owners.setdefault((source.path.rsplit("/", 1)[0], name), source.path)
            other = owner if owner != source.path else shared.get(name)
            if other is not None:
                findings.append(source.finding(offset, f"{name}() is also the name of one in {other}"))
    return findings


def version_key(version):
    numbers = [int(number) for number in version.split(".") if number]
    while numbers and numbers[-1] == 0:  # META.json wants 1.0.0 where the control file says 1.0
        numbers.pop()
    return numbers


# Where else the version stands, and how it is found there.
STATED_VERSIONS = {
    "debian/changelog": r"^crm-capi \(([0-9.]+)\)",
    "CHANGELOG.md": r"^## ([0-9.]+)",
    "src/net/curl_transfer_setup.cpp": r'"crm_capi/([0-9.]+)"',
    "src/module.cpp": r'\.version = "([0-9.]+)"',
}


def stated_versions(tree):
    """(place, version) of each file that is there and must name the version."""
    if tree.read("META.json") is not None:
        meta = json.loads(tree.read("META.json"))
        yield "META.json: version", meta.get("version", "")
        for name, provided in meta.get("provides", {}).items():
            yield f"META.json: provides.{name}.version", provided.get("version", "")
    for path, pattern in STATED_VERSIONS.items():
        if tree.read(path) is not None:
            found = re.search(pattern, tree.read(path), re.MULTILINE)
            yield path, found.group(1) if found else ""


def versions(tree):
    control = tree.read("crm_capi.control")
    default = re.search(r"^default_version\s*=\s*'([^']+)'", control or "", re.MULTILINE)
    if not default:
        return ["crm_capi.control: no default_version"]
    default = default.group(1)
    scripts = [match for match in map(SQL_SCRIPT.match, tree.names("sql")) if match]
    newest = max((match.group(2) or match.group(1) for match in scripts), key=version_key, default="")
    findings = []
    if version_key(newest) != version_key(default):
        findings.append(f"crm_capi.control: default_version is {default}, the newest script makes "
                        f"{newest or 'nothing'}")
    return findings + [f"{place} is {version or 'missing'}, default_version is {default}"
                       for place, version in stated_versions(tree)
                       if version_key(version) != version_key(default)]


RELEASED_VERSION = re.compile(r"^## ([0-9.]+) \((?!not released yet\))", re.MULTILINE)


def released_scripts(tree):
    """A script that was released is never changed: databases have been made by it. Its fingerprint is kept."""
    kept = dict(reversed(line.split()) for line in (tree.read("test/released.sha256") or "").splitlines()
                if line and not line.startswith("#"))
    findings = []
    for version in RELEASED_VERSION.findall(tree.read("CHANGELOG.md") or ""):
        for name in tree.names("sql"):
            script = SQL_SCRIPT.match(name)
            if script and version_key(script.group(2) or script.group(1)) == version_key(version):
                if f"sql/{name}" not in kept:
                    findings.append(f"test/released.sha256: sql/{name} is released and has no fingerprint")
    for path, fingerprint in kept.items():
        text = tree.read(path)
        if text is None or hashlib.sha256(text.encode()).hexdigest() != fingerprint:
            findings.append(f"{path}: released, and not what was released")
    return findings


# PGXN's META.json, version 1.0.0 of its specification: what must be there, and of which type.
META_MEMBERS = {"name": str, "abstract": str, "version": str, "maintainer": (str, list), "license": (str, list, dict),
                "provides": dict, "meta-spec": dict}
META_VERSION = r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"


def meta(tree):
    text = tree.read("META.json")
    if text is None:
        return []
    stated = json.loads(text)
    findings = [f"META.json: {name} is missing or of another type" for name, kind in META_MEMBERS.items()
                if not isinstance(stated.get(name), kind)]
    for name, provided in stated.get("provides", {}).items():
        if not re.fullmatch(META_VERSION, provided.get("version", "")):
            findings.append(f"META.json: provides.{name}.version is no version of three numbers")
        findings += [f"META.json: provides.{name}.{member} names no file of ours"
                     for member in ("file", "docfile")
                     if (member == "file" or member in provided) and tree.read(provided.get(member, "")) is None]
    return findings


LINK = re.compile(r"\]\(([^)\s]+)\)")


def pages(tree):
    return ["README.md", "CHANGELOG.md", "CONTRIBUTING.md",
            *(path for path in tree.paths("docs") if path.endswith(".md"))]


def anchors(markdown):
    """The anchors of a page's headings, as the usual viewers make them."""
    headings = re.findall(r"^#+ +(.*?)\s*$", re.sub(r"^```.*?^```", "", markdown, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(tree):
    """Each relative link of a page leads to a file, and to a heading if it names one."""
    findings = []
    for page in pages(tree):
        text = tree.read(page)
        for match in LINK.finditer(text or ""):
            target, _, anchor = match.group(1).partition("#")
            if re.match(r"\w+:", target):
                continue
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target)) if target else page
            linked = tree.read(path)
            if linked is None or anchor and anchor not in anchors(linked):
                line = text.count("\n", 0, match.start()) + 1
                findings.append(f"{page}:{line}: {match.group(1)} leads nowhere")
    return findings


NAMED_FILE = re.compile(r"`((?:src|sql|test|expected|docs|debian|image)/[^`\s*]*)`")


def named_files(tree):
    """Each file or folder of ours that a page names is there, by that name."""
    findings = []
    for page in pages(tree):
        text = tree.read(page) or ""
        for match in NAMED_FILE.finditer(text):
            if not tree.has(match.group(1)):
                line = text.count("\n", 0, match.start()) + 1
                findings.append(f"{page}:{line}: there is no {match.group(1)}")
    return findings
