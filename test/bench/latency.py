"""latency.py - P7: from the commit's answer to the first byte at the endpoint.

A probe is an UPDATE of a watched table to the stage "probe-NUMBER". Both ends read one clock.
"""

import random
import time

from measure import quantile
from world import FIRST_LEAD

SAMPLES = 200
READ_MS = 200  # a backlog is read, though not sent, by then
CRM = """
CREATE TABLE leads (id integer PRIMARY KEY, fb_lead_id bigint, status text);
INSERT INTO leads SELECT i, {first} + i, 'new' FROM generate_series(0, 999) i;
SELECT capi_watch('leads', lead_id => 'fb_lead_id', stage => 'status', dataset => 'sales');
"""


def probe(session, number):
    """Commits a probe; returns when its answer was there."""
    session.do(f"UPDATE leads SET status = 'probe-{number}' WHERE id = {number % 1000}")
    return time.monotonic_ns()


def milliseconds(world, answered):
    arrivals = world.endpoint.probes()
    missing = [number for number in answered if number not in arrivals]
    if missing:
        raise RuntimeError(f"{len(missing)} probes have not arrived")
    return [(arrivals[number] - at) / 1e6 for number, at in answered.items()]


def idle_latencies(world, session, dice):
    world.endpoint.reset()
    answered = {}
    for number in range(SAMPLES):
        time.sleep(dice.uniform(0.005, 0.03))
        answered[number] = probe(session, number)
    world.endpoint.wait_for(SAMPLES)
    return milliseconds(world, answered)


def busy_latencies(world, session, dice):
    """While the backlog of another dataset drains. Within one dataset an event waits for those before
    it, however fast they go. Returns the latencies, and for each how long before its commit the
    backlog was committed, in ms."""
    world.endpoint.reset()
    answered = {}
    ages = []
    events = 0
    with world.cluster.connect("latency") as other:
        while len(answered) < SAMPLES:
            count = world.pick(100000, 200000)
            world.fill(other, "archive", count)
            other.do("COMMIT")
            committed = time.monotonic_ns()
            events += count
            while world.endpoint.counts()["events"] < events + len(answered) - 1000:
                time.sleep(dice.uniform(0.0, 0.01))
                number = SAMPLES + len(answered)  # another stage than the idle case's
                answered[number] = probe(session, number)
                ages.append((answered[number] - committed) / 1e6)
            world.endpoint.wait_for(events + len(answered))
    return milliseconds(world, answered), ages


def quantiles(latencies):
    """A fast machine may have drained the backlog before anything came later."""
    if not latencies:
        return "none"
    return f"{len(latencies)} with p50 {quantile(latencies, 0.5):.1f}, p99 {quantile(latencies, 0.99):.1f} ms"


def measure_targets(world, _, report):
    dice = random.Random(7)
    with world.create_database("latency") as session:
        world.create_dataset(session, "sales")
        world.create_dataset(session, "archive", dataset_id="2234567890123456")
        world.register_dataset(session, "sales")
        world.register_dataset(session, "archive")
        session.do(CRM.format(first=FIRST_LEAD))
        idle = idle_latencies(world, session, dice)
        busy, ages = busy_latencies(world, session, dice)
    world.drop_database("latency")
    p50, p99 = quantile(idle, 0.5), quantile(idle, 0.99)
    report.add("P7", "commit to wire, idle: p50 <= 0.7 ms, p99 <= 3 ms", f"{p50:.2f} / {p99:.2f} ms",
               peer="LISTEN client 0.7 / 3.0, pg_net 407 / 967 (recorded)", met=p50 <= 0.7 and p99 <= 3)
    p50, p99 = quantile(busy, 0.5), quantile(busy, 0.99)
    report.add("P7", "  while another dataset's backlog drains: p99 <= 20 ms",
               f"{p50:.2f} / {p99:.2f} ms", met=p99 <= 20)
    early = [latency for latency, age in zip(busy, ages) if age <= READ_MS]
    late = [latency for latency, age in zip(busy, ages) if age > READ_MS]
    report.note(f"P7 probes beside a backlog, committed within {READ_MS} ms of it, in which the shipper reads it: "
                f"{quantiles(early)}; later: {quantiles(late)}")
