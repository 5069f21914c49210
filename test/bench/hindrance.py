"""hindrance.py - P6: the drain while another session holds something, and after a long history.

The shipper is kept away while the queue is filled by many transactions, then let in: it finds them
all at once, and the other session's doing among them.
"""

import contextlib

import measure
from drain import rate
from measure import Sample, ratio
from world import FIRST_LEAD

COMMITS = 50


@contextlib.contextmanager
def no_shipper(world, session):
    """Without a shipper in the block, and with one of this database alone after it."""
    world.set_databases(session, "postgres")
    measure.wait_until(lambda: session.value("SELECT capi_shipper_pid()") is None, "no shipper")
    try:
        yield
    finally:
        world.set_databases(session, session.value("SELECT current_database()"))


@contextlib.contextmanager
def nothing(world):
    yield


@contextlib.contextmanager
def old_snapshot(world):
    with world.cluster.connect("hindrance") as other:
        other.do("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM capi_dataset")
        yield


@contextlib.contextmanager
def idle_writer(world):
    with world.cluster.connect("hindrance") as other:
        other.do("BEGIN")
        other.do("SELECT capi_send_lead_event(%s, 'never committed')", FIRST_LEAD)
        yield


@contextlib.contextmanager
def uncommitted_rows(world):
    with world.cluster.connect("hindrance") as other:
        world.fill(other, "sales", world.pick(50000, 300000))
        yield


def drained(world, session, count, hinder):
    """(events per second, the shipper's CPU us per event)."""
    with contextlib.ExitStack() as held:
        with no_shipper(world, session):
            held.enter_context(hinder(world))
            for _ in range(COMMITS):
                world.fill(session, "sales", count // COMMITS)
                session.do("COMMIT")
            world.endpoint.reset()
        counts = world.endpoint.wait_for(count)
        cpu = measure.cpu_us(session.shipper())
        measure.wait_until(lambda: world.is_settled(session), "everything is settled")
        return rate(counts, counts["first_ns"]), cpu / count


def deliver_history(world, session, rows):
    """Rows of the log that a dry run has made history of."""
    session.do("ALTER SERVER sales OPTIONS (ADD mode 'dry_run')")
    shipper = session.shipper()
    before = measure.cpu_us(shipper)
    for _ in range(max(1, rows // 500000)):
        world.fill(session, "sales", min(rows, 500000))
        session.do("COMMIT")
    last = session.value("SELECT max(id) FROM capi_event_log")
    measure.wait_until(lambda: session.value(
        "SELECT upper(range_merge(events)) > %s FROM capi_requests ORDER BY id DESC LIMIT 1", last),
        "the history is delivered", 600)
    cpu = (measure.cpu_us(shipper) - before) / rows
    session.do("ALTER SERVER sales OPTIONS (DROP mode)")
    return cpu


def compare(world, session, count, rounds, hinder):
    """Runs of the free case and of the other one, in turn."""
    free, hindered = [], []
    for _ in range(rounds):
        free.append(drained(world, session, count, nothing))
        hindered.append(drained(world, session, count, hinder))
    return free, hindered


def add(report, what, free, hindered, peer):
    speed, free_speed = (Sample(rate for rate, _ in runs) for runs in (hindered, free))
    cpu, free_cpu = (Sample(cpu for _, cpu in runs) for runs in (hindered, free))
    part = ratio(speed, free_speed)
    report.add("P6", f"{what}: >= 0.9 of the free case", f"{speed.text('{:,.0f}')} /s",
               limit=f"free {free_speed.median:,.0f}", peer=peer, ratio=part, met=part >= 0.9)
    report.note(f"P6 {what}: shipper CPU {cpu.text('{:.2f}')} us per event, free case "
                f"{free_cpu.text('{:.2f}')}")


@contextlib.contextmanager
def database(world, name):
    """A session in a database of that name, which goes at the end."""
    with world.create_database(name) as session:
        world.create_dataset(session, "sales")
        world.register_dataset(session, "sales")
        yield session
        world.set_databases(session, "")
    world.drop_database(name)


def compare_history(world, count, rounds, rows):
    """Runs of a database that is nearly empty and of one with a history, in turn."""
    free, later = [], []
    with database(world, "young") as young, database(world, "old") as old:
        deliver_history(world, old, rows)
        measure.wait_until(lambda: old.value(
            "SELECT (SELECT max(last_event) FROM capi_lead_filter) >"
            " (SELECT max(id) FROM capi_event_log) - 2000"),
            "the history has its filters", 600)
        for _ in range(rounds):
            free.append(drained(world, young, count, nothing))
            later.append(drained(world, old, count, nothing))
    return free, later


def measure_targets(world, _, report):
    count = world.pick(50000, 150000)
    rounds = world.pick(2, 7)
    with database(world, "hindrance") as session:
        drained(world, session, count, nothing)
        add(report, "old snapshot held", *compare(world, session, count, rounds, old_snapshot),
            "SKIP LOCKED 0.16 (recorded)")
        add(report, "idle writer", *compare(world, session, count, rounds, idle_writer),
            "SKIP LOCKED 0.22 (recorded)")
        add(report, f"{world.pick(50000, 300000)} uncommitted rows",
            *compare(world, session, count, rounds, uncommitted_rows), "SKIP LOCKED 0.10 (recorded)")
    rows = world.pick(500000, 5000000)
    add(report, f"after {rows} delivered rows", *compare_history(world, count, rounds, rows), "")
