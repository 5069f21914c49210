"""footprint.py - P8, P9: what the shipper takes when it has nothing to do, and what it keeps."""

import subprocess
import sys
import time

import measure

BARE = """
import select, sys
epoll = select.epoll()
while True:
    epoll.poll(float(sys.argv[1]))
"""


def cost_of_idling(seconds, others, poll):
    """(CPU ms, wake-ups) of so many idle seconds: of each of the others, and of a process that wakes
    up at each poll and does nothing."""
    bare = subprocess.Popen([sys.executable, "-c", BARE, str(poll)])
    try:
        time.sleep(1)
        pids = [*others, bare.pid]
        before = [(measure.cpu_us(pid), measure.sleeps(pid)) for pid in pids]
        time.sleep(seconds)
        return [((measure.cpu_us(pid) - cpu) / 1000, measure.sleeps(pid) - sleeps)
                for pid, (cpu, sleeps) in zip(pids, before)]
    finally:
        bare.kill()
        bare.wait()


def measure_idle(world, session, report):
    """From when the shipper has come to rest: it has written its cursor. The launcher, of which a
    server has one, looks for all shippers whether somebody writes, so its share counts, too."""
    seconds = world.pick(10, 60)
    poll = float(session.value(
        "SELECT extract(epoch FROM current_setting('crm_capi.poll_interval')::interval)"))
    measure.wait_until(lambda: session.value(
        "SELECT EXISTS (SELECT FROM capi_cursor"
        " WHERE position = (SELECT max(id) FROM capi_event_log) AND open = '{}')"),
        "the shipper has written its cursor")
    time.sleep(poll)
    launcher, wal_writer = (
        session.value("SELECT pid FROM pg_stat_activity WHERE backend_type = %s", kind)
        for kind in ("crm_capi launcher", "walwriter"))
    idle = cost_of_idling(seconds, [session.shipper(), launcher, wal_writer], poll)
    (cpu, woken), (launcher_cpu, launcher_woken), (wal_cpu, wal_woken), (bare_cpu, _) = idle
    report.add("P8", f"CPU in {seconds} s of idleness: <= 5 ms in 60 s",
               f"shipper {cpu:.2f} + launcher {launcher_cpu:.2f} ms", limit=f"a loop that sleeps {bare_cpu:.2f}",
               peer=f"WAL writer {wal_cpu:.2f} in {wal_woken} wake-ups; pg_net 0, poll each 100 ms 425 (recorded)",
               met=cpu + launcher_cpu <= 5 * seconds / 60)
    allowed = seconds / poll + 1
    report.add("P8", f"  wake-ups: one per poll_interval ({poll:g} s)", f"{woken} + {launcher_woken}",
               met=woken + launcher_woken <= allowed)


def measure_memory(world, session, report):
    """Two datasets that take turns in the log: each of their events is a run of its own."""
    count = world.pick(100000, 1000000)
    session.do("ALTER SERVER sales OPTIONS (ADD mode 'paused')")
    session.do("ALTER SERVER archive OPTIONS (ADD mode 'paused')")
    shipper = session.shipper()
    before = measure.private_bytes(shipper)
    session.do("""
        BEGIN;
        SELECT pg_current_xact_id();
        INSERT INTO capi_event_log (id, enqueued_at, event_time, lead_id, dataset, parked, event_name)
        SELECT nextval('capi_event_id'), now(), now(), 123456789012345 + i, 1 + i %% 2, false, 'qualified'
        FROM generate_series(1, %s) i;
        SELECT capi_send_lead_event(123456789012345, 'qualified', dataset => 'sales');
        COMMIT""", count)
    last = session.value("SELECT max(id) FROM capi_event_log")
    measure.wait_until(lambda: session.value("SELECT EXISTS (SELECT FROM capi_cursor WHERE position >= %s)", last),
                       "the cursor has passed what was filled in", 200)
    peak = measure.private_bytes(shipper) - before
    report.add("P8", f"  private memory with {count} owed, two datasets in turn: <= 16 MiB",
               f"{peak / 2**20:.1f} MiB", peer="pg_net 17-88 MB at 200,000 (recorded)",
               met=peak <= 16 * 2**20)


def measure_disk(world, report):
    """A database of its own, so that nothing else lies in the tables."""
    count = world.pick(50000, 200000)
    with world.create_database("disk") as session:
        world.create_dataset(session, "sales")
        world.register_dataset(session, "sales")
        world.endpoint.reset()
        world.fill(session, "sales", count)
        session.do("COMMIT")
        world.endpoint.wait_for(count)
        session.do("CREATE TABLE bare AS SELECT * FROM capi_event_log")
        bare = session.value("SELECT pg_relation_size('bare')")
        parts = {table: session.value("SELECT pg_total_relation_size(%s)", table)
                 for table in ("capi_event_log", "capi_request_log", "capi_settlement")}
        indexes = session.value("SELECT pg_indexes_size('capi_event_log')")
    world.drop_database("disk")
    ours = sum(parts.values())
    report.add("P9", "disk per delivered event: <= 1.5 of the bare row", f"{ours / count:.0f} B",
               limit=f"bare row {bare / count:.0f} B", ratio=ours / bare, met=ours <= 1.5 * bare)
    report.note(f"P9 of it the log's indexes {indexes / count:.0f} B, "
                f"requests {parts['capi_request_log'] / count:.2f} B per event")


def measure_targets(world, chosen, report):
    if "P8" in chosen:
        with world.create_database("footprint") as session:
            world.create_dataset(session, "sales")
            world.create_dataset(session, "archive", dataset_id="2234567890123456")
            world.register_dataset(session, "sales")
            world.register_dataset(session, "archive")
            measure_idle(world, session, report)
            measure_memory(world, session, report)
        world.drop_database("footprint")
    if "P9" in chosen:
        measure_disk(world, report)
