"""test_compare.py - the comparison sees each kind of difference."""

import unittest

from compare import compare

KEYS = ("event_name", "lead_id")
A1, A2, B1 = ("new", "1"), ("won", "1"), ("new", "2")


class Differences(unittest.TestCase):
    def check(self, accepted, **faults):
        found = compare([A1, A2, B1], accepted, KEYS)
        seen = {kind.replace(" ", "_"): one for kind, one in found.items() if one}
        self.assertEqual(seen, faults)

    def test_order_between_leads_is_free(self):
        self.check([B1, A1, A2])

    def test_order_within_a_lead_is_not(self):
        self.check([A2, A1, B1], out_of_order=[("1",)])

    def test_missing_unexpected_and_repeated_are_told(self):
        self.check([A1, A1, A2], missing=[B1], repeated=[A1])
        self.check([A1, A2, B1, ("x", "9")], unexpected=[("x", "9")])

    def test_late_repetition_is_not_out_of_order(self):
        self.check([A1, A2, A1, B1], repeated=[A1])


if __name__ == "__main__":
    unittest.main()
