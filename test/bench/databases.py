"""databases.py - P13: a thousand databases, and eight shippers that they share.

The databases are copies of one, made by TEMPLATE; each is told by capi_resume() that it is to send. What
a shipper costs at least is the start of a process of the server, so that is measured beside it: a session
that connects and leaves.
"""

import concurrent.futures
import contextlib
import os
import random
import signal
import time

import measure
from latency import CRM, milliseconds, probe
from measure import quantile
from world import FIRST_LEAD

SLOTS = 8
SAMPLES = 200
REST = 75  # seconds, after which shippers without anything to do are gone


@contextlib.contextmanager
def without_fsync(session):
    """A database has three hundred files. To have those of all on disk takes a thousand times as many
    flushes, and the next restart would wait for them."""
    session.do("ALTER SYSTEM SET fsync = off")
    session.do("SELECT pg_reload_conf()")
    yield
    session.do("CHECKPOINT")
    session.do("ALTER SYSTEM RESET fsync")
    session.do("SELECT pg_reload_conf()")


class Crowd:
    """So many databases, and what is done to all of them."""

    def __init__(self, world):
        self.world = world
        self.names = [f"crowd{number}" for number in range(world.pick(200, 1000))]
        self.next_probe = 0

    def create(self):
        """Nobody is served meanwhile: a copy that is not accepted yet has nothing to do."""
        with self.world.create_database("crowd_model") as session:
            self.world.create_dataset(session, "sales")
            self.world.register_dataset(session, "sales")
            session.do(CRM.format(first=FIRST_LEAD))
        with self.world.cluster.connect("postgres") as session, without_fsync(session):
            self.world.set_databases(session, "none")
            for name in self.names:
                session.do(f"CREATE DATABASE {name} TEMPLATE crowd_model")
        for name in self.names:
            with self.world.cluster.connect(name) as session:
                session.do("SELECT capi_resume('sales')")

    def drop(self):
        with self.world.cluster.connect("postgres") as session, without_fsync(session):
            for name in [*self.names, "crowd_model"]:
                session.do(f"DROP DATABASE {name} WITH (FORCE)")

    def commit(self, name):
        """A probe; returns its number and when the answer of its commit was there."""
        number = self.next_probe
        self.next_probe += 1
        with self.world.cluster.connect(name) as session:
            session.value("SELECT count(*) FROM leads")
            return number, probe(session, number)

    def settle(self):
        """Until nobody has or needs a shipper but those that rest."""
        with self.world.cluster.connect("postgres") as session:
            time.sleep(1)
            measure.wait_until(lambda: is_quiet(session), "the databases have been served", 300)


def is_quiet(session):
    """No shipper has anything to do; they say so where everybody can see it."""
    return session.value("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'crm_capi shipper'"
                         " AND application_name NOT LIKE '%%idle'")


def restart(world, **settings):
    """Returns when the server was told to start."""
    with world.cluster.connect("postgres") as session:
        for name, value in settings.items():
            session.do(f"ALTER SYSTEM SET {name.replace('__', '.')} = {value}")
    return world.cluster.restart()


def start_cost(world, names):
    """Of one process of the server, alone: ms, of many a list."""
    spans = []
    for name in names:
        began = time.monotonic_ns()
        with world.cluster.connect(name) as session:
            session.value("SELECT 1")
        spans.append((time.monotonic_ns() - began) / 1e6)
    return spans


def start_all(world, names):
    """Seconds for a session in each database, as many at once as there are slots."""
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(SLOTS) as pool:
        list(pool.map(lambda name: start_cost(world, [name]), names))
    return time.monotonic() - began


def each(world, count, before):
    """What the processes of the server that have ended since then took, each of so many."""
    now = measure.of_ended_children(world.cluster.postmaster())
    return "{:.1f} ms CPU and {:.0f} page faults".format(*((b - a) / count for a, b in zip(before, now)))


def without_shipper(world, names):
    """Those of the names that nobody serves just now."""
    with world.cluster.connect("postgres") as session:
        session.do("SELECT datname FROM pg_stat_activity WHERE backend_type = 'crm_capi shipper'")
        served = {row[0] for row in session.cursor.fetchall()}
    return [name for name in names if name not in served]


def single_latencies(crowd, dice, may_go_on):
    """Commit to wire, ms, each in a database without a shipper."""
    crowd.world.endpoint.reset()
    answered = {}
    while len(answered) < crowd.world.pick(SAMPLES, SAMPLES) and may_go_on():
        name = dice.choice(without_shipper(crowd.world, crowd.names[1:]))
        number, at = crowd.commit(name)
        answered[number] = at
        measure.wait_until(lambda number=number: number in crowd.world.endpoint.probes(), "a probe arrives")
        time.sleep(dice.uniform(0.005, 0.03))
    return milliseconds(crowd.world, answered)


def measure_idle_server(crowd, dice, report):
    starts = start_cost(crowd.world, dice.sample(crowd.names, min(len(crowd.names), 100)))
    latencies = single_latencies(crowd, dice, lambda: True)
    p50, p99 = quantile(latencies, 0.5), quantile(latencies, 0.99)
    report.add("P13", f"commit to wire, {len(crowd.names)} databases, none served, idle: p50 <= 25 ms, p99 <= 100 ms",
               f"{p50:.1f} / {p99:.1f} ms",
               limit=f"start of a backend {quantile(starts, 0.5):.1f} / {quantile(starts, 0.99):.1f} ms",
               ratio=p50 / quantile(starts, 0.5), met=p50 <= 25 and p99 <= 100)


def measure_beside_backlog(crowd, dice, report):
    """The backlog lasts, because its answers take a tenth of a second."""
    count = crowd.world.pick(400000, 1000000)
    crowd.world.endpoint.set_latency(100)
    with crowd.world.cluster.connect(crowd.names[0]) as session:
        crowd.world.fill(session, "sales", count)
        session.do("COMMIT")
        latencies = single_latencies(
            crowd, dice, lambda: session.value(
                "SELECT coalesce(max(id), 0) > coalesce((SELECT max(upper(events)) FROM capi_requests), 0)"
                " FROM capi_event_log"))
        measure.wait_until(lambda: session.value("SELECT owed = 0 FROM capi_status"), "the backlog drains", 300)
    crowd.world.endpoint.set_latency(0)
    p50, p99 = quantile(latencies, 0.5), quantile(latencies, 0.99)
    report.add("P13", f"  while another one drains {count:,} events: p99 <= 500 ms",
               f"{p50:.1f} / {p99:.1f} ms ({len(latencies)} samples)", met=p99 <= 500)


def commit_in_all(crowd):
    """With the launcher stopped, so that all of them are there when it goes on."""
    with concurrent.futures.ThreadPoolExecutor(SLOTS) as pool:
        list(pool.map(crowd.commit, crowd.names))


def measure_all_at_once(crowd, report):
    with crowd.world.cluster.connect("postgres") as session:
        launcher = session.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'crm_capi launcher'")
    before = measure.of_ended_children(crowd.world.cluster.postmaster())
    limit = start_all(crowd.world, crowd.names)
    time.sleep(0.2)  # the last of them end
    of_session = each(crowd.world, len(crowd.names), before)
    crowd.world.endpoint.reset()
    os.kill(launcher, signal.SIGSTOP)
    try:
        commit_in_all(crowd)
        already = crowd.world.endpoint.counts()["events"]  # by shippers that were there
    finally:
        os.kill(launcher, signal.SIGCONT)
    before = measure.of_ended_children(crowd.world.cluster.postmaster())
    began = time.monotonic()
    crowd.world.endpoint.wait_for(len(crowd.names), 600)
    took = time.monotonic() - began
    of_shipper = each(crowd.world, max(len(crowd.names) - already - SLOTS, 1), before)
    report.add("P13", f"one event in each of {len(crowd.names)} at once, the last delivered:"
               f" <= 1.2 of so many starts of a backend, {SLOTS} at a time",
               f"{took:.2f} s", limit=f"{limit:.2f} s", ratio=took / limit, met=took <= 1.2 * limit)
    report.note(f"P13 of these {already} were delivered before the launcher went on;"
                f" a shipper took {of_shipper}, a session {of_session}, from start to end")


def our_processes(session):
    session.do("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'crm_capi %'")
    return [row[0] for row in session.cursor.fetchall()]


def memory_of(session):
    return sum(measure.private_bytes(pid) for pid in our_processes(session))


def measure_rest(crowd, memory_of_one, report):
    """Of a minute of idleness, when those who rested have left."""
    seconds = crowd.world.pick(20, 60)
    with crowd.world.cluster.connect("postgres") as session:
        time.sleep(REST if crowd.world.size != "try" else 1)
        pids = our_processes(session)
        memory = memory_of(session)
        before = sum(measure.cpu_us(pid) for pid in pids)
        time.sleep(seconds)
        after = our_processes(session)
        cpu = (sum(measure.cpu_us(pid) for pid in after if pid in pids) - before) / 1000
    report.add("P13", f"CPU of all our processes in {seconds} s of idleness: <= 10 ms in 60 s",
               f"{cpu:.2f} ms, {len(after)} processes",
               met=cpu <= 10 * seconds / 60 and set(after) <= set(pids))
    report.add("P13", "  their private memory: <= with one database",
               f"{memory / 2**20:.1f} MiB", limit=f"one database {memory_of_one / 2**20:.1f} MiB",
               ratio=memory / memory_of_one, met=memory <= memory_of_one)


def measure_start(crowd, report):
    """Every database has something to do when the server starts."""
    with crowd.world.cluster.connect("postgres") as session:
        crowd.world.set_databases(session, "none")
        measure.wait_until(lambda: session.value(
            "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'crm_capi shipper'"), "no shipper")
    crowd.world.endpoint.reset()
    commit_in_all(crowd)
    began = restart(crowd.world, crm_capi__databases="''")
    crowd.world.endpoint.wait_for(1, 60)
    first = time.monotonic() - began
    crowd.world.endpoint.wait_for(len(crowd.names), 600)
    last = time.monotonic() - began
    report.add("P13", f"start of the server to the first event of {len(crowd.names)} databases: <= 3 s",
               f"{first:.2f} s, to the last {last:.2f} s", met=first <= 3)


def measure_targets(world, _, report):
    dice = random.Random(13)
    crowd = Crowd(world)
    restart(world, crm_capi__max_shippers=SLOTS, max_worker_processes=3 * SLOTS)
    with world.create_database("single") as session:
        world.create_dataset(session, "sales")
        world.register_dataset(session, "sales")
        time.sleep(1)
        memory_of_one = memory_of(session)
    world.drop_database("single")
    crowd.create()
    with world.cluster.connect("postgres") as session:
        world.set_databases(session, "")
        measure.wait_until(lambda: session.value(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'crm_capi shipper'"), "a shipper")
    crowd.settle()
    measure_idle_server(crowd, dice, report)
    measure_beside_backlog(crowd, dice, report)
    crowd.settle()
    measure_all_at_once(crowd, report)
    crowd.settle()
    measure_rest(crowd, memory_of_one, report)
    measure_start(crowd, report)
    crowd.settle()
    crowd.drop()
    restart(world, crm_capi__max_shippers="DEFAULT", max_worker_processes="DEFAULT")
