#!/usr/bin/env python3
"""compare.py - holds what arrived against what should have arrived.

    compare.py --directory DIR --expected FILE     ("-" reads stdin)

FILE has one JSON object per line, in the order in which the changes were committed, with any of
the keys dataset_id, lead_id, event_name, event_time, event_id (the same keys in every line).
Prints what is missing, unexpected, repeated, out of order within a lead, or does not count, and
one line of totals. Ends with 0 when all is well; --repeats-are-fine is for at-least-once cases.
"""

import argparse
import json
import os
import sys
from collections import Counter, defaultdict

IN_EVENT = ("event_name", "event_time", "event_id")
SHOWN = 10  # of each kind


def main():
    arguments = parse_arguments()
    with open(os.path.join(arguments.directory, "accepted.jsonl"), encoding="utf-8") as source:
        accepted = [json.loads(line) for line in source]
    expected = read_expected(arguments.expected)
    keys = tuple(sorted(expected[0])) if expected else ("lead_id",)
    faults = compare([key_of(line, keys) for line in expected],
                     [key_of(flatten(line), keys) for line in accepted], keys)
    faults["does not count"] = [flatten(one) for one in accepted if not one["counts"]]
    for kind, found in faults.items():
        for one in found[:SHOWN]:
            print(f"{kind}: {one}")
    print(f"{len(expected)} expected, {len(accepted)} accepted, "
          + ", ".join(f"{len(found)} {kind}" for kind, found in faults.items()))
    if arguments.repeats_are_fine:
        del faults["repeated"]
    return 1 if any(faults.values()) else 0


def read_expected(name):
    source = sys.stdin if name == "-" else open(name, encoding="utf-8")
    with source:
        return [json.loads(line) for line in source if line.strip()]


def flatten(line):
    """An accepted line in the terms of an expected one."""
    event = line["event"]
    flat = {"dataset_id": line["dataset_id"], "lead_id": event["user_data"].get("lead_id")}
    return {**flat, **{key: event.get(key) for key in IN_EVENT}}


def key_of(line, keys):
    """Numbers and their text are the same thing here: lead_id may be sent as either."""
    return tuple(str(line[key]) for key in keys)


def compare(expected, accepted, keys):
    wanted, got = Counter(expected), Counter(accepted)
    return {
        "missing": list((wanted - got).elements()),
        "unexpected": [key for key in got if key not in wanted],
        "repeated": [key for key in got if 0 < wanted[key] < got[key]],
        "out of order": out_of_order(expected, accepted, keys),
    }


def out_of_order(expected, accepted, keys):
    """Leads whose events arrived, each taken at its first arrival, in another order."""
    def by_lead(lines):
        leads = defaultdict(dict)  # a dict as an ordered set: the first arrival decides
        for line in lines:
            owner = tuple(value for key, value in zip(keys, line)
                          if key in ("dataset_id", "lead_id"))
            leads[owner].setdefault(line)
        return leads
    want, got = by_lead(expected), by_lead(accepted)
    return [lead for lead in want if lead in got
            and [one for one in want[lead] if one in got[lead]]
            != [one for one in got[lead] if one in want[lead]]]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--directory", default=".", help="the endpoint's directory")
    parser.add_argument("--expected", required=True)
    parser.add_argument("--repeats-are-fine", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
