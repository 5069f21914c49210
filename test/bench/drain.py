"""drain.py - P4, P5, P12: how fast a queue drains, through TLS, with bodies built from rows."""

import os
import re
import subprocess
import sys
import time

import measure
import profile_shares
from measure import Sample, ratio
from world import DATASET_ID, OUTBOX

BATCH = 1000


def rate(counts, since_ns):
    return counts["events"] / ((counts["last_ns"] - since_ns) / 1e9)


def drain_ours(world, session, count):
    """Events per second from one commit of so many events on, and CPU us per event."""
    shipper = session.shipper()
    world.endpoint.reset()
    world.fill(session, "sales", count)
    before = measure.cpu_us(shipper)
    began = time.monotonic_ns()
    session.do("COMMIT")
    counts = world.endpoint.wait_for(count)
    cpu = measure.cpu_us(shipper) - before
    measure.wait_until(lambda: world.is_settled(session), "everything is settled")
    return rate(counts, min(began, counts["first_ns"])), cpu / count


def drain_peer(world, session, body, count, command):
    """Events per second from the first request on, connecting not counted; and CPU us per event, if
    the client says what it cost."""
    world.fill_outbox(session, body, count)
    world.endpoint.reset()
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    counts = world.endpoint.counts()
    if counts["events"] != count:
        raise RuntimeError(f"{command[0]}: {counts['events']} of {count} events arrived")
    cost = re.search(r"^cpu_us (\d+)$", said, re.MULTILINE)
    return rate(counts, counts["first_ns"]), cost and int(cost.group(1)) / count


class Peers:
    def __init__(self, world, session):
        self.world = world
        self.session = session
        self.body = world.event_body(session)
        self.conninfo = world.cluster.conninfo("drain")
        self.url = f"{world.endpoint.url}/v25.0/{DATASET_ID}/events"
        self.body_file = os.path.join(world.directory, "body.json")
        with open(self.body_file, "w", encoding="utf-8") as file:
            file.write('{"data":[' + ",".join([self.body] * BATCH) + "]}")
        session.do(OUTBOX)

    def cpp(self, mode, threads, count):
        return drain_peer(self.world, self.session, self.body, count, [
            os.path.join(self.world.programs, "outbox_client"), mode, self.conninfo, self.url,
            self.world.endpoint.ca_file, str(BATCH), str(threads)])

    def python(self, count):
        client = os.path.join(os.path.dirname(os.path.abspath(__file__)), "outbox_client.py")
        return drain_peer(self.world, self.session, self.body, count, [
            sys.executable, client, self.conninfo, self.url, self.world.endpoint.ca_file, str(BATCH)])

    def bare_loop(self, requests, in_flight):
        self.world.endpoint.reset()
        subprocess.run([os.path.join(self.world.programs, "bare_loop"), self.url,
                        self.world.endpoint.ca_file, self.body_file, str(requests), str(in_flight)],
                       check=True)
        counts = self.world.endpoint.counts()
        return rate(counts, counts["first_ns"])


def set_in_flight(session, number):
    session.do(f"ALTER SERVER sales OPTIONS (SET max_in_flight '{number}')")


def measure_p4(world, session, peers, report):
    count = world.pick(50000, 200000)
    runs = {name: [] for name in ("ours", "cpu", "skip", "skip cpu", "cursor", "cursor cpu", "python",
                                  "loop")}
    set_in_flight(session, 4)
    drain_ours(world, session, count // 5)
    for _ in range(world.pick(3, 7)):
        speed, cpu = drain_ours(world, session, count)
        runs["ours"].append(speed)
        runs["cpu"].append(cpu)
        for peer, mode in (("skip", "skip-locked"), ("cursor", "cursor")):
            speed, cpu = peers.cpp(mode, 1, count)
            runs[peer].append(speed)
            runs[peer + " cpu"].append(cpu)
        runs["loop"].append(peers.bare_loop(count // BATCH * 4, 4))
    for _ in range(world.pick(1, 3)):
        runs["python"].append(peers.python(count // 2)[0])
    samples = {name: Sample(values) for name, values in runs.items()}
    ours = samples["ours"]
    limit = f"bare loop {samples['loop'].median:,.0f}"
    report.add("P4", "drain at once: >= 1.3 of SKIP LOCKED in C++", f"{ours.text('{:,.0f}')} /s",
               limit=limit, peer=samples["skip"].text("{:,.0f}"), ratio=ratio(ours, samples["skip"]),
               met=ratio(ours, samples["skip"]) >= 1.3)
    report.add("P4", "  >= 0.9 of a snapshot cursor, ready bodies", f"{ours.median:,.0f} /s",
               limit=limit, peer=samples["cursor"].text("{:,.0f}"),
               ratio=ratio(ours, samples["cursor"]), met=ratio(ours, samples["cursor"]) >= 0.9)
    report.judge_release(
        f"delivered: {samples['cpu'].median:.2f} us of the shipper (SKIP LOCKED client and its session "
        f"{samples['skip cpu'].median:.2f}, snapshot cursor and its session "
        f"{samples['cursor cpu'].median:.2f})")
    report.note(f"P4 shipper CPU {samples['cpu'].text('{:.2f}')} us per event; SKIP LOCKED in Python "
                f"{samples['python'].median:,.0f} /s; pg_net 207 /s (recorded)")
    report.note("P4 " + profile_shares.of_shipper(
        session.shipper(), world.directory, lambda: drain_ours(world, session, count)))


def measure_p5(world, session, peers, report):
    world.endpoint.set_latency(100)
    for in_flight in (4, 16):
        bound = in_flight * BATCH / 0.1
        count = int(bound * world.pick(1, 6))
        set_in_flight(session, in_flight)
        ours, loop, skip = [], [], []
        for _ in range(world.pick(1, 3)):
            ours.append(drain_ours(world, session, count)[0])
            loop.append(peers.bare_loop(count // BATCH, in_flight))
            skip.append(peers.cpp("skip-locked", in_flight, count // 2)[0])
        sample = Sample(ours)
        report.add("P5", f"drain after 100 ms, {in_flight} in flight: >= 0.9 of {bound:,.0f}",
                   f"{sample.text('{:,.0f}')} /s", limit=f"bare loop {Sample(loop).median:,.0f}",
                   peer=f"SKIP LOCKED, {in_flight} sessions {Sample(skip).median:,.0f}",
                   ratio=sample.median / bound, met=sample.median >= 0.9 * bound)
    world.endpoint.set_latency(0)


def measure_p12(world, session, report):
    """Peak of the shipper's descriptors while a long queue drains slowly."""
    set_in_flight(session, 16)
    shipper = session.shipper()
    idle = measure.open_files(shipper)
    count = world.pick(50000, 200000)
    world.endpoint.set_latency(50)
    world.endpoint.reset()
    world.fill(session, "sales", count)
    session.do("COMMIT")
    peak = 0
    while world.endpoint.counts()["events"] < count:
        peak = max(peak, measure.open_files(shipper))
        time.sleep(0.02)
    connections = world.endpoint.counts()["peak_connections"]
    world.endpoint.set_latency(0)
    report.add("P12", f"sockets with {count} queued: <= max_in_flight = 16",
               f"{connections} connections, {idle} -> {peak} descriptors",
               peer="pg_net: 1,024 files, half its events lost (recorded)", met=connections <= 16)


def measure_all(world, chosen, report, session):
    peers = Peers(world, session)
    if "P4" in chosen:
        measure_p4(world, session, peers, report)
    if "P5" in chosen:
        measure_p5(world, session, peers, report)
    if "P12" in chosen:
        measure_p12(world, session, report)


def measure_targets(world, chosen, report):
    with world.create_database("drain") as session:
        world.create_dataset(session, "sales", max_in_flight=4)
        world.register_dataset(session, "sales")
        measure_all(world, chosen, report, session)
    world.drop_database("drain")
