"""latency.py - P7: from the commit's answer to the first byte at the endpoint.

A probe is an UPDATE of a watched table to the stage "probe-NUMBER". Both ends read one clock. The
peer is a client that LISTENs for an outbox; the two take turns.
"""

import contextlib
import os
import random
import subprocess
import time

from measure import Sample, quantile, wait_until
from world import DATASET_ID, FIRST_LEAD, OUTBOX

SAMPLES = 200
READ_MS = 200  # a bulk load is read, though not sent, by then
CRM = """
CREATE TABLE leads (id integer PRIMARY KEY, fb_lead_id bigint, status text);
INSERT INTO leads SELECT i, {first} + i, 'new' FROM generate_series(0, 999) i;
SELECT capi_watch('leads', lead_id => 'fb_lead_id', stage => 'status', dataset => 'sales');
"""

# The peer's: the body lies ready in the outbox, and the commit tells the client.
LISTENED = OUTBOX + """
CREATE SEQUENCE outbox_id;
CREATE TABLE listened (LIKE leads INCLUDING ALL);
INSERT INTO listened SELECT * FROM leads;
CREATE FUNCTION write_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (id, body) VALUES (nextval('outbox_id'), replace(TG_ARGV[0], 'first', NEW.status));
    NOTIFY outbox;
    RETURN NULL;
END $$;
CREATE FUNCTION watch_outbox(body text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER outbox AFTER UPDATE ON listened FOR EACH ROW'
                   ' EXECUTE FUNCTION write_outbox(%%L)', body);
END $$;
SELECT watch_outbox(%s);
"""


def probe(session, number, table="leads"):
    """Commits a probe; returns when its answer was there."""
    session.do(f"UPDATE {table} SET status = 'probe-{number}' WHERE id = {number % 1000}")
    return time.monotonic_ns()


def milliseconds(world, answered):
    arrivals = world.endpoint.probes()
    missing = [number for number in answered if number not in arrivals]
    if missing:
        raise RuntimeError(f"{len(missing)} probes have not arrived")
    return [(arrivals[number] - at) / 1e6 for number, at in answered.items()]


def idle_latencies(world, session, dice, table, first):
    """Of probes with numbers from `first` on: a lead reaches each stage once."""
    world.endpoint.reset()
    answered = {}
    for number in range(first, first + SAMPLES):
        time.sleep(dice.uniform(0.005, 0.03))
        answered[number] = probe(session, number, table)
    world.endpoint.wait_for(SAMPLES)
    return milliseconds(world, answered)


@contextlib.contextmanager
def listener(world, session):
    """A client that LISTENs for the probes of the table `listened`."""
    session.do(LISTENED, world.event_body(session))
    client = subprocess.Popen(
        [os.path.join(world.programs, "outbox_client"), "listen", world.cluster.conninfo("latency"),
         f"{world.endpoint.url}/v25.0/{DATASET_ID}/events", world.endpoint.ca_file, "1000", "1"],
        stdout=subprocess.PIPE, text=True)
    try:
        client.stdout.readline()
        yield
    finally:
        client.kill()
        client.wait()
        client.stdout.close()


def flushes(session, dice):
    """What a commit waits for the disk right behind another one, as the shipper's comes behind the
    CRM's, in ms: its time beyond that of one that does not wait."""
    message = "SELECT pg_logical_emit_message(true, 'bench', '')"
    spans = {"on": [], "off": []}
    for _ in range(SAMPLES // 2):
        for mode, span in spans.items():
            time.sleep(dice.uniform(0.005, 0.03))
            session.do(message)
            session.do(f"SET synchronous_commit = {mode}")
            began = time.monotonic_ns()
            session.do(message)
            span.append((time.monotonic_ns() - began) / 1e6)
            session.do("RESET synchronous_commit")
    return [waited - quantile(spans["off"], 0.5) for waited in spans["on"]]


def compare_idle(world, session, dice):
    """Ours, the listener's, and what a flush takes: of each a list of (p50, p99), one of each round."""
    ours, theirs, flush = [], [], []
    with listener(world, session), world.cluster.connect("latency") as other:
        for turn in range(world.pick(1, 5)):
            for found, latencies in (
                    (ours, idle_latencies(world, session, dice, "leads", turn * SAMPLES)),
                    (theirs, idle_latencies(world, session, dice, "listened", turn * SAMPLES)),
                    (flush, flushes(other, dice))):
                found.append((quantile(latencies, 0.5), quantile(latencies, 0.99)))
    return ours, theirs, flush


def probe_until(world, session, dice, events, first, answered):
    """Probes at random spacing until so many other events have come in, but for the last thousand."""
    ages = []
    began = time.monotonic_ns()
    while world.endpoint.counts()["events"] < events + len(answered) - 1000:
        time.sleep(dice.uniform(0.0, 0.01))
        number = first + len(answered)
        answered[number] = probe(session, number)
        ages.append((answered[number] - began) / 1e6)
    world.endpoint.wait_for(events + len(answered))
    return ages


def latencies_beside(world, session, dice, release, first):
    """Of probes, with numbers from `first` on, while another dataset's backlog drains, and how long
    before each one `release` let it go, in ms. Within one dataset an event waits for those before it,
    however fast they go."""
    world.endpoint.reset()
    answered = {}
    ages = []
    count = world.pick(100000, 200000)
    events = 0
    with world.cluster.connect("latency") as other:
        while len(answered) < world.pick(SAMPLES, 3 * SAMPLES):
            release(world, other, count)
            events += count
            ages += probe_until(world, session, dice, events, first, answered)
    return milliseconds(world, answered), ages


def resumed(world, session, count):
    """A backlog that had to wait, as after an outage: it was read while it waited."""
    session.do("SELECT capi_pause('archive')")
    world.fill(session, "archive", count)
    session.do("COMMIT")
    wait_until(lambda: session.value("SELECT capi_read_up_to() >= (SELECT max(id) FROM capi_event_log)"),
               "the backlog has been read")
    session.do("SELECT capi_resume('archive')")


def loaded(world, session, count):
    """A bulk load that has just been committed, and has to be read first."""
    world.fill(session, "archive", count)
    session.do("COMMIT")


def add_idle(report, ours, theirs, flush):
    (p50, p99), (their_p50, their_p99), (flush_p50, flush_p99) = (
        [Sample(quantiles) for quantiles in zip(*rounds)] for rounds in (ours, theirs, flush))
    report.add("P7", "commit to wire, idle: p50 <= 0.7 ms, p99 <= 3 ms",
               f"{p50.text('{:.2f}')} / {p99.text('{:.2f}')} ms",
               limit=f"a flush alone {flush_p50.median:.2f} / {flush_p99.median:.2f}",
               peer=f"LISTEN client {their_p50.median:.2f} / {their_p99.median:.2f}, "
                    "pg_net 407 / 967 (recorded)",
               ratio=p50.median / their_p50.median, met=p50.median <= 0.7 and p99.median <= 3)


def add_beside_backlog(report, latencies):
    p50, p99 = quantile(latencies, 0.5), quantile(latencies, 0.99)
    report.add("P7", "  while another dataset's backlog drains: p99 <= 20 ms",
               f"{p50:.2f} / {p99:.2f} ms", met=p99 <= 20)


def note_behind_load(report, latencies, ages, count):
    """A fast machine may have drained the load before anything came later."""
    early = [latency for latency, age in zip(latencies, ages) if age <= READ_MS]
    late = [latency for latency, age in zip(latencies, ages) if age > READ_MS]
    texts = [f"{len(part)} with p50 {quantile(part, 0.5):.1f}, p99 {quantile(part, 0.99):.1f} ms"
             if part else "none" for part in (early, late)]
    report.note(f"P7 right behind a bulk load of {count} events, within {READ_MS} ms of its commit, in which "
                f"the shipper reads it: {texts[0]}; later: {texts[1]}")


def measure_targets(world, _, report):
    dice = random.Random(7)
    with world.create_database("latency") as session:
        world.create_dataset(session, "sales")
        world.create_dataset(session, "archive", dataset_id="2234567890123456")
        world.register_dataset(session, "sales")
        world.register_dataset(session, "archive")
        session.do(CRM.format(first=FIRST_LEAD))
        add_idle(report, *compare_idle(world, session, dice))
        add_beside_backlog(report, latencies_beside(world, session, dice, resumed, 100000)[0])
        note_behind_load(report, *latencies_beside(world, session, dice, loaded, 200000),
                         world.pick(100000, 200000))
    world.drop_database("latency")
