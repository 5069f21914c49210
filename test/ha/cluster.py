"""cluster.py - etcd and three servers under Patroni, to be disturbed.

Every node has a folder of its own; what it prints lies there. Nothing listens but on 127.0.0.1.
"""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

NODES = 3

# The shortest that Patroni takes for the lease of the leader: a killed leader is missed after it.
LEASE_SECONDS = 20

PATIENCE = 240

NODE = """\
scope: crm
name: {name}
restapi: {{listen: '127.0.0.1:{api}', connect_address: '127.0.0.1:{api}'}}
etcd3: {{hosts: '127.0.0.1:{etcd}'}}
bootstrap:
  dcs:
    ttl: {lease}
    loop_wait: 2
    retry_timeout: 5
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters:
        shared_preload_libraries: crm_capi
        max_worker_processes: 16
        wal_log_hints: on
        crm_capi.poll_interval: 1s
        max_connections: 50
  initdb: [{{encoding: UTF8}}, {{locale: C.UTF-8}}, {{auth: trust}}]
postgresql:
  listen: 127.0.0.1:{port}
  connect_address: 127.0.0.1:{port}
  data_dir: {directory}/data
  bin_dir: {bin}
  pgpass: {directory}/pgpass
  parameters: {{unix_socket_directories: '{directory}', log_statement: none}}
  pg_hba: ['local all all trust', 'host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust']
  authentication:
    superuser: {{username: postgres, password: none}}
    replication: {{username: postgres, password: none}}
"""


def free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_until(condition, what, seconds=PATIENCE):
    """The first true value of condition()."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise RuntimeError(f"still not after {seconds} s: {what}")
        time.sleep(0.1)


class Node:
    def __init__(self, number, directory, binaries, etcd):
        self.name = f"node{number}"
        self.directory = os.path.join(directory, self.name)
        self.api, self.port = free_ports(2)
        os.makedirs(self.directory)
        self.config = os.path.join(self.directory, "patroni.yml")
        with open(self.config, "w", encoding="utf-8") as config:
            config.write(NODE.format(name=self.name, api=self.api, port=self.port, etcd=etcd, lease=LEASE_SECONDS,
                                     directory=self.directory, bin=binaries))
        self.process = None

    def start(self):
        with open(os.path.join(self.directory, "patroni.log"), "ab") as log:
            self.process = subprocess.Popen(["patroni", self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.directory)

    def kill(self):
        """As if the machine had lost its power: Patroni and the server at once."""
        with open(os.path.join(self.directory, "data", "postmaster.pid"), encoding="ascii") as pid:
            postmaster = int(pid.readline())
        self.process.kill()
        os.kill(postmaster, signal.SIGKILL)
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def ask(self, path, body=None):
        """(HTTP status, JSON) of Patroni's REST API; (0, None) if it does not answer."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.api}/{path}", data=data)
        try:
            with urllib.request.urlopen(request, timeout=30 if data else 2) as answer:
                return answer.status, self.decode(answer.read())
        except urllib.error.HTTPError as answer:
            return answer.code, self.decode(answer.read())
        except (OSError, ValueError):
            return 0, None

    @staticmethod
    def decode(text):
        try:
            return json.loads(text)
        except ValueError:
            return text.decode(errors="replace")


class Cluster:
    def __init__(self, directory, binaries):
        client, peer = free_ports(2)
        os.makedirs(directory)
        with open(os.path.join(directory, "etcd.log"), "ab") as log:
            self.etcd = subprocess.Popen(
                ["etcd", "--data-dir", os.path.join(directory, "etcd"),
                 "--listen-client-urls", f"http://127.0.0.1:{client}",
                 "--advertise-client-urls", f"http://127.0.0.1:{client}",
                 "--listen-peer-urls", f"http://127.0.0.1:{peer}",
                 "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                 "--initial-cluster", f"default=http://127.0.0.1:{peer}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory)
        self.nodes = [Node(number, directory, binaries, client) for number in range(1, NODES + 1)]

    def start(self):
        self.nodes[0].start()
        wait_until(self.leader, "a first leader")
        for node in self.nodes[1:]:
            node.start()
        self.wait_for_health()

    def leader(self, other_than=None):
        """The node that Patroni calls primary; None while there is none."""
        for node in self.nodes:
            if node is not other_than and node.ask("primary")[0] == 200:
                return node
        return None

    def is_healthy(self):
        """Every node runs, all on one timeline, and commits wait for a standby."""
        leader = self.leader()
        members = (leader.ask("cluster")[1] or {}).get("members", []) if leader else []
        return (len(members) == NODES
                and all(one["state"] in ("running", "streaming") for one in members)
                and len({one.get("timeline") for one in members}) == 1
                and any(one["role"] == "sync_standby" for one in members))

    def wait_for_health(self):
        wait_until(self.is_healthy, "three nodes that follow one leader")

    def switch_over(self):
        """A planned change of the leader; returns the new one."""
        old = self.leader()
        members = old.ask("cluster")[1]["members"]
        candidate = next(one["name"] for one in members if one["role"] == "sync_standby")
        status, answer = old.ask("switchover", {"leader": old.name, "candidate": candidate})
        if status != 200:
            raise RuntimeError(f"no switchover: {status} {answer}")
        return wait_until(lambda: self.leader(other_than=old), "the new leader")

    def stop(self):
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                node.thaw()
                node.process.terminate()
        for node in self.nodes:
            if node.process:
                node.process.wait(timeout=PATIENCE)
        self.etcd.terminate()
        self.etcd.wait(timeout=PATIENCE)
