"""curves.py - the shipper's cost against the number of events, datasets, and an idle writer's time.

The cost is the shipper's CPU per event. A dry run takes everything but the network, so what grows
with the queue is not hidden behind the endpoint.
"""

import time

import measure
from hindrance import deliver_history
from world import FIRST_LEAD


def by_events(world, report):
    points = []
    for count in world.pick((10000, 100000, 500000), (10000, 100000, 1000000, 5000000)):
        with world.create_database("curve") as session:
            world.create_dataset(session, "sales")
            world.register_dataset(session, "sales")
            points.append(f"{count}: {deliver_history(world, session, count):.2f}")
        world.drop_database("curve")
    report.note("curve, us per event against events: " + ", ".join(points))


def by_datasets(world, report):
    """So many datasets, whose events take turns in the log."""
    count = world.pick(50000, 200000)
    points = []
    for datasets in (1, 2, 10, 50, 200):
        with world.create_database("curve") as session:
            for number in range(datasets):
                world.create_dataset(session, f"d{number}", f"{3000000000000000 + number}", mode="dry_run")
                session.do("SELECT capi_send_lead_event(%s, 'first', dataset => %s)", FIRST_LEAD,
                           f"d{number}")
            points.append(f"{datasets}: {cost_of_turns(session, count, datasets):.2f}")
        world.drop_database("curve")
    report.note("curve, us per event against datasets in turn: " + ", ".join(points))


def cost_of_turns(session, count, datasets):
    shipper = session.shipper()
    measure.wait_until(lambda: session.value("SELECT sum(event_count) FROM capi_request_log") == datasets,
                       "the first events are dealt with")
    before = measure.cpu_us(shipper)
    session.do("""
        BEGIN;
        SELECT pg_current_xact_id();
        INSERT INTO capi_event_log (id, enqueued_at, event_time, lead_id, dataset, parked, event_name)
        SELECT nextval('capi_event_id'), now(), now(), 123456789012345 + i, 1 + i %% %s, false, 'qualified'
        FROM generate_series(1, %s) i;
        SELECT capi_send_lead_event(123456789012345, 'last', dataset => 'd0');
        COMMIT""", datasets, count - 1)
    measure.wait_until(lambda: session.value("SELECT sum(event_count) FROM capi_request_log")
                       == datasets + count, "everything is dealt with", 300)
    return (measure.cpu_us(shipper) - before) / count


def by_idle_writer(world, report):
    """An hour of a writer that sits idle is scaled to its effects: the transactions that commit, and
    the events that are read, while it sits there. One a second makes 3,600 in an hour."""
    with world.create_database("curve") as session:
        world.create_dataset(session, "sales", mode="dry_run")
        session.do("SELECT capi_send_lead_event(%s, 'first')", FIRST_LEAD)
        shipper = session.shipper()
        points = []
        with world.cluster.connect("curve") as writer:
            writer.do("BEGIN")
            writer.do("SELECT capi_send_lead_event(%s, 'never committed')", FIRST_LEAD)
            committed = 0
            for minutes in world.pick((0, 5, 10), (0, 10, 30, 60)):
                committed = commit_until(session, committed, minutes * 60)
                before = measure.cpu_us(shipper)
                committed = commit_until(session, committed, committed + 200)
                points.append(f"{minutes}: {(measure.cpu_us(shipper) - before) / 200:.0f}")
        report.note("curve, us per commit of one event against minutes of an idle writer: "
                    + ", ".join(points))
    world.drop_database("curve")


def commit_until(session, committed, wanted):
    """Commits events one by one, each after the shipper has dealt with the one before."""
    while committed < wanted:
        session.do("SELECT capi_send_lead_event(%s, %s)", FIRST_LEAD + committed % 1000, f"s{committed}")
        committed += 1
        time.sleep(0.002)
    return committed


def measure_curves(world, report):
    by_events(world, report)
    by_datasets(world, report)
    by_idle_writer(world, report)
