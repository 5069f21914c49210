"""test_script.py - scripted answers, pauses and broken connections."""

import http.client
import json
import threading
import unittest

from control import Trouble
from harness import DATASET, LEAD, OTHER_DATASET, EndpointTest, event

BROKEN = (http.client.HTTPException, ConnectionError)


class Answers(EndpointTest):
    def test_first_matching_rule_decides_and_runs_out(self):
        self.control.script({"times": 2, "action": {"code": 4, "status": 429}},
                            {"action": {"code": 2}})
        self.assert_refused(self.client.post(), 4, status=429)
        self.assert_refused(self.client.post(), 4, status=429)
        self.assert_refused(self.client.post(), 2, status=500)
        self.assertEqual([(one["applied"], one["left"]) for one in self.control.state()["rules"]],
                         [(2, 0), (1, None)])

    def test_rules_match_dataset_number_and_contents(self):
        self.control.script(
            {"match": {"dataset": OTHER_DATASET}, "action": {"code": 1}},
            {"match": {"request_number": [2, 3]}, "action": {"code": 2}},
            {"match": {"event_name": "lost"}, "action": {"code": 3}},
            {"match": {"lead_id": LEAD + 1}, "action": {"code": 100, "subcode": 2804036}},
            {"match": {"min_events": 3}, "action": {"code": 105}})
        self.assert_refused(self.client.post(dataset=OTHER_DATASET), 1, status=500)
        self.assert_refused(self.client.post(), 2, status=500)
        self.assert_refused(self.client.post(), 2, status=500)
        self.assert_refused(self.client.post([event(), event(name="lost")]), 3)
        self.assert_refused(self.client.post([event(LEAD + 1)]), 100, 2804036)
        self.assert_refused(self.client.post([event()] * 3), 105)
        self.assert_accepted(self.client.post())

    def test_misspelt_scripts_are_refused(self):
        for rule in ({"acton": {}}, {"action": {"stauts": 1}}, {"match": {"lead": 1}}, 1,
                     {"action": {"cut": "never"}}, {"action": {"body": {"kind": "nice"}}},
                     {"match": {"event_name": "x"}, "action": {"cut": "before_read"}},
                     {"action": {"status": True}}):
            with self.assertRaises(Trouble):
                self.control.script(rule)

    def test_error_object_can_come_with_status_200_and_be_transient(self):
        self.control.script({"action": {"status": 200, "code": 9999, "is_transient": True}})
        status, body = self.client.post()
        self.assertEqual((status, body["error"]["is_transient"]), (200, True))
        self.assertEqual(self.control.state()["accepted"], 0)

    def test_events_received_can_lie(self):
        self.control.script({"action": {"events_received": 7, "messages": ["hm"]}})
        self.assert_accepted(self.client.post(), 7)
        self.assertEqual(self.control.state()["accepted"], 1)

    def test_events_can_be_taken_behind_an_error_and_dropped_behind_a_success(self):
        self.control.script({"times": 1, "action": {"code": 1, "accept": True}},
                            {"action": {"accept": False}})
        self.assert_refused(self.client.post(), 1, status=500)
        self.assertEqual(self.control.state()["accepted"], 1)
        self.assert_accepted(self.client.post())
        self.assertEqual(self.control.state()["accepted"], 1)

    def test_headers_are_added_and_replaced(self):
        self.control.script({"action": {"headers": {
            "X-App-Usage": '{"call_count":99}', "content-type": "text/html",
            "Connection": "close"}}})
        self.assert_accepted(self.client.post())
        self.assertEqual(self.client.answer.headers["x-app-usage"], '{"call_count":99}')
        self.assertEqual(self.client.answer.headers.get_all("Content-Type"), ["text/html"])
        self.wait("open_connections", at_most=0)

    def test_redirect_carries_its_address(self):
        self.control.script({"action": {"redirect": "http://127.0.0.1:1/stolen"}})
        self.client.start()
        status, body = self.client.finish()
        self.assertEqual((status, body, self.client.answer.headers["Location"]),
                         (302, b"", "http://127.0.0.1:1/stolen"))

    def test_raw_bodies(self):
        def answer(body, **more):
            self.control.script({"action": {"body": body, **more}})
            self.client.start()
            return self.client.finish()
        self.assertEqual(answer("{}"), (200, b"{}"))
        self.assertEqual(answer({"kind": "empty"}), (200, b""))
        status, html = answer({"kind": "html"})
        self.assertEqual((status, html[:9]), (502, b"<!DOCTYPE"))
        for code in ({}, {"code": 2}):
            with self.assertRaises(ValueError):
                json.loads(answer({"kind": "cut_json"}, **code)[1])
        with self.assertRaises(UnicodeDecodeError):
            answer({"kind": "invalid_utf8"})[1].decode()
        status, huge = answer({"kind": "huge", "bytes": 3_000_000})
        self.assertEqual((len(huge), json.loads(huge)["events_received"]), (3_000_000, 1))
        self.assertEqual(answer({"kind": "nested", "depth": 9})[1].count(b"{"), 9)

    def test_status_alone_has_an_empty_body(self):
        self.control.script({"action": {"status": 503}})
        self.client.start()
        self.assertEqual(self.client.finish(), (503, b""))

    def test_drip_sends_the_whole_answer(self):
        self.control.script({"action": {"drip": {"bytes": 50, "seconds": 0.001}}})
        self.assert_accepted(self.client.post())


class Pauses(EndpointTest):
    def start(self, *events, dataset=DATASET):
        client = self.open()
        client.start(list(events) or [event()], dataset=dataset)
        return client

    def test_held_request_waits_for_its_release(self):
        self.control.script({"name": "gate", "action": {"hold": True}})
        clients = [self.start() for _ in range(3)]
        state = self.wait("held", 3)
        self.assertEqual((state["in_flight"], state["accepted"], state["requests"]), (3, 0, 0))
        self.assertEqual(self.control.release(name="other"), 0)
        self.assertEqual(self.control.release(count=1), 1)
        self.wait("accepted", 1, 1)
        self.assertEqual(self.control.release(name="gate"), 2)
        for client in clients:
            self.assertEqual(client.finish()[0], 200)
        state = self.wait("in_flight", at_most=0)
        self.assertEqual((state["max_in_flight"], state["held"]), (3, 0))

    def test_events_can_be_accepted_before_the_hold(self):
        self.control.script({"action": {"hold": True, "when": "after_accept"}})
        client = self.start()
        state = self.wait("held", 1)
        self.assertEqual((state["accepted"], state["requests"]), (1, 0))
        client.close()
        self.wait("in_flight", at_most=0)
        entry = self.control.lines("requests")[0]
        self.assertEqual((entry["outcome"], entry["accepted"]), ("client_gone", True))

    def test_client_that_leaves_while_held_is_noticed_and_not_accepted(self):
        self.control.script({"action": {"hold": True}})
        client = self.start()
        self.wait("held", 1)
        client.close()
        self.wait("in_flight", at_most=0)
        entry = self.control.lines("requests")[0]
        self.assertEqual((entry["outcome"], entry["accepted"]), ("client_gone", False))

    def test_client_that_leaves_during_a_delay_is_noticed(self):
        self.control.script({"action": {"delay": 600}})
        client = self.start()
        self.wait("in_flight", 1)
        client.close()
        self.wait("in_flight", at_most=0)
        self.wait("open_connections", at_most=0)

    def test_one_dataset_held_does_not_hold_another(self):
        self.control.script({"match": {"dataset": DATASET}, "action": {"hold": True}})
        self.start()
        self.wait("in_flight", 1, dataset=DATASET)
        self.assert_accepted(self.client.post(dataset=OTHER_DATASET))
        self.assertEqual(self.control.state()["datasets"][OTHER_DATASET]["accepted"], 1)

    def test_wait_wakes_up_when_it_comes_true(self):
        result = []
        waiter = threading.Thread(target=lambda: result.append(self.control.wait("accepted", 2)[0]))
        waiter.start()
        self.client.post([event(), event()])
        waiter.join(20)
        self.assertEqual(result, [True])

    def test_wait_that_is_in_vain_says_so(self):
        reached, state = self.control.wait("accepted", 1, timeout=0.01)
        self.assertEqual((reached, state["accepted"]), (False, 0))

    def test_reset_releases_and_forgets(self):
        self.control.script({"action": {"hold": True}})
        client = self.start()
        self.wait("held", 1)
        self.control.reset()
        self.assertEqual(client.finish()[0], 200)
        self.wait("held", at_most=0)
        self.assertEqual(self.control.state()["rules"], [])


class Breaks(EndpointTest):
    def broken(self, **action):
        self.control.script({"action": action})
        client = self.open()
        with self.assertRaises(BROKEN) as caught:
            client.start()
            client.finish()
        self.wait("requests", 1)
        return caught.exception, self.control.lines("requests")[-1]

    def test_cut_before_the_body_is_read(self):
        _, entry = self.broken(cut="before_read")
        self.assertEqual((entry["outcome"], entry["event_count"]), ("cut_before_read", None))
        self.assertEqual(self.control.state()["accepted"], 0)

    def test_only_bodies_that_are_announced_to_be_long_are_cut(self):
        self.control.script({"match": {"min_bytes": 2000}, "action": {"cut": "before_read"}})
        self.assert_accepted(self.client.post([event()]))
        with self.assertRaises(BROKEN):
            self.client.post([event(LEAD + i) for i in range(20)])
        self.wait("requests", 2)
        self.assertEqual(self.control.lines("requests")[-1]["outcome"], "cut_before_read")

    def test_cut_after_the_body_loses_the_answer(self):
        trouble, entry = self.broken(cut="after_body")
        self.assertIsInstance(trouble, http.client.RemoteDisconnected)
        self.assertEqual((entry["outcome"], entry["accepted"], entry["verdict"]),
                         ("cut_after_body", False, "ok"))

    def test_cut_after_the_body_can_leave_the_events_in_doubt(self):
        _, entry = self.broken(cut="after_body", accept=True)
        self.assertTrue(entry["accepted"])
        self.assertEqual(self.control.state()["accepted"], 1)

    def test_cut_in_the_middle_of_the_answer(self):
        trouble, entry = self.broken(cut="mid_answer", accept=True)
        self.assertIsInstance(trouble, http.client.IncompleteRead)
        self.assertEqual((entry["outcome"], entry["accepted"]), ("cut_mid_answer", True))

    def test_reset_is_a_reset(self):
        trouble, entry = self.broken(reset=True)
        self.assertIsInstance(trouble, ConnectionResetError)
        self.assertEqual((entry["outcome"], entry["accepted"]), ("cut_after_body", False))


if __name__ == "__main__":
    unittest.main()
