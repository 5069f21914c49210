#!/usr/bin/env python3
"""report.py - holds what the CRM committed against what the endpoint accepted, event by event.

    report.py --history FILE --parked FILE --endpoint DIR --deleted LEAD_ID

FILEs have a JSON object per line: rows of the CRM's history in order, and parked events. The rules
of what should arrive are written down here once more, so that the product is not its own judge.
Ends with 0 if everything arrived that should have, nothing else did, and exactly that is parked
which the demo made to be parked.
"""

import argparse
import json
import os
import re
import sys
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "endpoint"))
from compare import compare  # noqa: E402

KEYS = ("lead_id", "event_name", "event_time")
WEEK = 7 * 24 * 3600
# What bad_rows.sql is made to bring about.
EXPECTED_REASONS = {
    "lead_id_length": 1,
    "lead_id_not_a_number": 1,
    "stage_missing": 2,
    "event_time_too_old": 1,
    "event_time_in_future": 1,
    "event_time_before_lead": 1,
    "refused": 1,
}


class Change:
    """A row of the history, and what should have become of it."""

    def __init__(self, row, deleted):
        lead_id = re.fullmatch(r"(?:l:)?(\d+)", (row["fb_lead_id"] or "").strip())
        self.lead_id = lead_id and lead_id.group(1)
        self.stage = (row["status"] or "").strip() and row["status"]
        self.time = row["status_since"]
        self.is_lead = bool((row["fb_lead_id"] or "").strip())
        self.reason = self.find_reason(row, deleted) if self.is_lead else None

    def find_reason(self, row, deleted):
        """Why it must be parked; None if it must arrive."""
        if not self.lead_id:
            return "lead_id_not_a_number"
        if not 15 <= len(self.lead_id) <= 17:
            return "lead_id_length"
        if not self.stage:
            return "stage_missing"
        if row["written_at"] - self.time >= WEEK:
            return "event_time_too_old"
        if self.time - row["written_at"] > 60:
            return "event_time_in_future"
        if self.time < row["created_at"]:
            return "event_time_before_lead"
        return "refused" if self.lead_id == deleted else None

    def key(self):
        return (self.lead_id, self.stage, str(self.time))


def read_lines(path):
    with open(path, encoding="utf-8") as source:
        return [json.loads(line) for line in source if line.strip()]


def accepted_key(line):
    event = line["event"]
    return (str(event["user_data"].get("lead_id")), event["event_name"], str(event["event_time"]))


def parked_key(event):
    """A stage of nothing but blanks is no stage."""
    lead_id = event["lead_id"]
    stage = (event["event_name"] or "").strip() and event["event_name"]
    return (event["reason_code"], lead_id and str(lead_id), stage or None, str(event["event_time"]))


def print_table(heads, rows):
    rows = [[str(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for number, row in enumerate(rows):
        cells = [cell.rjust(width) if index else cell.ljust(width)
                 for index, (cell, width) in enumerate(zip(row, widths))]
        print("   ", "   ".join(cells).rstrip())
        if number == 0:
            print("   ", "   ".join("-" * width for width in widths))


def print_stages(changes, accepted):
    """The CRM's side, what of it should arrive, and the endpoint's side."""
    counts = [Counter(), Counter(), Counter(), Counter(),
              Counter(line["event"]["event_name"] for line in accepted)]
    for change in changes:
        stage = change.stage or "(empty)"
        counts[0][stage] += 1
        counts[1 if not change.is_lead else 2 if change.reason else 3][stage] += 1
    stages = sorted(set().union(*counts), key=lambda stage: -counts[0][stage])
    rows = [[stage] + [count[stage] for count in counts] for stage in stages]
    rows.append(["all"] + [sum(count.values()) for count in counts])
    print_table(("stage", "committed", "no lead id", "to be parked", "to arrive", "accepted"), rows)


def faults_of(changes, accepted, parked):
    wanted = [change.key() for change in changes if change.is_lead and not change.reason]
    faults = {f"{kind} at the endpoint": found for kind, found in
              compare(wanted, [accepted_key(line) for line in accepted], KEYS).items()}
    faults["not counted by the endpoint"] = [accepted_key(line) for line in accepted
                                             if not line["counts"]]
    want = Counter((change.reason, change.reason != "lead_id_not_a_number" and change.lead_id or None,
                    change.stage or None, str(change.time)) for change in changes if change.reason)
    got = Counter(map(parked_key, parked))
    faults["missing among the parked"] = list((want - got).elements())
    faults["unexpected among the parked"] = list((got - want).elements())
    reasons = Counter(event["reason_code"] for event in parked)
    faults["reason not as the demo made it"] = [
        f"{reason}: {reasons[reason]} instead of {EXPECTED_REASONS.get(reason, 0)}"
        for reason in sorted({*reasons, *EXPECTED_REASONS})
        if reasons[reason] != EXPECTED_REASONS.get(reason, 0)]
    faults["refused by another code than 100/2804036"] = [
        event["reason"] for event in parked if event["reason_code"] == "refused"
        and "code 100, subcode 2804036" not in event["reason"]]
    return {kind: found for kind, found in faults.items() if found}


def main():
    arguments = parse_arguments()
    changes = [Change(row, arguments.deleted) for row in read_lines(arguments.history)]
    accepted = read_lines(os.path.join(arguments.endpoint, "accepted.jsonl"))
    parked = read_lines(arguments.parked)
    print_stages(changes, accepted)
    faults = faults_of(changes, accepted, parked)
    for kind, found in faults.items():
        print(f"\n    {kind}: {len(found)}")
        for one in found[:10]:
            print(f"        {one}")
    print()
    if faults:
        print("The endpoint and the CRM do not agree.")
        return 1
    leads = len({accepted_key(line)[0] for line in accepted})
    print(f"All {len(accepted)} events of {leads} leads that should have arrived did arrive: each once, with")
    print("its lead id, stage and second, and in the order of its lead. Nothing else arrived. The")
    print(f"{len(parked)} parked events are those that the demo made to be parked.")
    return 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--history", required=True)
    parser.add_argument("--parked", required=True)
    parser.add_argument("--endpoint", required=True, help="the endpoint's directory")
    parser.add_argument("--deleted", required=True, help="the lead id that the endpoint refuses")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
