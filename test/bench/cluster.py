"""cluster.py - the throw-away server of a benchmark, with fsync on."""

import os
import subprocess
import sys
import time

import psycopg2

import measure

SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{sockets}'
shared_preload_libraries = 'crm_capi'
fsync = on
shared_buffers = 512MB
max_wal_size = 16GB
checkpoint_timeout = 1h
autovacuum_naptime = 1h
max_connections = 100
"""


class Cluster:
    def __init__(self, pg_config, directory):
        self.bin = subprocess.check_output([pg_config, "--bindir"], text=True).strip()
        self.data = os.path.join(directory, "data")
        self.sockets = directory
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                 "--locale=C.UTF-8", "--no-sync")
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="ascii") as conf:
            conf.write(SETTINGS.format(sockets=directory))
        self.log = os.path.join(directory, "server.log")
        self.run("pg_ctl", "-D", self.data, "-l", self.log, "-w", "start")

    def run(self, program, *arguments):
        done = subprocess.run([os.path.join(self.bin, program), *arguments], text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr}")

    def restart(self):
        """Returns when the server was told to start, by the monotonic clock."""
        self.run("pg_ctl", "-D", self.data, "-m", "fast", "-t", "600", "-w", "stop")
        began = time.monotonic()
        self.run("pg_ctl", "-D", self.data, "-l", self.log, "-w", "start")
        return began

    def postmaster(self):
        with open(os.path.join(self.data, "postmaster.pid"), encoding="ascii") as file:
            return int(file.readline())

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def print_log(self):
        """The end of the server's log, for whoever looks for what went wrong."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            sys.stderr.writelines(log.readlines()[-30:])

    def conninfo(self, database):
        return f"host={self.sockets} user=postgres dbname={database}"

    def connect(self, database):
        return Session(self.conninfo(database))


class Session:
    """A session in autocommit mode; transactions are begun and ended by statements."""

    def __init__(self, conninfo):
        self.connection = psycopg2.connect(conninfo)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.pid = self.connection.info.backend_pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def do(self, sql, *values):
        self.cursor.execute(sql, values or None)

    def value(self, sql, *values):
        self.cursor.execute(sql, values or None)
        return self.cursor.fetchone()[0]

    def cpu_us(self, sql):
        """CPU of this session's backend for a statement."""
        before = measure.cpu_us(self.pid)
        self.cursor.execute(sql)
        return measure.cpu_us(self.pid) - before

    def wal_position(self):
        return int(self.value("SELECT pg_current_wal_insert_lsn() - '0/0'"))

    def shipper(self):
        """Process id of this database's shipper, once there is one."""
        pid = None
        while pid is None:
            pid = self.value("SELECT capi_shipper_pid()")
            time.sleep(0.01)
        return pid
