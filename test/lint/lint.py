"""lint.py - runs every check: first on samples that it must catch, then on the tree.

    python3 test/lint/lint.py ROOT [CHECK...]

Prints "ok - NAME" or "not ok - NAME" with the findings; ends with status 1 if anything is not ok.
"""

import os
import sys
import tempfile

import samples
import text_checks
import tool_checks
from cpp_text import Source

CHECKS = {
    "rooms": (text_checks.rooms, samples.ROOMS),
    "wings": (text_checks.wings, samples.WINGS),
    "private-names": (text_checks.private_names, samples.PRIVATE_NAMES),
    "pg-try": (text_checks.pg_try_bodies, samples.PG_TRY_BODIES),
    "global-objects": (tool_checks.global_objects, samples.GLOBAL_OBJECTS),
    "forbidden-calls": (text_checks.forbidden_calls, samples.FORBIDDEN_CALLS),
    "error-codes": (text_checks.error_codes, samples.ERROR_CODES),
    "function-length": (text_checks.function_length, samples.FUNCTION_LENGTH),
    "file-length": (text_checks.file_length, samples.FILE_LENGTH),
    "open-notes": (text_checks.open_notes, samples.OPEN_NOTES),
    "sql-names": (text_checks.sql_names, samples.SQL_NAMES),
    "test-numbers": (text_checks.test_numbers, samples.TEST_NUMBERS),
    "reason-codes": (text_checks.reason_codes, samples.REASON_CODES),
    "check-names": (text_checks.check_names, samples.CHECK_NAMES),
    "table-columns": (text_checks.table_columns, samples.TABLE_COLUMNS),
    "lead-comments": (text_checks.lead_comments, samples.LEAD_COMMENTS),
    "versions": (text_checks.versions, samples.VERSIONS),
    "released-scripts": (text_checks.released_scripts, samples.RELEASED_SCRIPTS),
    "meta": (text_checks.meta, samples.META_FILES),
    "links": (text_checks.links, samples.LINKS),
    "named-files": (text_checks.named_files, samples.NAMED_FILES),
    "formatting": (tool_checks.formatting, samples.FORMATTING),
}

# The notes check reads these folders; test/lint itself spells the forbidden words.
NOTED_FOLDERS = ("src", "sql", "test/sql", "test/t", "test/isolation", "test/unit", "test/fuzz",
                 "test/endpoint", "test/sdk", "test/bench", "test/demo")


class Tree:
    """The files of a project under one root. Paths are relative to it, with slashes."""

    def __init__(self, root):
        self.root = root

    def paths(self, folder):
        for parent, folders, names in os.walk(os.path.join(self.root, folder)):
            folders[:] = sorted(name for name in folders if name not in ("build", "__pycache__"))
            for name in sorted(names):
                yield os.path.relpath(os.path.join(parent, name), self.root)

    def read(self, path):
        """The text of a file, None if there is none by that name."""
        try:
            with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
                return file.read()
        except (FileNotFoundError, IsADirectoryError):
            return None

    def has(self, path):
        """Whether there is a file or folder by that name."""
        return os.path.exists(os.path.join(self.root, path))

    def names(self, folder):
        return sorted(os.path.relpath(path, folder) for path in self.paths(folder))

    def sources(self, folder):
        return [Source(path, self.read(path)) for path in self.paths(folder)
                if path.endswith((".cpp", ".hpp"))]

    def texts(self):
        for folder in NOTED_FOLDERS:
            for path in self.paths(folder):
                if path.endswith((".cpp", ".hpp", ".sql", ".pl", ".pm", ".py", ".spec", ".sh")):
                    yield path, self.read(path)


def try_sample(check, files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return check(Tree(root))


def try_samples(check, its_samples):
    """What the check said about its samples and should not have, or did not say and should have."""
    wrong = []
    for expected, files in its_samples:
        findings = try_sample(check, files)
        if len(findings) != expected:
            wrong.append(f"{expected} findings expected, {len(findings)} made: {findings} in {files}")
    return wrong


def tell(name, make_findings):
    """Prints the result of one test; true if it is well."""
    try:
        findings = make_findings()
    except tool_checks.Skipped as skipped:
        print(f"skipped - {name}: {skipped}")
        return True
    print(f"{'not ok' if findings else 'ok'} - {name}")
    for finding in findings:
        print("    " + finding.replace("\n", "\n    "))
    sys.stdout.flush()
    return not findings


def main(root, names):
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        sys.exit(f"There is no check named {unknown[0]}. There are: {', '.join(CHECKS)}.")
    well = True
    for name in names or CHECKS:
        check, its_samples = CHECKS[name]
        well &= tell(f"{name}: samples", lambda: try_samples(check, its_samples))
        well &= tell(name, lambda: check(Tree(root)))
    return 0 if well else 1


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("Usage: lint.py ROOT [CHECK...]")
    sys.exit(main(sys.argv[1], sys.argv[2:]))
