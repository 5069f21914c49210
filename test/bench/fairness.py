"""fairness.py - P10: 50 datasets, one of them dead, one answering after 5 s. How fare the others?"""

import random
import socket
import time

from latency import milliseconds
from measure import quantile
from world import FIRST_LEAD

DATASETS = 50
DEAD, SLOW = 48, 49
SLOW_MS = 5000


def dataset_id(number):
    return f"{3000000000000000 + number}"


def dead_url():
    """Nobody listens there: the port was free a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"https://127.0.0.1:{free.getsockname()[1]}"


def latencies(world, session, dice, also, first):
    """Of probes to the healthy datasets; with each one an event goes to the datasets in `also`."""
    count = world.pick(200, 400)
    world.endpoint.reset()
    answered = {}
    for number in range(first, first + count):
        time.sleep(dice.uniform(0.002, 0.02))
        for other in also:
            session.do("SELECT capi_send_lead_event(%s, 'noise', dataset => %s)", FIRST_LEAD,
                       f"dataset_{other}")
        session.do("SELECT capi_send_lead_event(%s, %s, dataset => %s)", FIRST_LEAD, f"probe-{number}",
                   f"dataset_{dice.randrange(DEAD)}")
        answered[number] = time.monotonic_ns()
    end = time.monotonic() + 60
    while time.monotonic() < end and len(world.endpoint.probes()) < count:
        time.sleep(0.05)
    return milliseconds(world, answered)


def measure_targets(world, _, report):
    dice = random.Random(10)
    with world.create_database("fairness") as session:
        for number in range(DATASETS):
            options = {"endpoint": dead_url()} if number == DEAD else {}
            world.create_dataset(session, f"dataset_{number}", dataset_id(number), **options)
        world.endpoint.set_slow(dataset_id(SLOW), SLOW_MS)
        for number in range(DATASETS):
            session.do("SELECT capi_send_lead_event(%s, 'first', dataset => %s)", FIRST_LEAD,
                       f"dataset_{number}")
        latencies(world, session, dice, (), 0)
        # The noise of the first part goes to healthy datasets, so that both do as much.
        free = latencies(world, session, dice, (0, 1), 10000)
        beside = latencies(world, session, dice, (DEAD, SLOW), 20000)
        world.endpoint.set_slow(dataset_id(SLOW), 0)
    world.drop_database("fairness")
    free50, free99 = quantile(free, 0.5), quantile(free, 0.99)
    with50, with99 = quantile(beside, 0.5), quantile(beside, 0.99)
    worse = max(with50 / free50, with99 / free99)
    report.add("P10", f"{DATASETS} datasets, one dead, one slow: others <= 1.5", f"{with50:.2f} / {with99:.2f} ms",
               limit=f"without {free50:.2f} / {free99:.2f}", ratio=worse, met=worse <= 1.5)
