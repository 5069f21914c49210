"""enqueue.py - P1, P2, P3, P11: what the CRM's own statements pay. All figures are backend CPU.

The session, client and backend, has a processor to itself; shipper and endpoint have the others.
Otherwise, on a machine with two of them, the carrying of what the session has enqueued pushes it
aside, and it is charged with finding its caches cold. The peers carry nothing meanwhile.
"""

import os
import random

from measure import Sample, cpu_us, keep_apart, median, ratio, release

TABLES = ("plain", "ours", "bare", "compare", "json", "notify", "set")
UNCHANGED = ("plain", "ours", "compare", "when")  # for updates that change no stage


def set_up(world):
    session = world.create_database("enqueue")
    world.create_dataset(session, "sales")
    here = os.path.dirname(__file__)
    library = os.path.join(world.programs, "bare_insert.so")
    with open(os.path.join(here, "peers.sql"), encoding="ascii") as script:
        session.do(script.read().replace(":'library'", f"'{library}'"))
    rows = world.pick(20000, 100000)
    for table in {*TABLES, *UNCHANGED}:
        session.do(f"INSERT INTO crm_{table} SELECT i, 12345678901230000 + i, 'stage 0', 'a note'"
                   f" FROM generate_series(1, {rows}) i")
    session.do("VACUUM ANALYZE")
    session.do("CHECKPOINT")
    # The kernel's share of an fsync differs from commit to commit by more than a trigger costs.
    session.do("SET synchronous_commit = off")
    keep_apart((os.getpid(), session.pid), (session.shipper(), world.endpoint.process.pid))
    return session, rows


def tear_down(world, session):
    release((os.getpid(), world.endpoint.process.pid))
    session.connection.close()
    world.drop_database("enqueue")


def single_updates(session, table, column, count, step):
    """CPU of one single-row UPDATE, on average over so many transactions."""
    statement = f"UPDATE crm_{table} SET {column} = '{column} {step}' WHERE id = "
    before = cpu_us(session.pid)
    for row in range(1, count + 1):
        session.do(statement + str(row))
    return (cpu_us(session.pid) - before) / count


def interleaved(tables, rounds, run):
    """{table: values of all rounds}. Each round visits every table, in an order of its own: what a
    table costs depends on which one came before. The first round is thrown away: it warms caches and
    writes the full pages that follow a checkpoint."""
    dice = random.Random(2)
    values = {table: [] for table in tables}
    for number in range(rounds + 1):
        for table in dice.sample(tables, len(tables)):
            value = run(table, number + 1)
            if number > 0:
                values[table].append(value)
    return values


def added(values, table):
    return Sample(a - b for a, b in zip(values[table], values["plain"]))


def measure_p1(world, session, report):
    count = world.pick(50, 100)
    values = interleaved(TABLES, world.pick(21, 41),
                         lambda table, step: single_updates(session, table, "status", count, step))
    cost = {table: added(values, table) for table in TABLES}
    ours, json, bare = cost["ours"].median, cost["json"].median, cost["bare"].median
    report.add("P1", "single UPDATE: <= 0.45 of JSON outbox", f"{cost['ours'].text()} us added",
               limit=f"bare {bare:.1f}", peer=f"JSON outbox {json:.1f}", ratio=ours / json,
               met=ours <= 0.45 * json)
    report.add("P1", "  <= 1.3 of a bare C insert", f"{ours:.1f} us", limit=f"{bare:.1f}",
               ratio=ours / bare, met=ours <= 1.3 * bare)
    report.judge_release(f"enqueued by a single UPDATE: {ours:.1f} us (JSON outbox {json:.1f}, bare insert "
                         f"{bare:.1f})")
    pg_net = 176 / 80 * json
    report.add("P1", "  <= 0.2 of pg_net", f"{ours:.1f} us", peer=f"pg_net {pg_net:.0f} (recorded: 2.2 x JSON)",
               ratio=ours / pg_net, met=ours <= 0.2 * pg_net)
    report.note(f"P1 base {median(values['plain']):.1f} us; added by " + ", ".join(
        f"{table} {cost[table].text()}" for table in TABLES[1:]))


def bulk_update(session, rows, table, column, step):
    """(CPU us per row, WAL bytes per row)."""
    before = session.wal_position()
    cpu = session.cpu_us(f"UPDATE crm_{table} SET {column} = '{column} {step}'")
    wal = session.wal_position() - before
    session.do(f"VACUUM crm_{table}")
    return cpu / rows, wal / rows


def measure_p2(world, session, rows, report):
    # The set-based trigger's plan for one row joins by a loop.
    session.do("DISCARD PLANS")
    both = interleaved(TABLES, world.pick(3, 7),
                       lambda table, step: bulk_update(session, rows, table, "status", step + 1000))
    values = {table: [cpu for cpu, _ in both[table]] for table in TABLES}
    wal = {table: median([bytes_ for _, bytes_ in both[table]]) for table in TABLES}
    cost = {table: added(values, table) for table in TABLES}
    ours, json, lean, bare = (cost[table].median for table in ("ours", "json", "set", "bare"))
    report.add("P2", f"UPDATE of {rows} rows: <= 0.25 of JSON outbox", f"{cost['ours'].text('{:.2f}')} us/row",
               limit=f"bare {bare:.2f}", peer=f"JSON outbox {json:.2f}", ratio=ours / json,
               met=ours <= 0.25 * json)
    report.add("P2", "  <= 1.2 of the set-based lean outbox", f"{ours:.2f} us/row", limit=f"bare {bare:.2f}",
               peer=f"{lean:.2f}", ratio=ours / lean, met=ours <= 1.2 * lean)
    report.add("P2", "  WAL <= 1.1 of the bare insert's", f"{wal['ours']:.0f} B/row",
               limit=f"{wal['bare']:.0f}", peer=f"set-based {wal['set']:.0f}",
               ratio=wal["ours"] / wal["bare"], met=wal["ours"] <= 1.1 * wal["bare"])
    report.judge_release(f"in bulk: {ours:.2f} us (JSON outbox {json:.2f}, bare insert {bare:.2f})")
    report.note(f"P2 base {median(values['plain']):.2f} us, {wal['plain']:.0f} B of WAL per row; added by "
                + ", ".join(f"{table} {cost[table].text('{:.2f}')}" for table in TABLES[1:]))


def measure_p3(world, session, rows, report):
    count = world.pick(50, 100)
    values = interleaved(UNCHANGED, world.pick(31, 101),
                         lambda table, step: single_updates(session, table, "note", count, step))
    judge_p3("unchanged stage, single UPDATE", values, report, "us")
    values = interleaved(UNCHANGED, world.pick(5, 9),
                         lambda table, step: bulk_update(session, rows, table, "note", step + 1000)[0])
    judge_p3("unchanged stage, bulk UPDATE", values, report, "us/row")


def judge_p3(what, values, report, unit):
    samples = {table: Sample(values[table]) for table in values}
    ours = ratio(samples["ours"], samples["plain"])
    limit, when = (ratio(samples[table], samples["plain"]) for table in ("compare", "when"))
    report.add("P3", f"{what}: <= 1.05 of unwatched", f"{samples['ours'].text('{:.2f}')} {unit}",
               limit=f"empty C trigger {limit:.3f}, WHEN {when:.3f}",
               peer=f"unwatched {samples['plain'].text('{:.2f}')}",
               ratio=f"{ours:.3f}", met=ours <= 1.05)


def measure_p11(world, session, report):
    """A session that has enqueued in many commits, against one that has not: the same plain UPDATE."""
    commits = world.pick(5000, 30000)
    with world.cluster.connect("enqueue") as aged, world.cluster.connect("enqueue") as fresh:
        for one in (aged, fresh):
            one.do("SET synchronous_commit = off")
        keep_apart((aged.pid, fresh.pid), ())
        before = interleaved([aged, fresh], 15, plain_update)
        for number in range(commits):
            aged.do(f"UPDATE crm_ours SET status = 'commit {number}' WHERE id = {number % 10000 + 1}")
        after = interleaved([aged, fresh], 15, plain_update)
    grown = median(after[aged]) / median(after[fresh])
    report.add("P11", f"plain UPDATE after {commits} enqueueing commits: as in a fresh session",
               f"{median(before[aged]):.1f} -> {median(after[aged]):.1f} us",
               limit=f"fresh session {median(before[fresh]):.1f} -> {median(after[fresh]):.1f}",
               peer="pg_net 130 -> 981 (recorded)", ratio=grown, met=grown <= 1.1)


def plain_update(session, step):
    return single_updates(session, "plain", "note", 100, step)


def measure_targets(world, chosen, report):
    session, rows = set_up(world)
    if "P1" in chosen:
        measure_p1(world, session, report)
    if "P2" in chosen:
        measure_p2(world, session, rows, report)
    if "P3" in chosen:
        measure_p3(world, session, rows, report)
    if "P11" in chosen:
        measure_p11(world, session, report)
    tear_down(world, session)
