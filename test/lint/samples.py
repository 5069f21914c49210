"""samples.py - for each check, small trees that it must object to, and some that it must not.

A check that finds nothing may have stopped looking; these show that it still does. A sample is a
dictionary of files; the number is how many findings it must give.
"""

CONTROL = "default_version = '1.1'\n"
TABLE_OF_SETTINGS = "void define()\n{\n" + "    DefineCustomIntVariable(1);\n" * 70 + "}\n"
LONG_BODY = "    work();\n" * 60

ROOMS = [
    (1, {"src/core/a.cpp": '#include "net/transport.hpp"\n'}),
    (1, {"src/core/a.hpp": "#include <curl/curl.h>\n"}),
    (1, {"src/core/a.cpp": "#include <unistd.h>\n"}),
    (1, {"src/core/a.cpp": '#include "a.hpp"\n'}),
    (1, {"src/net/a.cpp": '  #  include "postgres.h"\n'}),
    (1, {"src/net/a.cpp": '#include "pg/base/pg_prelude.hpp"\n'}),
    (1, {"src/pg/a.cpp": '#include "module.hpp"\n'}),
    (1, {"src/module.cpp": '#include "postgres.h"\n'}),
    (0, {"src/core/a.cpp": '#include "core/a.hpp"\n#include <string>\n#include <nlohmann/json.hpp>\n'
                           '#include <openssl/evp.h>\n// #include "postgres.h"\n',
         "src/net/a.cpp": '#include "core/a.hpp"\n#include <curl/curl.h>\n#include <sys/epoll.h>\n',
         "src/pg/a.hpp": 'extern "C" {\n#include "postgres.h"\n}\n#include "net/transport.hpp"\n',
         "src/module.cpp": '#include "pg/shipper/launcher.hpp"\n'}),
]

def includes(path, *headers):
    return {path: "".join(f'#include "{header}"\n' for header in headers)}


# For each wing an arrow that must not be: up to the next one, to a neighbour, or to the network.
WINGS = [
    (1, includes("src/core/text/a.cpp", "core/event/event.hpp")),
    (1, includes("src/core/ids/a.cpp", "core/event/event.hpp")),
    (1, includes("src/core/event/a.cpp", "core/identity/identities.hpp")),
    (1, includes("src/core/identity/a.cpp", "core/answer/reply.hpp")),
    (1, includes("src/core/answer/a.cpp", "core/dispatch/notice.hpp")),
    (1, includes("src/core/dispatch/a.cpp", "core/identity/countries.hpp")),
    (1, includes("src/core/checkup.cpp", "core/event/event.hpp")),
    (1, includes("src/pg/base/a.cpp", "pg/shared/wakeup.hpp")),
    (1, includes("src/pg/shared/a.cpp", "pg/catalog/dataset.hpp")),
    (1, includes("src/pg/catalog/a.cpp", "pg/queue/event_log.hpp")),
    (1, includes("src/pg/queue/a.cpp", "pg/watch/watch_cache.hpp")),
    (1, includes("src/pg/watch/a.cpp", "pg/row/row_event.hpp")),
    (1, includes("src/pg/row/a.cpp", "pg/shipper/turn.hpp")),
    (1, includes("src/pg/row/a.cpp", "net/transport.hpp")),
    (1, includes("src/pg/shipper/a.cpp", "pg/functions/unsendable.hpp")),
    (1, includes("src/pg/functions/a.cpp", "pg/shipper/ledger.hpp")),
    (1, includes("src/pg/functions/a.cpp", "pg/row/row_event.hpp")),
    (1, includes("src/pg/other/a.cpp")),
    (0, includes("src/core/checkup/a.cpp", "core/text/utf8.hpp", "core/dispatch/notice.hpp")),
    (0, includes("src/core/identity/a.cpp", "core/text/utf8.hpp", "core/event/event.hpp")),
    (0, includes("src/pg/functions/a.cpp", "pg/watch/watch_cache.hpp", "net/transport.hpp", "core/event/event.hpp")),
    (0, includes("src/pg/shipper/a.cpp", "pg/row/row_event.hpp", "pg/base/guard.hpp", "net/transport.hpp")),
]

PG_TRY_BODIES = [
    (1, {"src/pg/a.cpp": "int f() { PG_TRY(); { return 1; } PG_CATCH(); { } PG_END_TRY(); }\n"}),
    (1, {"src/pg/a.cpp": "void f() { PG_TRY(); { if (x) throw 1; } PG_FINALLY(); { } PG_END_TRY(); }\n"}),
    (1, {"src/pg/a.cpp": "void f() { for (;;) { PG_TRY(); { if (x) { g(); } else break; } PG_CATCH();"
                         " { } PG_END_TRY(); } }\n"}),
    (1, {"src/pg/a.cpp": "void f() { while (a) { PG_TRY(); { continue; } PG_END_TRY(); } }\n"}),
    (1, {"src/pg/a.cpp": "void f() { PG_TRY(); { goto out; } PG_END_TRY(); out: ; }\n"}),
    (1, {"src/pg/a.cpp": "void f() { PG_TRY(); { auto g = [&](int a) { throw a; }; g(1); } PG_END_TRY(); }\n"}),
    (1, {"src/pg/a.cpp": "void f() { PG_TRY(); { x = y ? throw 1 : 2; } PG_END_TRY(); }\n"}),
    (1, {"src/pg/a.cpp": "void f() { PG_TRY(); { switch (a) { case 1: break; } return; } PG_END_TRY(); }\n"}),
    (1, {"src/pg/a.cpp": "void f() { PG_TRY(); { PG_TRY(); { a(); } PG_CATCH(); { return; } PG_END_TRY();"
                         " } PG_END_TRY(); }\n"}),
    (1, {"src/pg/a.cpp": "void f() { PG_TRY(); { a[i] = b{1}; for (;;) if (c) return; } PG_END_TRY(); }\n"}),
    (0, {"src/pg/a.cpp": """int f() {
    PG_TRY();
    {
        for (int i = 0; i < 3; ++i) { if (i == 1) continue; break; }
        while (a) if (b) break; else continue;
        do { break; } while (c);
        switch (d) { case kOne: g(); break; default: break; }
        auto h = [](int x) -> int { return x; };
        const char* word = "return"; /* throw */ // goto
    }
    PG_CATCH();
    {
        return 1;
    }
    PG_END_TRY();
    return 2;
}
"""}),
]

FORBIDDEN_CALLS = [
    (1, {"src/net/a.cpp": "int f(CURL* c) { return curl_easy_perform(c); }\n"}),
    (1, {"src/net/a.cpp": "std::thread t;\n"}),
    (1, {"src/core/a.cpp": "auto f = std::async(g);\n"}),
    (2, {"src/pg/a.cpp": 'void f() { system("ls"); ::popen("ls", "r"); }\n'}),
    (1, {"src/pg/a.cpp": "auto f(char* t) { return pg_server_to_any(t, 1, PG_UTF8); }\n"}),
    (1, {"src/pg/a.cpp": "const TriggerDesc* a = table->trigdesc;\n"}),
    (0, {"src/pg/a.cpp": "const TriggerDesc* a = CopyTriggerDesc(table->trigdesc);\n"}),
    (0, {"src/pg/a.cpp": "// system(x)\nvoid f() { filesystem(1); check.system(2); }\n"}),
]

ERROR_CODES = [
    (1, {"src/pg/a.cpp": 'void f() { ereport(ERROR, errmsg("could not (or would not)")); }\n'}),
    (1, {"src/pg/a.cpp": 'void f() { ereport(FATAL,\n        (errmsg("x"), errhint("errcode(1)"))); }\n'}),
    (0, {"src/pg/a.cpp": 'void f() { ereport(ERROR, (errcode(ERRCODE_X), errmsg("x")));\n'
                         'ereport(ERROR, (errcode_for_file_access(), errmsg("x")));\n'
                         'ereport(LOG, (errmsg("x"))); }\n'}),
]

FUNCTION_LENGTH = [
    (1, {"src/core/a.cpp": "namespace a {\nint f(int x) {\n" + LONG_BODY + "}\n}\n"}),
    (1, {"src/core/a.hpp": "class A {\n  public:\n    A() : a_{1}, b_(2) {\n" + LONG_BODY + "}\n};\n"}),
    (1, {"src/pg/a.cpp": 'extern "C" {\nDatum\nf(PG_FUNCTION_ARGS)\n{\n' + LONG_BODY + "}\n}\n"}),
    (0, {"src/pg/a.cpp": TABLE_OF_SETTINGS,
         "src/core/a.cpp": "const int kTable[] = {\n" + "    1,\n" * 90 + "};\nint f() {\n    return 1;\n}\n"
                           "struct B {\n" + "    int f() { return 1; }\n" * 90 + "};\n"}),
]

FILE_LENGTH = [
    (1, {"src/core/a.cpp": "int a;\n" * 401}),
    (0, {"src/core/a.cpp": "int a;\n" * 400}),
]

OPEN_NOTES = [
    (1, {"src/core/a.cpp": "// TODO: more\n"}),
    (1, {"sql/crm_capi--1.0.sql": "-- FIXME\n"}),
    (0, {"src/core/a.cpp": "int TODOLIST;\n"}),
]

TEST_NUMBERS = [
    (0, {"test/t/001_a.pl": "", "test/t/002_b.pl": "", "test/t/Helper.pm": "",
         "test/t/testrules.yml": "seq:\n  - t/002_b.pl\n"}),
    (2, {"test/t/001_a.pl": "", "test/t/001_b.pl": "", "test/t/002_c.pl": ""}),
    (1, {"test/t/a.pl": ""}),
    (1, {"test/t/001_a.pl": "", "test/t/testrules.yml": "seq:\n  - t/002_a.pl\n"}),
]

SQL_NAMES = [
    (1, {"sql/crm_capi.sql": "\n"}),
    (1, {"sql/basics.sql": "\n", "sql/crm_capi--1.0.sql": "\n"}),
    (0, {"sql/crm_capi--1.0.sql": "\n", "sql/crm_capi--1.0--1.1.sql": "\n"}),
]

REASON_CODES = [
    (1, {"src/core/event/reason.cpp": '{Reason::kNone, "", ""},\n{Reason::kRefused, "refused",\n',
         "docs/operations.md": "### Other\n"}),
    (1, {"src/core/event/reason.cpp": "", "docs/operations.md": "### `refused`\n"}),
    (0, {"src/core/event/reason.cpp": '{Reason::kNone, "", ""},\n{Reason::kRefused, "refused",\n',
         "docs/operations.md": "### Other\n### `refused`\n"}),
]

CHECK_NAMES = [
    (1, {"src/core/checkup/checkup.cpp": '{Check::kClock, "clock",\n', "docs/doctor.md": "### Other\n"}),
    (1, {"src/core/checkup/checkup.cpp": "", "docs/doctor.md": "### `clock`\n"}),
    (1, {"src/core/checkup/checkup.cpp": '{Check::kClock, "clock",\n', "docs/doctor.md": "### `clock`\n",
         "docs/a.md": "| the time | `capi_check()`, `watch` |\n"}),
    (0, {"src/core/checkup/checkup.cpp": '{Check::kClock, "clock",\n', "docs/doctor.md": "### Other\n### `clock`\n",
         "docs/a.md": "| the time | `capi_check()`, `clock` |\n| the rest | `capi_check()`; `watch` |\n"}),
]

A_TABLE = "CREATE TABLE capi_a (\n    only_row bigint NOT NULL PRIMARY KEY,\n    b2_at text,\n    PRIMARY KEY (b)\n);\n"
TABLE_COLUMNS = [
    (1, {"src/pg/catalog/relations.hpp": "namespace a_column {\nenum { kOnlyRow = 1, kEnd };\n}\n",
         "sql/crm_capi--1.0.sql": A_TABLE}),
    (1, {"src/pg/catalog/relations.hpp": "namespace a_column {\nenum { kOnlyRow, kB2At, kEnd };\n}\n",
         "sql/crm_capi--1.0.sql": A_TABLE}),
    (1, {"src/pg/catalog/relations.hpp": "namespace b_column {\nenum { kOnlyRow = 1, kB2At, kEnd };\n}\n",
         "sql/crm_capi--1.0.sql": A_TABLE}),
    (0, {"src/pg/catalog/relations.hpp": "namespace a_column {\nenum {\n    kOnlyRow = 1,\n    kB2At,\n    kEnd\n};\n}\n",
         "sql/crm_capi--1.0.sql": A_TABLE}),
]

COMMENTED = "/* Does it. */\nint f(int a)\n{\n    return a;\n}\n\n"
BARE = "int\ng(int a)\n{\n    return a;\n}\n\n"
LEAD_COMMENTS = [
    (2, {"src/pg/base/a.cpp": COMMENTED + BARE}),
    (2, {"src/net/a.cpp": "void A::G() { f(); }\n", "src/net/a.hpp": "// A class.\nclass A {\n\n    void G();\n};\n"}),
    (0, {"src/pg/base/a.cpp": COMMENTED * 9 + BARE}),
    (0, {"src/pg/base/a.cpp": BARE, "src/pg/base/a.hpp": "/* Both do it. */\nint f();\nint g(int a);\n"}),
    (0, {"src/net/a.cpp": "void A::G() { f(); }\n", "src/net/a.hpp": "class A {\n    // Does it.\n    void G();\n};\n"}),
    (0, {"src/pg/base/a.cpp": 'extern "C" Datum\ncapi_a(PG_FUNCTION_ARGS)\n{\n}\n'}),
    (0, {"src/pg/other/a.cpp": BARE}),
]

HIDDEN_NAME = "namespace {\n\nvoid\npin()\n{\n}\n\n}\n"
PRIVATE_NAMES = [
    (1, {"src/pg/row/a.cpp": HIDDEN_NAME, "src/pg/row/b.cpp": HIDDEN_NAME.replace("()", "(int a)")}),
    (1, {"src/pg/row/a.cpp": HIDDEN_NAME, "src/pg/base/b.hpp": "bool pin(int a);\n"}),
    (1, {"src/pg/row/a.cpp": HIDDEN_NAME, "src/pg/base/b.hpp": "inline const char* pin(int a) {\n}\n"}),
    (0, {"src/pg/row/a.cpp": HIDDEN_NAME + HIDDEN_NAME, "src/pg/base/a.cpp": HIDDEN_NAME}),
    (0, {"src/pg/row/a.cpp": HIDDEN_NAME, "src/pg/row/b.cpp": "void\nf()\n{\n    pin(1);\n}\n"}),
    (0, {"src/pg/row/a.cpp": HIDDEN_NAME, "src/pg/base/b.hpp": "struct A {\n    void pin();\n};\n/* pin() */\n"}),
]

VERSIONS = [
    (1, {"sql/crm_capi--1.1.sql": "\n"}),
    (1, {"crm_capi.control": CONTROL, "sql/crm_capi--1.0.sql": "\n"}),
    (1, {"crm_capi.control": CONTROL, "sql/crm_capi--1.1.sql": "\n", "sql/crm_capi--1.1--1.10.sql": "\n"}),
    (2, {"crm_capi.control": CONTROL, "sql/crm_capi--1.1.sql": "\n",
         "META.json": '{"version": "1.0.0", "provides": {"crm_capi": {"version": "1.2.0"}}}'}),
    (0, {"crm_capi.control": CONTROL, "sql/crm_capi--1.0.sql": "\n", "sql/crm_capi--1.0--1.1.sql": "\n",
         "META.json": '{"version": "1.1.0", "provides": {"crm_capi": {"version": "1.1.0"}}}'}),
]

VERSIONS += [
    (1, {"crm_capi.control": CONTROL, "sql/crm_capi--1.1.sql": "\n", path: text})
    for path, text in (("CHANGELOG.md", "# Changes\n\n## 1.0.0\n\n## 1.1.0\n"),
                       ("debian/changelog", "crm-capi (1.0.0) unstable; urgency=medium\n"),
                       ("src/net/curl_transfer_setup.cpp", 'kUserAgent = "crm_capi/1.2";\n'))]

META = ('{"name": "a", "abstract": "a", "version": "1.0.0", "maintainer": "a", "license": "postgresql", '
        '"meta-spec": {"version": "1.0.0"}, "provides": {"a": {"version": "%s", "file": "%s"}}}')
META_FILES = [
    (7, {"META.json": "{}"}),
    (1, {"META.json": META % ("1.0", "a.sql"), "a.sql": "\n"}),
    (1, {"META.json": META % ("1.0.0", "b.sql"), "a.sql": "\n"}),
    (0, {"META.json": META % ("1.0.0", "a.sql"), "a.sql": "\n"}),
]

RELEASED = "b4e0497804e46e0a0b0b8c31975b062152d551bac49c3c2e80932567b4085dcd  sql/crm_capi--1.0.sql\n"
RELEASED_SCRIPTS = [
    (1, {"CHANGELOG.md": "## 1.0.0 (2026-12-01)\n", "sql/crm_capi--1.0.sql": "SELECT 1;\n"}),
    (1, {"CHANGELOG.md": "## 1.0.0 (2026-12-01)\n", "sql/crm_capi--1.0.sql": "SELECT 2;\n",
         "test/released.sha256": RELEASED}),
    (1, {"CHANGELOG.md": "## 1.0.0 (2026-12-01)\n", "test/released.sha256": RELEASED}),
    (1, {"CHANGELOG.md": "## 1.1.0 (2027-02-01)\n## 1.0.0 (2026-12-01)\n", "sql/crm_capi--1.0.sql": "SELECT 1;\n",
         "sql/crm_capi--1.0--1.1.sql": "\n", "test/released.sha256": RELEASED}),
    (0, {"CHANGELOG.md": "## 1.1.0 (not released yet)\n## 1.0.0 (2026-12-01)\n", "sql/crm_capi--1.0.sql": "SELECT 1;\n",
         "sql/crm_capi--1.0--1.1.sql": "\n", "test/released.sha256": "# of a tag\n" + RELEASED}),
    (0, {"CHANGELOG.md": "## 1.0.0 (not released yet)\n", "sql/crm_capi--1.0.sql": "SELECT 1;\n"}),
]

NAMED_FILES = [
    (1, {"README.md": "see `src/a.cpp`\n", "src/b.cpp": "\n"}),
    (1, {"CONTRIBUTING.md": "see `test/t/`\n"}),
    (0, {"README.md": "see `src/`, `src/b.cpp`, `test/t/*.pl`, `/src/a.cpp`, `a.cpp`\n", "src/b.cpp": "\n"}),
]

LINKS = [
    (1, {"README.md": "[a](docs/a.md)\n"}),
    (1, {"docs/a.md": "[a](a.md#other)\n\n```\n# Other\n```\n"}),
    (1, {"README.md": "\n", "docs/a.md": "[a](README.md)\n"}),
    (0, {"README.md": "[a](docs/a.md#one-two) [b](#x) [c](https://example.com/d)\n# X\n",
         "docs/a.md": "## One, `two`\n[a](../README.md) [b](#one-two)\n"}),
]

GLOBAL_OBJECTS = [
    (1, {"src/core/a.cpp": '#include <string>\nstd::string name = "a";\n'}),
    (1, {"src/net/a.cpp": "#include <string>\nconst std::string& f() { static std::string s; return s; }\n"}),
    (0, {"src/core/a.cpp": '#include <string>\nconstexpr char kName[] = "a";\n'
                           "std::string f() { return kName; }\n"}),
]

STYLE = "BasedOnStyle: Google\nIndentWidth: 4\n"
FORMATTING = [
    (1, {".clang-format": STYLE, "src/core/a.cpp": "int f( ) {return 1;}\n"}),
    (1, {".clang-format": STYLE, "test/unit/a_test.cpp": "int  a;\n"}),
    (0, {".clang-format": STYLE, "src/core/a.cpp": "int f(int a) {\n    ++a;\n    return a;\n}\n"}),
]
