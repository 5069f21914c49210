"""harness.py - what the self-tests share: an endpoint of their own, a client, good events."""

import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
from urllib.parse import urlencode

from control import Control

HERE = os.path.dirname(os.path.abspath(__file__))
TOKEN = "EAABselftest"
OTHER_TOKEN = "EAABother"
DATASET = "1234567890123456"
OTHER_DATASET = "2234567890123456"
LEAD = 12345678901234567  # as a double it would be ...568
HASH = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
UNSET = object()


def event(lead=LEAD, name="qualified", age=10, **changes):
    """A correct event; a change to UNSET leaves the field out."""
    made = {"event_name": name, "event_time": int(time.time()) - age,
            "action_source": "system_generated", "event_id": f"e-{lead}-{name}",
            "user_data": {"lead_id": lead},
            "custom_data": {"event_source": "crm", "lead_event_source": "Odoo"}, **changes}
    return {key: value for key, value in made.items() if value is not UNSET}


class Endpoint:
    """A running endpoint.py."""

    def __init__(self, *options, directory=None):
        self.temporary = None if directory else tempfile.TemporaryDirectory(prefix="standin-")
        self.directory = directory or self.temporary.name
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "endpoint.py"), "--directory", self.directory,
             *options], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"endpoint did not start: {self.process.wait()}")
        self.port = int(line)
        self.control = Control(self.directory)

    def stop(self):
        self.process.terminate()
        code = self.process.wait(10)
        self.process.stdout.close()
        return code

    def close(self):
        if self.process.poll() is None:
            self.stop()
        self.process.stdout.close()
        if self.temporary:
            self.temporary.cleanup()

    def trust(self):
        return ssl.create_default_context(cafile=os.path.join(self.directory, "ca.pem"))


class Client:
    """One connection to an endpoint."""

    def __init__(self, endpoint, tls=False, timeout=20):
        if tls:
            self.http = http.client.HTTPSConnection(
                "localhost", endpoint.port, context=endpoint.trust(), timeout=timeout)
        else:
            self.http = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=timeout)
        self.answer = None

    def start(self, events=UNSET, *, fields=None, raw=None, token=TOKEN, place="header",
              dataset=DATASET, version="v26.0", path=None, method="POST", headers=None, query=None):
        """Send a request without waiting for its answer."""
        query, headers = dict(query or {}), {"Content-Type": "application/json", **(headers or {})}
        body = {"data": [event()] if events is UNSET else events, **(fields or {})}
        if place == "header":
            headers["Authorization"] = f"Bearer {token}"
        elif place == "body":
            body["access_token"] = token
        elif place == "query":
            query["access_token"] = token
        path = path or f"/{version}/{dataset}/events"
        if query:
            path += "?" + urlencode(query)
        body = json.dumps(body).encode() if raw is None else raw
        headers = {key: value for key, value in headers.items() if value is not None}
        self.http.request(method, path, None if method == "GET" else body, headers)

    def finish(self):
        """Returns (status, body as bytes)."""
        self.answer = self.http.getresponse()
        return self.answer.status, self.answer.read()

    def post(self, events=UNSET, **how):
        """Returns (status, decoded body)."""
        self.start(events, **how)
        status, body = self.finish()
        return status, json.loads(body)

    def close(self):
        self.http.close()


class EndpointTest(unittest.TestCase):
    """Tests that share one endpoint, reset before each."""

    options = ("--plain", "--token", TOKEN, "--dataset", DATASET, "--dataset", OTHER_DATASET,
               "--token", f"{OTHER_TOKEN}={OTHER_DATASET}")

    @classmethod
    def setUpClass(cls):
        cls.endpoint = Endpoint(*cls.options)
        cls.control = cls.endpoint.control

    @classmethod
    def tearDownClass(cls):
        cls.endpoint.close()

    def setUp(self):
        self.control.reset()
        self.client = self.open()

    def open(self, **how):
        client = Client(self.endpoint, **how)
        self.addCleanup(client.close)
        return client

    def wait(self, counter, at_least=None, at_most=None, dataset=None):
        reached, state = self.control.wait(counter, at_least, at_most, 20, dataset)
        self.assertTrue(reached, f"{counter}: {state}")
        return state

    def assert_refused(self, answer, code, subcode=None, status=400):
        got, body = answer
        error = body.get("error", {})
        self.assertEqual((got, error.get("code"), error.get("error_subcode")),
                         (status, code, subcode), body)

    def assert_accepted(self, answer, received=1):
        status, body = answer
        self.assertEqual((status, body.get("events_received")), (200, received), body)
