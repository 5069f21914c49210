"""views.py - P14: the views, the doctor and decisions of operators with a long history.

The history is written into the tables, not lived through: of 59 events in a row 50 are delivered, 3
parked and 6 cancelled, so that requests are full of gaps. A tenth of what is parked was refused by
Meta, in a request of its own; a third of what is cancelled had a request that failed.
"""

import time

import measure
from hindrance import database
from measure import Sample
from world import FIRST_LEAD

BLOCK = 590  # events whose 500 delivered ones went in one request
CHECKED = ("id", "dataset", "lead_id", "event_name", "event_time", "enqueued_at", "status", "attempts",
           "reason_code", "reason", "next_attempt_at", "deadline", "settled_at", "http_status",
           "fbtrace_id")

FILL = f"""
CREATE TEMP TABLE history AS
SELECT {{first}} + n AS id, n / {BLOCK} AS block, now() - (1 - n / {{count}}.0) * interval '6 days' AS at,
       CASE WHEN n % 59 < 50 THEN 'delivered' WHEN n % 59 < 53 THEN 'parked' ELSE 'cancelled' END AS became,
       n % 59 = 50 AND n / 59 % 10 < 3 AS refused, n % 59 IN (53, 54) AS failed
FROM generate_series(0, {{count}} - 1) n;
INSERT INTO capi_event_log (id, enqueued_at, event_time, lead_id, dataset, parked, event_name)
SELECT id, at, at, {FIRST_LEAD} + id / 3, {{dataset}}, became = 'parked' AND NOT refused,
       (ARRAY['raw', 'qualified', 'won'])[id % 3 + 1] FROM history ORDER BY id;
INSERT INTO capi_settlement (event, settled_at, dataset, error_code, status, reason_code)
SELECT id, at, {{dataset}}, CASE WHEN refused THEN 100 END, became,
       CASE WHEN became = 'cancelled' THEN 'cancelled' WHEN refused THEN 'refused'
            WHEN id % 2 = 0 THEN 'lead_id_length' ELSE 'stage_missing' END
FROM history WHERE became <> 'delivered' ORDER BY id;
INSERT INTO capi_request_log (id, started_at, finished_at, dataset, event_count, outcome, http_status,
                              events_received, reason_code, events)
SELECT nextval('capi_request_id'), r.at, r.at, {{dataset}}, r.count, r.outcome, r.http_status,
       CASE WHEN r.outcome = 'delivered' THEN r.count END, r.reason_code, r.ids
FROM (SELECT min(at) AS at, count(*) AS count, outcome, http_status, reason_code,
             range_agg(int8range(id, id, '[]') ORDER BY id) AS ids
      FROM history, LATERAL (
          SELECT block AS request, 'delivered' AS outcome, 200 AS http_status, NULL AS reason_code, 2 AS turn
          WHERE became = 'delivered'
          UNION ALL SELECT block, 'retry', 500, 'server_error', 1 WHERE failed OR became = 'delivered' AND block % 10 = 0
          UNION ALL SELECT id, 'refused', 400, 'refused', 3 WHERE refused) w
      GROUP BY request, outcome, http_status, reason_code, turn ORDER BY min(id), turn) r;
INSERT INTO capi_cursor (only_row, position, open, request, updated_at)
SELECT true, max(e.id), '{{{{}}}}', (SELECT max(id) FROM capi_request_log), now() FROM capi_event_log e
ON CONFLICT (only_row) DO UPDATE SET position = excluded.position, open = excluded.open, request = excluded.request;
SELECT setval('capi_event_id', max(id)) FROM capi_event_log;
DROP TABLE history;
"""


def write_history(world, session, count):
    """So many events, of which 50 in 59 are delivered; the shipper finds them when it starts."""
    world.set_databases(session, "postgres")
    measure.wait_until(lambda: session.value("SELECT capi_shipper_pid()") is None, "no shipper")
    dataset = session.value("SELECT min(number) FROM capi_dataset")
    first = session.value("SELECT max(id) + 1 FROM capi_event_log")
    session.do(FILL.format(first=first, count=count, dataset=dataset))
    session.do("VACUUM ANALYZE capi_event_log, capi_settlement, capi_request_log")
    session.do("CHECKPOINT")
    world.set_databases(session, session.value("SELECT current_database()"))
    measure.wait_until(lambda: session.value(
        "SELECT (SELECT max(last_event) FROM capi_lead_filter) > (SELECT max(id) FROM capi_event_log) - 2000"),
        "the history has its filters", 1200)
    return first


def milliseconds(session, sql, *values):
    began = time.monotonic()
    session.do(sql, *values)
    session.cursor.fetchall()
    return (time.monotonic() - began) * 1000


def slowest(world, session, statements):
    """The slowest of the statements, by the median of its runs: (milliseconds, statement)."""
    rounds = world.pick(2, 3)
    times = [(Sample(milliseconds(session, sql) for _ in range(max(1, rounds))).median, sql)
             for sql in statements]
    return max(times)


def newest(view):
    yield f"SELECT * FROM {view} ORDER BY id DESC LIMIT 10"
    for column in CHECKED:
        yield f"SELECT id, {column} FROM {view} ORDER BY id DESC LIMIT 10"


def grouped(view):
    for column in ("status", "attempts", "reason_code", "reason", "http_status", "dataset", "event_name",
                   "date_trunc('day', enqueued_at)", "date_trunc('day', settled_at)", "next_attempt_at"):
        yield f"SELECT {column}, count(*) FROM {view} GROUP BY 1"


def of_lead(view, leads):
    for lead in leads:
        yield f"SELECT * FROM {view} WHERE lead_id = {lead} ORDER BY id"


def floors(view):
    """The same counts over the bare table: what they cost whatever a view does."""
    if view == "capi_events":
        yield "SELECT date_trunc('day', enqueued_at), count(*) FROM capi_event_log GROUP BY 1"
        yield "SELECT event_name, count(*) FROM capi_event_log GROUP BY 1"
    else:
        yield "SELECT date_trunc('day', settled_at), count(*) FROM capi_settlement GROUP BY 1"


def add(report, target, limit_ms, measured, floor=None):
    took, statement = measured
    report.add("P14", f"{target}: <= {limit_ms:,} ms", f"{took:,.1f} ms", met=took <= limit_ms,
               **({} if floor is None else {"limit": f"bare table {floor[0]:,.1f}", "ratio": took / floor[0]}))
    report.note(f"P14 {target}: the slowest was {statement}")


def measure_views(world, session, first, count, report):
    leads = [FIRST_LEAD + (first + count * part // 7) // 3 for part in range(1, 7)]
    for view in ("capi_events", "capi_undelivered"):
        add(report, f"newest ten of {view}, any column", 50, slowest(world, session, newest(view)))
        add(report, f"counts of {view}, grouped", 2000, slowest(world, session, grouped(view)),
            slowest(world, session, floors(view)))
        add(report, f"one lead in {view}", 10, slowest(world, session, of_lead(view, leads)))
    add(report, "newest ten of capi_requests", 50,
        slowest(world, session, ["SELECT * FROM capi_requests ORDER BY id DESC LIMIT 10"]))
    add(report, "counts of capi_requests, grouped", 2000,
        slowest(world, session, ["SELECT outcome, reason, count(*) FROM capi_requests GROUP BY 1, 2"]))
    add(report, "capi_status", 2000, slowest(world, session, ["SELECT * FROM capi_status"]))
    add(report, "capi_stage_coverage", 2000, slowest(world, session, ["SELECT * FROM capi_stage_coverage"]),
        slowest(world, session, list(floors("capi_events"))[1:]))
    add(report, "capi_check", 1000, slowest(world, session, ["SELECT * FROM capi_check()"]))


def measure_decisions(session, first, count, report):
    """What operators decide about very many events, and whether capi_status knows it at once."""
    some = count * 3 // 59
    session.do("CREATE TEMP TABLE chosen AS SELECT event FROM capi_settlement WHERE status = 'cancelled'"
               f" AND event >= {first} ORDER BY event LIMIT {some}")
    for function, owed in (("capi_retry", some), ("capi_cancel", 0)):
        took = milliseconds(session, f"SELECT {function}(array_agg(event)) FROM chosen")
        told = session.value("SELECT owed FROM capi_status WHERE dataset = 'sales'")
        report.add("P14", f"{function} of {some:,} ids: <= 5,000 ms, and capi_status right at once",
                   f"{took:,.0f} ms, {told:,} owed", met=took <= 5000 and told == owed)


def measure_targets(world, _, report):
    count = world.pick(295000, 5900000)
    with database(world, "views") as session:
        session.do("ALTER SERVER sales OPTIONS (ADD mode 'paused')")
        first = write_history(world, session, count)
        measure_views(world, session, first, count, report)
        measure_decisions(session, first, count, report)
