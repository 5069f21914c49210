"""test_rules.py - what the stand-in refuses, and what it lets through."""

import hashlib
import hmac
import json
import time
import unittest
from urllib.parse import urlencode

from harness import (DATASET, HASH, LEAD, OTHER_DATASET, OTHER_TOKEN, TOKEN, UNSET, EndpointTest,
                     event)

DAY = 86400
CRM = {"event_source": "crm", "lead_event_source": "Odoo"}


class Requests(EndpointTest):
    def test_token_is_taken_from_header_body_and_query(self):
        for place in ("header", "body", "query"):
            self.assert_accepted(self.client.post(place=place))
        self.assertEqual([one["token_in"] for one in self.control.lines("requests")],
                         ["header", "body", "query"])

    def test_missing_and_malformed_tokens_are_401_without_subcode(self):
        self.assert_refused(self.client.post(place=None), 190, status=401)
        for token in ("", "wrong", "EAA bad"):
            self.assert_refused(self.client.post(token=token), 190, status=401)
        self.assertIn("WWW-Authenticate", self.client.answer.headers)

    def test_unknown_token_has_the_configured_subcode(self):
        self.assert_refused(self.client.post(token="EAABunknown"), 190, 467)
        self.control.settings(token_subcode=463)
        self.assert_refused(self.client.post(token="EAABunknown"), 190, 463)

    def test_token_in_two_places_is_refused(self):
        self.assert_refused(self.client.post(query={"access_token": TOKEN}), 100)

    def test_token_works_only_for_its_datasets(self):
        self.assert_accepted(self.client.post(token=OTHER_TOKEN, dataset=OTHER_DATASET))
        self.assert_refused(self.client.post(token=OTHER_TOKEN), 100, 33)

    def test_unknown_and_dead_datasets_are_100_33(self):
        self.assert_refused(self.client.post(dataset="999999999999"), 100, 33)
        self.control.settings(dead_datasets=[DATASET])
        self.assert_refused(self.client.post(), 100, 33)

    def test_app_secret_demands_the_right_proof(self):
        self.control.settings(app_secret="appsecret1", tokens={"accesstoken0": None})
        # The vector of reference 3.4.
        proof = "f4fb3b41a416d7da68b7cb62f9a87aafd90911be3dc2896332a206dd96af0e32"
        self.assert_refused(self.client.post(token="accesstoken0"), 104)
        self.assert_refused(self.client.post(
            token="accesstoken0", fields={"appsecret_proof": "0" * 64}), 104)
        self.assert_accepted(self.client.post(
            token="accesstoken0", fields={"appsecret_proof": proof}))
        self.assert_accepted(self.client.post(
            token="accesstoken0", query={"appsecret_proof": proof}))

    def test_timed_proof_holds_for_five_minutes(self):
        self.control.settings(app_secret="s")
        for age, good in ((0, True), (400, False)):
            moment = int(time.time()) - age
            proof = hmac.new(b"s", f"{TOKEN}|{moment}".encode(), hashlib.sha256).hexdigest()
            answer = self.client.post(
                fields={"appsecret_proof": proof, "appsecret_time": moment})
            if good:
                self.assert_accepted(answer)
            else:
                self.assert_refused(answer, 104)

    def test_expired_version_is_refused_or_answered_by_the_oldest_alive(self):
        self.assert_refused(self.client.post(version="v20.0"), 2635)
        self.control.settings(expired_version="older")
        self.assert_accepted(self.client.post(version="v20.0"))
        self.assertEqual(self.client.answer.headers["facebook-api-version"], "v21.0")
        self.assertIn("X-Ad-Api-Version-Warning", self.client.answer.headers)

    def test_unknown_version_path_and_method_are_refused(self):
        self.assert_refused(self.client.post(version="v99.0"), 2500)
        for path in (f"/{DATASET}/events", f"/v26.0/{DATASET}/events/", f"/v26.0/{DATASET}", "/"):
            self.assert_refused(self.client.post(path=path), 2500)
        self.assert_refused(self.client.post(method="GET"), 100, 33)
        self.assert_refused(self.client.post(method="PUT"), 100, 33)

    def test_data_holds_1_to_1000_events(self):
        for data in ([], {}, None, "[]", [event()] * 1001):
            self.assert_refused(self.client.post(data), 100)
        self.assert_accepted(self.client.post([event()] * 1000), 1000)

    def test_partner_agent_has_at_most_22_characters_and_two_letters(self):
        self.assert_accepted(self.client.post(fields={"partner_agent": "p" * 22}))
        for agent in ("p" * 23, "1-a", 7):
            self.assert_refused(self.client.post(fields={"partner_agent": agent}), 100)

    def test_test_event_code_belongs_to_the_request(self):
        self.assert_accepted(self.client.post(fields={"test_event_code": "TEST1"}))
        self.assert_refused(self.client.post([event(test_event_code="TEST1")]), 100)
        self.assertEqual(self.control.lines("requests")[0]["test_event_code"], "TEST1")

    def test_unknown_fields_are_refused(self):
        self.assert_refused(self.client.post(fields={"tset_event_code": "T"}), 100)
        self.assert_refused(self.client.post([event(user_date={})]), 100)
        self.assert_refused(self.client.post([event(user_data={"lead_id": LEAD, "mail": "x"})]),
                            100)

    def test_bodies_that_are_not_clean_json_are_refused(self):
        good = json.dumps({"data": [event()]})
        for raw in (b"", b"[]", b"{", good[:-1].encode(), (good + "x").encode(), b'{"data":[NaN]}',
                    b'{"data":["\xff"]}', b'{"data":' + b"[" * 200000 + b"]" * 200000 + b"}",
                    b'{"data":[' + b"1" * 5000 + b"]}", b'{"data":[],"data":[]}',
                    good.replace('"event_id"', '"event_name"').encode()):
            self.assert_refused(self.client.post(raw=raw), 100)

    def test_compressed_and_untyped_bodies_are_refused(self):
        self.assert_refused(self.client.post(headers={"Content-Encoding": "gzip"}), 100)
        self.assert_refused(self.client.post(headers={"Content-Type": "text/plain"}), 100)

    def test_form_with_data_as_json_text_is_accepted(self):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for data in ([event()], [json.dumps(event())]):
            raw = urlencode({"data": json.dumps(data), "access_token": TOKEN}).encode()
            self.assert_accepted(self.client.post(raw=raw, place=None, headers=form))
        self.assertEqual(self.control.lines("accepted")[1]["event"]["user_data"]["lead_id"], LEAD)


class Events(EndpointTest):
    def refuse(self, one, subcode=None):
        self.assert_refused(self.client.post([event(), one]), 100, subcode)
        entry = self.control.lines("requests")[-1]
        self.assertEqual((entry["outcome"], entry["bad_index"]), ("refused", 1), entry)

    def accept(self, *events):
        self.assert_accepted(self.client.post(list(events)), len(events))

    def test_one_bad_event_refuses_its_whole_batch(self):
        self.refuse(event(age=8 * DAY), 2804003)
        self.assertEqual(self.control.lines("accepted"), [])

    def test_event_time_lies_within_seven_days_and_a_small_future(self):
        self.accept(event(age=7 * DAY - 60), event(age=-200))
        self.refuse(event(age=7 * DAY + 1), 2804003)
        self.refuse(event(age=-400), 2804004)
        self.refuse(event(event_time=int(time.time() * 1000)), 2804004)
        self.accept(event(age=60 * DAY, action_source="physical_store"))

    def test_clock_offset_makes_events_old(self):
        self.control.settings(clock_offset=8 * DAY)
        self.assert_refused(self.client.post(), 100, 2804003)

    def test_event_time_is_an_integer(self):
        for wrong in (UNSET, None, "1790000000", time.time(), True, "2026-11-23T00:00:00Z"):
            self.refuse(event(event_time=wrong))

    def test_event_name_and_action_source_are_required(self):
        for wrong in (UNSET, None, "", " ", 1):
            self.refuse(event(event_name=wrong))
        for wrong in (UNSET, None, "crm", 1, []):
            self.refuse(event(action_source=wrong))

    def test_lead_id_has_15_to_17_digits_as_number_or_text(self):
        self.accept(event(10**14), event(10**15), event(10**17 - 1), event(str(LEAD)))
        for wrong in (10**14 - 1, 10**17, -LEAD, 42, 1.2345678901234567e16, True, None, [LEAD],
                      "l:" + "1" * 15, "0" * 16, "1" * 18, "\u0661" * 16):
            self.refuse(event(user_data={"lead_id": wrong}), 2804036)

    def test_deleted_lead_is_refused(self):
        self.control.settings(deleted_leads=[LEAD])
        self.assert_refused(self.client.post([event(lead=LEAD + 1), event()]), 100, 2804036)
        self.assert_refused(self.client.post([event(str(LEAD))]), 100, 2804036)

    def test_identity_that_is_too_weak_is_refused(self):
        for user in ({}, {"fn": HASH}, {"fn": [HASH], "ge": HASH}, {"ln": HASH, "ge": HASH},
                     {"db": HASH, "client_user_agent": "x"}, {"em": []},
                     {"ct": HASH, "country": HASH, "st": HASH, "zp": HASH}):
            self.refuse(event(user_data=user), 2804050)

    def test_other_strong_identifiers_do_without_a_lead_id(self):
        for user in ({"em": HASH}, {"ph": [HASH, HASH]}, {"fn": HASH, "ln": HASH},
                     {"fbc": "fb.1.1554763741205.IwAR.x"}, {"external_id": ["a"]},
                     {"client_ip_address": "2001:db8::1"}):
            self.accept(event(user_data=user))

    def test_what_must_be_hashed_is_hashed(self):
        for wrong in ("test@example.com", "", None, HASH.upper(), HASH[:32], [HASH, "x"], 7):
            self.refuse(event(user_data={"lead_id": LEAD, "em": wrong}))
        self.refuse(event(user_data={"lead_id": LEAD, "client_ip_address": "here"}))

    def test_placeholder_hashes_are_noted_or_refused(self):
        bad = event(user_data={"em": hashlib.sha256(b"null").hexdigest()})
        self.accept(bad)
        self.assertEqual(self.control.lines("accepted")[0]["notes"],
                         ["em is the hash of a placeholder"])
        self.control.settings(refuse_placeholders=True)
        self.refuse(bad)

    def test_purchase_needs_value_and_currency(self):
        for custom, subcode in (({}, 2804009), ({"currency": "EUR"}, 2804009),
                                ({"value": 1.5}, 2804010),
                                ({"value": 1, "currency": "EURO"}, 2804011)):
            self.refuse(event(name="Purchase", custom_data={**CRM, **custom}), subcode)
        self.refuse(event(custom_data={**CRM, "value": 1}), 2804023)
        self.accept(event(name="Purchase", custom_data={**CRM, "value": 1.5, "currency": "eur"}))

    def test_data_processing_options_go_together(self):
        self.accept(event(data_processing_options=[]),
                    event(data_processing_options=["LDU"], data_processing_options_country=1,
                          data_processing_options_state=1000))
        self.refuse(event(data_processing_options=["LDU"]))
        self.refuse(event(data_processing_options=["LDU"], data_processing_options_country=1))
        self.refuse(event(data_processing_options=["ldu"]))

    def test_events_that_do_not_count_are_accepted_and_marked(self):
        self.accept(event(), event(custom_data=UNSET), event(custom_data={"event_source": "crm"}),
                    event(action_source="other"))
        self.assertEqual([one["counts"] for one in self.control.lines("accepted")],
                         [True, False, False, False])
        self.assertEqual(self.control.state()["not_counting"], 3)
        self.control.settings(require_crm=False)
        self.accept(event(custom_data=UNSET))
        self.assertTrue(self.control.lines("accepted")[4]["counts"])


class ErrorShape(EndpointTest):
    def test_error_has_the_shape_of_meta(self):
        _, body = self.client.post([event(age=8 * DAY)])
        self.assertEqual(list(body), ["error"])
        error = body["error"]
        self.assertEqual(set(error), {
            "message", "type", "code", "error_subcode", "is_transient", "error_user_title",
            "error_user_msg", "error_data", "fbtrace_id"})
        self.assertIs(error["is_transient"], False)
        self.assertEqual(error["fbtrace_id"], self.client.answer.headers["x-fb-trace-id"])
        self.assertNotIn("1", json.dumps(error["error_data"]))  # never says which event

    def test_error_data_is_text_in_odd_and_object_in_even_requests(self):
        kinds = [type(self.client.post([])[1]["error"]["error_data"]) for _ in range(4)]
        self.assertEqual(kinds, [str, dict, str, dict])

    def test_texts_are_localised(self):
        titles = set()
        for locale in ("en", "ja", "it"):
            self.control.settings(locale=locale)
            titles.add(self.client.post([event(42)])[1]["error"]["error_user_title"])
        self.assertEqual(len(titles), 3)


if __name__ == "__main__":
    unittest.main()
