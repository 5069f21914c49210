"""endpoint.py - a handle on the endpoint for load (load_endpoint.cpp)."""

import json
import os
import select
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "endpoint"))
from certificates import make_certificates  # noqa: E402  (its folder has to be known first)


class Endpoint:
    def __init__(self, programs, directory):
        os.makedirs(directory, exist_ok=True)
        certificate, key = make_certificates(directory)
        self.ca_file = os.path.join(directory, "ca.pem")
        self.process = subprocess.Popen(
            [os.path.join(programs, "load_endpoint"), certificate, key],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.port = int(self.process.stdout.readline())
        self.url = f"https://127.0.0.1:{self.port}"

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def tell(self, command, seconds=10):
        self.process.stdin.write(command + "\n")
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        if not ready:
            raise RuntimeError(f"the endpoint gave no answer to \"{command}\" in {seconds} s")
        return self.process.stdout.readline().strip()

    def set_latency(self, milliseconds):
        self.tell(f"latency {milliseconds}")

    def set_slow(self, part, milliseconds):
        self.tell(f"slow {part} {milliseconds}")

    def reset(self):
        self.tell("reset")

    def counts(self):
        return json.loads(self.tell("stats"))

    def wait_for(self, events, seconds=120):
        """Waits until so many events have come in since the last reset; returns the counts."""
        return json.loads(self.tell(f"await {events}", seconds))

    def probes(self):
        """{number: monotonic nanoseconds} of the first arrival of each probe."""
        arrivals = {}
        for number, arrived in json.loads(self.tell("probes")):
            arrivals.setdefault(number, arrived)
        return arrivals
