#!/usr/bin/env python3
"""ha.py - disturbs a synchronous Patroni cluster while a CRM writes, and counts what arrived.

See test/ha.sh. Status 0: every change that was acknowledged is committed, every committed one was accepted by
the endpoint, no other was, and repeats have one event_id.
"""

import argparse
import os
import subprocess
import sys
import time

import psycopg2

from cluster import Cluster, wait_until
from crm import LEADS_EACH, SCHEMA, WRITERS, Crm

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "endpoint"))
from control import Control  # noqa: E402

DATASET = "1234567890123456"
TOKEN = "EAABha"

DATASET_SQL = """
CREATE EXTENSION crm_capi;
CREATE SERVER sales FOREIGN DATA WRAPPER crm_capi OPTIONS
    (dataset_id '{dataset}', lead_event_source 'Odoo', endpoint '{url}', ca_file '{ca}');
CREATE USER MAPPING FOR PUBLIC SERVER sales OPTIONS (access_token '{token}');
SELECT capi_watch('leads', lead_id => 'fb_lead_id', stage => 'status', event_time => 'changed_at');
"""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seconds", type=float, default=10)
    return parser.parse_args()


def start_endpoint(directory):
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "endpoint", "endpoint.py")
    process = subprocess.Popen(
        [sys.executable, program, "--directory", directory, "--token", TOKEN, "--dataset", DATASET],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=os.path.dirname(directory))
    process.stdout.readline()  # it listens
    return process


class World:
    def __init__(self, arguments):
        os.makedirs(arguments.directory)
        self.seconds = arguments.seconds
        endpoint = os.path.join(arguments.directory, "endpoint")
        self.endpoint = start_endpoint(endpoint)
        self.control = Control(endpoint)
        self.cluster = Cluster(os.path.join(arguments.directory, "cluster"), arguments.bin)
        self.crm = None
        with open(os.path.join(endpoint, "url"), encoding="ascii") as url:
            self.dataset = DATASET_SQL.format(dataset=DATASET, token=TOKEN, url=url.read().strip(),
                                              ca=os.path.join(endpoint, "ca.pem"))

    def start(self):
        self.cluster.start()
        self.crm = Crm(self.cluster.leader)
        self.sql(SCHEMA.format(leads=WRITERS * LEADS_EACH))
        self.sql(self.dataset)
        self.crm.start()

    def sql(self, statements):
        connection = self.crm.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(statements)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def accepted(self):
        return self.control.state()["accepted"]

    def disturb(self, name, disturbance):
        """Runs a disturbance, which returns the new leader, and tells when that sends."""
        before = self.accepted()
        time.sleep(self.seconds)
        wait_until(lambda: self.accepted() > before, "the CRM's changes arrive")
        began = time.monotonic()
        leader = disturbance()
        led = time.monotonic() - began
        at_promotion = self.accepted()
        wait_until(lambda: self.accepted() > at_promotion, f"{leader.name} sends")
        print(f"{name}: {leader.name} leads after {led:.1f} s and sends after {time.monotonic() - began:.1f} s",
              flush=True)

    def kill(self):
        old = self.cluster.leader()
        old.kill()
        return wait_until(lambda: self.cluster.leader(other_than=old), "a new leader"), old

    def killed(self):
        fallen = []

        def disturbance():
            leader, old = self.kill()
            fallen.append(old)
            return leader
        self.disturb("leader killed", disturbance)
        fallen[0].start()
        self.cluster.wait_for_health()

    def switched(self):
        self.disturb("switchover", self.cluster.switch_over)
        self.cluster.wait_for_health()

    def frozen(self):
        old = self.cluster.leader()

        def disturbance():
            old.freeze()
            return wait_until(lambda: self.cluster.leader(other_than=old), "a new leader")
        self.disturb("Patroni of the leader frozen", disturbance)
        # The watchdog's part: thawed, a Patroni without one may take the lock back from the new leader, and with
        # it what the new leader has acknowledged.
        old.kill()
        old.start()
        self.cluster.wait_for_health()

    def judge(self):
        """Prints the sums; returns whether they agree."""
        time.sleep(self.seconds)
        self.crm.stop()
        wait_until(lambda: self.sql("SELECT NOT EXISTS (SELECT FROM capi_owed)")[0][0], "nothing is owed")
        committed = {tuple(row) for row in self.sql("SELECT lead_id, stage FROM history")}
        ids, times = {}, {}
        for line in self.control.lines("accepted"):
            event = line["event"]
            key = (int(event["user_data"]["lead_id"]), event["event_name"])
            ids.setdefault(key, set()).add(event["event_id"])
            times[key] = times.get(key, 0) + 1
        repeated = sum(count - 1 for count in times.values())
        renamed = sum(len(one) > 1 for one in ids.values())
        origin = self.sql("SELECT status, detail FROM capi_check() WHERE check_name = 'origin'")[0]
        marks = [node.name for node in self.cluster.nodes
                 if os.path.exists(os.path.join(node.directory, "data", "crm_capi.copy"))]
        print(f"acknowledged {len(self.crm.acknowledged)}, committed {len(committed)}, accepted {len(ids)}; "
              f"repeated {repeated}, of them with another event_id {renamed}")
        for name, wrong in (("acknowledged and not committed", self.crm.acknowledged - committed),
                            ("committed and not acknowledged", committed - self.crm.acknowledged),
                            ("committed and not accepted", committed - ids.keys()),
                            ("accepted and not committed", ids.keys() - committed)):
            if wrong:
                print(f"{name}: {len(wrong)}, such as {sorted(wrong)[:3]}")
        print(f"origin: {origin[0]}; taken for copies: {', '.join(marks) or 'none'}")
        return (self.crm.acknowledged == committed == ids.keys() and renamed == 0 and not marks
                and origin[0] == "ok")

    def stop(self):
        self.crm.stopping.set()
        self.cluster.stop()
        self.endpoint.terminate()


def main():
    world = World(parse_arguments())
    try:
        print("== three servers under Patroni, one synchronous standby", flush=True)
        world.start()
        world.killed()
        world.switched()
        world.killed()
        world.frozen()
        world.switched()
        world.killed()
        return 0 if world.judge() else 1
    except (RuntimeError, psycopg2.Error) as trouble:
        print(f"ha.py: {trouble}", file=sys.stderr)
        return 1
    finally:
        world.stop()


if __name__ == "__main__":
    sys.exit(main())
