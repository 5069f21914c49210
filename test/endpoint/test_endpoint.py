"""test_endpoint.py - sockets, TLS, records, restart, and the command line of control.py."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

from harness import (DATASET, HERE, LEAD, OTHER_TOKEN, TOKEN, Client, Endpoint, EndpointTest,
                     event)


class Connections(EndpointTest):
    def test_connection_is_reused_and_control_connections_have_no_number(self):
        for _ in range(3):
            self.client.post()
        self.open().post()
        numbers = [one["connection"] for one in self.control.lines("requests")]
        self.assertEqual(numbers, [numbers[0]] * 3 + [numbers[0] + 1])
        self.assertEqual(self.wait("open_connections", 2)["max_open_connections"], 2)

    def test_expect_100_continue_is_answered(self):
        raw = socket.create_connection(("127.0.0.1", self.endpoint.port), 20)
        self.addCleanup(raw.close)
        raw.sendall(f"POST /v26.0/{DATASET}/events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                    "Expect: 100-continue\r\n\r\n".encode())
        self.assertEqual(raw.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n")
        raw.sendall(b"{}")
        self.assertTrue(raw.recv(100).startswith(b"HTTP/1.1 401"))

    def test_chunked_body_is_read(self):
        body = json.dumps({"data": [event()]}).encode()
        self.client.http.request(
            "POST", f"/v26.0/{DATASET}/events", iter([body[:20], body[20:]]),
            {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
            encode_chunked=True)
        self.assertEqual(self.client.finish()[0], 200)

    def test_what_is_not_http_leaves_a_line(self):
        with socket.create_connection(("127.0.0.1", self.endpoint.port), 20) as raw:
            raw.sendall(b"HELLO\r\n\r\n")
            self.assertTrue(raw.recv(100).startswith(b"HTTP/1.1 400"))
        self.wait("requests", 1)
        self.assertEqual(self.control.lines("requests")[0]["outcome"], "bad_http")

    def test_idle_connections_can_be_dropped(self):
        self.client.post()
        while self.control.drop_idle() == 0:  # it becomes idle a moment after its answer
            pass
        self.wait("open_connections", at_most=0)


class Records(EndpointTest):
    def test_accepted_event_is_recorded_exactly(self):
        raw = ('{"data": [\n {"event_name":"q\\u00fc\\n","event_time":%d,'
               '"action_source":"system_generated","user_data":{"lead_id":%d},\n'
               '"custom_data":{"event_source":"crm","lead_event_source":"Odoo","x":1.10}}]}'
               % (event()["event_time"], LEAD)).encode()
        self.assert_accepted(self.client.post(raw=raw))
        with open(os.path.join(self.endpoint.directory, "accepted.jsonl"), "rb") as source:
            text = source.read()
        self.assertIn(b'"lead_id":%d}' % LEAD, text)
        self.assertIn(b'"x":1.10', text)
        (line,) = self.control.lines("accepted")
        self.assertEqual((line["dataset_id"], line["request"], line["index"], line["counts"]),
                         (DATASET, 1, 0, True))
        self.assertEqual(line["event"]["event_name"], "qü\n")
        self.assertIsInstance(line["received_at"], float)

    def test_answer_comes_after_the_record(self):
        for number in range(1, 30):
            self.client.post()
            self.assertEqual(len(self.control.lines("accepted")), number)
            self.assertEqual(len(self.control.lines("requests")), number)

    def test_request_line_tells_what_was_answered(self):
        _, body = self.client.post([event(42)], place="body")
        (entry,) = self.control.lines("requests")
        wanted = {"number": 1, "dataset": DATASET, "api_version": "v26.0", "event_count": 1,
                  "token_in": "body", "http": "HTTP/1.1", "status": 400, "code": 100,
                  "subcode": 2804036, "outcome": "refused", "accepted": False,
                  "verdict": "100/2804036", "fbtrace_id": body["error"]["fbtrace_id"]}
        self.assertEqual({key: entry[key] for key in wanted}, wanted)

    def test_tokens_are_never_recorded(self):
        for place in ("header", "body", "query"):
            self.client.post(place=place)
            self.client.post(place=place, token="EAABunknown")
        self.client.post(dataset=TOKEN)
        state = str(self.control.state())
        for name in os.listdir(self.endpoint.directory):
            path = os.path.join(self.endpoint.directory, name)
            if os.path.isfile(path):
                with open(path, encoding="utf-8") as source:
                    state += source.read()
        for secret in (TOKEN, OTHER_TOKEN, "EAABunknown"):
            self.assertNotIn(secret, state)

    def test_control_calls_work_with_plain_http(self):
        self.client.post()
        self.client.http.request("GET", "/_control/accepted?since=0")
        status, body = self.client.finish()
        self.assertEqual((status, body[:2], body[-1:]), (200, b'[{', b"]"))
        self.client.http.request("GET", "/_control/nothing")
        self.assertEqual(self.client.finish()[0], 400)


class CommandLine(EndpointTest):
    def run_control(self, *arguments, given=None):
        return subprocess.run(
            [sys.executable, os.path.join(HERE, "control.py"), "--directory",
             self.endpoint.directory, *arguments],
            input=given, capture_output=True, text=True, timeout=60, check=False)

    def test_commands_script_wait_and_show(self):
        given = '{"rules":[{"times":1,"action":{"hold":true}}]}'
        self.assertEqual(self.run_control("script", "-", given=given).returncode, 0)
        self.client.start()
        self.assertEqual(self.run_control("wait-held", "1").returncode, 0)
        self.assertEqual(self.run_control("release").stdout, "1\n")
        self.assertEqual(self.run_control("wait-accepted", "1").returncode, 0)
        self.assertEqual(self.client.finish()[0], 200)
        self.assertEqual(self.run_control("wait-in-flight", "0").returncode, 0)
        self.assertIn(str(LEAD), self.run_control("accepted").stdout)
        self.assertEqual(self.run_control("requests", "--since", "1").stdout, "")
        self.assertEqual(self.run_control("reset").returncode, 0)
        self.assertIn('"accepted": 0', self.run_control("state").stdout)

    def test_a_session_answers_call_after_call_also_after_a_wrong_one(self):
        place = ["--directory", self.endpoint.directory]
        calls = (["wait-accepted", "5", "--timeout", "0.01"], ["nonsense"],
                 ["script", '{"rules":[{"actoin":{}}]}'], ["release"])
        given = "".join(json.dumps(place + call) + "\n" for call in calls)
        finished = self.run_control("session", given=given)
        late, unknown, wrong, good = map(json.loads, finished.stdout.splitlines())
        self.assertEqual([late["code"], unknown["code"], wrong["code"], good["code"]], [1, 2, 2, 0])
        self.assertIn("not within", late["error"])
        self.assertIn("nonsense", unknown["error"])
        self.assertIn("actoin", wrong["error"])
        self.assertEqual(good, {"code": 0, "output": "0\n", "error": ""})
        self.assertEqual(finished.returncode, 0)

    def test_exit_codes_tell_time_and_trouble_apart(self):
        late = self.run_control("wait-accepted", "5", "--timeout", "0.01")
        self.assertEqual(late.returncode, 1)
        self.assertIn("not within", late.stderr)
        wrong = self.run_control("script", '{"rules":[{"actoin":{}}]}')
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("actoin", wrong.stderr)


class Tls(unittest.TestCase):
    def start(self, *options, **how):
        endpoint = Endpoint("--token", TOKEN, *options, **how)
        self.addCleanup(endpoint.close)
        return endpoint

    def post(self, endpoint):
        client = Client(endpoint, tls=True)
        try:
            return client.post()[0]
        finally:
            client.close()

    def test_good_certificate_is_trusted_by_name_and_address(self):
        endpoint = self.start()
        self.assertEqual(self.post(endpoint), 200)
        for name in ("localhost", "127.0.0.1", "::1"):
            with socket.create_connection(("127.0.0.1", endpoint.port), 20) as raw:
                with endpoint.trust().wrap_socket(raw, server_hostname=name) as safe:
                    self.assertIn(safe.version(), ("TLSv1.2", "TLSv1.3"))

    def test_wrong_certificates_are_wrong_in_the_way_that_was_asked(self):
        for kind, sign in (("wrong-host", "mismatch"), ("expired", "expired"),
                           ("untrusted", "unable to get local issuer|self-signed|signature")):
            endpoint = self.start("--certificate", kind)
            with self.assertRaisesRegex(ssl.SSLCertVerificationError, sign):
                self.post(endpoint)
            reached, _ = endpoint.control.wait("requests", 0, 0, 20)
            self.assertTrue(reached)

    def test_faults_work_over_tls(self):
        endpoint = self.start()
        endpoint.control.script({"times": 1, "action": {"reset": True, "accept": True}},
                                {"times": 1, "action": {"cut": "after_body"}},
                                {"times": 1, "action": {"hold": True}})
        for _ in range(2):
            with self.assertRaises(OSError):
                self.post(endpoint)
        client = Client(endpoint, tls=True)
        client.start()
        self.assertTrue(endpoint.control.wait("held", 1)[0])
        client.close()
        self.assertTrue(endpoint.control.wait("in_flight", at_most=0)[0])
        self.assertEqual(self.post(endpoint), 200)
        self.assertEqual(endpoint.control.state()["accepted"], 2)

    def test_plain_text_to_the_tls_port_is_counted(self):
        endpoint = self.start()
        with socket.create_connection(("127.0.0.1", endpoint.port), 20) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
            self.assertTrue(endpoint.control.wait("tls_failures", 1)[0])


class Life(unittest.TestCase):
    def post_once(self, endpoint):
        client = Client(endpoint, tls=True)
        client.post()
        client.close()

    def test_restart_keeps_authority_records_and_numbers(self):
        with tempfile.TemporaryDirectory(prefix="standin-") as directory:
            first = Endpoint("--token", TOKEN, directory=directory)
            with open(os.path.join(directory, "ca.pem"), encoding="ascii") as source:
                authority = source.read()
            self.post_once(first)
            self.assertEqual(first.stop(), 0)
            self.assertFalse(os.path.exists(os.path.join(directory, "port")))
            again = Endpoint("--token", TOKEN, "--port", str(first.port), directory=directory)
            self.addCleanup(again.close)
            self.assertEqual(again.port, first.port)
            with open(os.path.join(directory, "ca.pem"), encoding="ascii") as source:
                self.assertEqual(source.read(), authority)
            self.post_once(again)
            self.assertEqual([one["request"] for one in again.control.lines("accepted")], [1, 2])
            self.assertEqual(again.control.state()["datasets"][DATASET]["accepted"], 2)
            again.close()

    def test_stops_at_once_with_a_request_held(self):
        endpoint = Endpoint("--plain", "--token", TOKEN)
        self.addCleanup(endpoint.close)
        endpoint.control.script({"action": {"hold": True}})
        client = Client(endpoint)
        client.start()
        endpoint.control.wait("held", 1)
        endpoint.process.send_signal(signal.SIGTERM)
        self.assertEqual(endpoint.process.wait(2), 0)
        with self.assertRaises(OSError):
            client.finish()
        client.close()

    def test_count_only_reads_no_events(self):
        endpoint = Endpoint("--plain", "--count-only")
        self.addCleanup(endpoint.close)
        client = Client(endpoint)
        self.assertEqual(client.post([event()] * 7)[1]["events_received"], 7)
        self.assertEqual(endpoint.control.state()["accepted"], 7)
        self.assertEqual(endpoint.control.lines("accepted"), [])
        client.close()


if __name__ == "__main__":
    unittest.main()
