"""world.py - what the benchmarks share: server, endpoint, a database with the extension, peers."""

import os

import cluster
import endpoint
import measure

DATASET_ID = "1234567890123456"
FIRST_LEAD = 123456789012345
TRY = 10  # so much less than a quick run does one that is only tried

# One transaction takes its id before the ids of its events, as the trigger does; and what is
# inserted past the trigger wakes nobody, so the last event goes the ordinary way.
FILL = """
BEGIN;
SELECT pg_current_xact_id();
INSERT INTO capi_event_log (id, enqueued_at, event_time, lead_id, dataset, parked, event_name)
SELECT nextval('capi_event_id'), now(), now(), {first} + i,
       (SELECT min(number) FROM capi_dataset WHERE name = '{dataset}'), false, 'qualified'
FROM generate_series(1, {count} - 1) i;
SELECT capi_send_lead_event({first}, 'qualified', dataset => '{dataset}');
"""

OUTBOX = """
CREATE TABLE outbox (id bigint PRIMARY KEY, xid xid8, body text);
CREATE TABLE outbox_position (seen pg_snapshot, position bigint) WITH (fillfactor = 10);
INSERT INTO outbox_position VALUES ('1:1:', 0);
"""

# Bodies as they are sent, made beforehand.
FILL_OUTBOX = """
INSERT INTO outbox
SELECT i, pg_current_xact_id(), replace(%s, '{first}', ({first} + i)::text)
FROM generate_series(1, {count}) i
"""


class World:
    def __init__(self, options):
        self.programs = options.programs
        self.directory = options.directory
        self.size = options.size
        self.cluster = cluster.Cluster(options.pg_config, options.directory)
        try:
            self.endpoint = endpoint.Endpoint(options.programs,
                                              os.path.join(options.directory, "endpoint"))
        except BaseException:
            self.cluster.stop()
            raise

    def stop(self):
        self.endpoint.stop()
        self.cluster.stop()

    def pick(self, quick, full):
        """How much of something this run takes: a number, or several."""
        if self.size == "full":
            return full
        if self.size == "quick":
            return quick
        if isinstance(quick, tuple):
            return tuple(number // TRY for number in quick)
        return max(1, quick // TRY)

    def create_database(self, name):
        """A database with the extension; returns a session in it."""
        with self.cluster.connect("postgres") as session:
            session.do(f"CREATE DATABASE {name}")
        session = self.cluster.connect(name)
        session.do("CREATE EXTENSION crm_capi")
        return session

    @staticmethod
    def set_databases(session, databases):
        """Where shippers may run; empty = wherever the extension is."""
        session.do(f"ALTER SYSTEM SET crm_capi.databases = '{databases}'")
        session.do("SELECT pg_reload_conf()")

    def drop_database(self, name):
        with self.cluster.connect("postgres") as session:
            session.do(f"DROP DATABASE {name} WITH (FORCE)")

    def create_dataset(self, session, name, dataset_id=DATASET_ID, **options):
        settings = {"dataset_id": dataset_id, "lead_event_source": "Odoo", "batch_size": 1000,
                    "endpoint": self.endpoint.url, "ca_file": self.endpoint.ca_file, **options}
        listed = ", ".join(f"{key} '{value}'" for key, value in settings.items())
        session.do(f"CREATE SERVER {name} FOREIGN DATA WRAPPER crm_capi OPTIONS ({listed});"
                   f" CREATE USER MAPPING FOR PUBLIC SERVER {name} OPTIONS (access_token 'EAABbench')")

    def register_dataset(self, session, name):
        """The dataset gets its number with its first event."""
        before = self.endpoint.counts()["events"]
        session.do("SELECT capi_send_lead_event(%s, 'first', dataset => %s)", FIRST_LEAD, name)
        self.endpoint.wait_for(before + 1)
        measure.wait_until(lambda: self.is_settled(session), "the first event is settled")

    @staticmethod
    def is_settled(session):
        return session.value("SELECT NOT EXISTS (SELECT FROM capi_request_log"
                             " WHERE finished_at IS NULL)")

    @staticmethod
    def fill(session, dataset, count):
        """Events of so many leads in a transaction that is still open."""
        session.do(FILL.format(first=FIRST_LEAD, dataset=dataset, count=count))

    @staticmethod
    def event_body(session):
        """The event of the first lead exactly as it is sent."""
        return session.value(
            "SELECT capi_payload(id)::text FROM capi_event_log WHERE lead_id = %s ORDER BY id LIMIT 1",
            FIRST_LEAD).replace(": ", ":").replace(", ", ",")

    @staticmethod
    def fill_outbox(session, body, count):
        session.do("TRUNCATE outbox; UPDATE outbox_position SET seen = '1:1:', position = 0")
        session.do(FILL_OUTBOX.format(first=FIRST_LEAD, count=count), body)
