"""crm.py - a CRM that goes on writing through every failover, and knows what it was promised."""

import select
import threading
import time

import psycopg2
import psycopg2.extensions

WRITERS = 4
LEADS_EACH = 25

# Between two changes of a writer: the cluster is to be busy, and the machine to have room.
PAUSE_SECONDS = 0.02

# A leader that waits for a standby that is gone answers no more: then the writer looks for another.
ANSWER_SECONDS = 5

SCHEMA = """
CREATE TABLE leads (id integer PRIMARY KEY, fb_lead_id bigint, step integer NOT NULL DEFAULT 0, status text,
                    changed_at timestamptz NOT NULL DEFAULT clock_timestamp());
INSERT INTO leads (id, fb_lead_id) SELECT i, 12345678901230000 + i FROM generate_series(0, {leads} - 1) i;
CREATE TABLE history (lead_id bigint, stage text, PRIMARY KEY (lead_id, stage));
"""

CHANGE = """
WITH changed AS (
    UPDATE leads SET step = %(step)s, status = 'stage ' || %(step)s, changed_at = clock_timestamp()
    WHERE id = %(id)s AND step = %(step)s - 1 RETURNING fb_lead_id, status)
INSERT INTO history SELECT fb_lead_id, status FROM changed
"""


def wait_for_answer(connection):
    while True:
        state = connection.poll()
        if state == psycopg2.extensions.POLL_OK:
            return
        reads = [connection.fileno()] if state == psycopg2.extensions.POLL_READ else []
        writes = [] if reads else [connection.fileno()]
        if not any(select.select(reads, writes, [], ANSWER_SECONDS)):
            raise psycopg2.OperationalError(f"no answer within {ANSWER_SECONDS} s")


psycopg2.extensions.set_wait_callback(wait_for_answer)


class Crm:
    def __init__(self, leader):
        self.leader = leader       # tells the node that leads, as a load balancer's health check would
        self.acknowledged = set()  # (lead, stage): the commit came back, or was found to have happened
        self.stopping = threading.Event()
        self.failure = None
        self.threads = [threading.Thread(target=self.write, args=(number,), daemon=True) for number in range(WRITERS)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        if self.failure:
            raise self.failure

    def connect(self):
        leader = self.leader()
        if leader is None:
            raise psycopg2.OperationalError("nobody leads")
        connection = psycopg2.connect(host="127.0.0.1", port=leader.port, user="postgres", dbname="postgres")
        connection.autocommit = True
        return connection

    def write(self, number):
        """One writer. Whether a commit that brought no answer has happened, the next attempt finds: the change
        names the step that it begins at."""
        connection, change = None, 0
        while not self.stopping.is_set():
            lead, step = number * LEADS_EACH + change % LEADS_EACH, change // LEADS_EACH + 1
            try:
                if connection is None:
                    connection = self.connect()
                with connection.cursor() as cursor:
                    cursor.execute(CHANGE, {"id": lead, "step": step})
                    warned = any("canceling wait for synchronous replication" in one for one in connection.notices)
                    if warned:  # committed here, and perhaps nowhere else: no promise
                        raise psycopg2.OperationalError("not confirmed by the standby")
                    if cursor.rowcount == 0:
                        cursor.execute("SELECT step FROM leads WHERE id = %s", (lead,))
                        if cursor.fetchone()[0] != step:
                            raise RuntimeError(f"lead {lead} has lost a change that was acknowledged before {step}")
                self.acknowledged.add((12345678901230000 + lead, f"stage {step}"))
                change += 1
                time.sleep(PAUSE_SECONDS)
            except psycopg2.Error:
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.2)
            except Exception as failure:  # the main thread reports it
                self.failure = failure
                return
