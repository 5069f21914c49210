"""fairness.py - P10: 50 datasets, one of them dead, one answering after 5 s. How fare the others?"""

import random
import socket
import time

from latency import milliseconds
from measure import Sample, quantile, ratio, wait_until
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
    """(p50, p99) of probes to the healthy datasets; with each one an event goes to those in `also`."""
    world.endpoint.reset()
    answered = {}
    probes = world.pick(100, 200)
    for number in range(first, first + probes):
        time.sleep(dice.uniform(0.002, 0.02))
        for other in also:
            session.do("SELECT capi_send_lead_event(%s, 'noise', dataset => %s)", FIRST_LEAD,
                       f"dataset_{other}")
        session.do("SELECT capi_send_lead_event(%s, %s, dataset => %s)", FIRST_LEAD, f"probe-{number}",
                   f"dataset_{dice.randrange(DEAD)}")
        answered[number] = time.monotonic_ns()
    wait_until(lambda: len(world.endpoint.probes()) == probes, "all probes have arrived")
    found = milliseconds(world, answered)
    return quantile(found, 0.5), quantile(found, 0.99)


def compare(world, session, dice):
    """Of (p50, p99) medians over rounds that take turns: of the free case, and beside the two. The
    noise of the free case goes to healthy datasets, so that both do as much."""
    rounds = world.pick(3, 7)
    free, beside = [], []
    latencies(world, session, dice, (), 0)
    for turn in range(1, rounds + 1):
        free.append(latencies(world, session, dice, (0, 1), 10000 * turn))
        beside.append(latencies(world, session, dice, (DEAD, SLOW), 10000 * turn + 5000))
    return [[Sample(quantiles) for quantiles in zip(*runs)] for runs in (free, beside)]


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
        free, beside = compare(world, session, dice)
        world.endpoint.set_slow(dataset_id(SLOW), 0)
    world.drop_database("fairness")
    worse = max(ratio(with_both, without) for with_both, without in zip(beside, free))
    report.add("P10", f"{DATASETS} datasets, one dead, one slow: others <= 1.5",
               " / ".join(sample.text("{:.2f}") for sample in beside) + " ms",
               limit="without " + " / ".join(f"{sample.median:.2f}" for sample in free), ratio=worse,
               met=worse <= 1.5)
