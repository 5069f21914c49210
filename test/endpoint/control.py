#!/usr/bin/env python3
"""control.py - command line for a running endpoint.

    control.py --directory DIR script '{"rules":[...]}'     (or "-" to read it from stdin)
    control.py --directory DIR wait-accepted 100 --timeout 20
    control.py session                                      (many commands, one process)

Ends with 0, with 1 when a wait ran out of time, with 2 when the endpoint refused the call or is
not there. Waiting is a long poll in the endpoint: nothing here sleeps.
"""

import argparse
import contextlib
import http.client
import io
import json
import os
import ssl
import sys
from urllib.parse import urlencode, urlsplit

# command -> the counter of the state that it waits for
WAITS = {
    "wait-accepted": "accepted",
    "wait-requests": "requests",
    "wait-started": "started",
    "wait-in-flight": "in_flight",
    "wait-held": "held",
    "wait-connections": "open_connections",
    "wait-refused": "refused",
    "wait-tls-failures": "tls_failures",
}


class Trouble(Exception):
    """The endpoint is not there, or refused the call."""


class Control:
    """A test's handle on the endpoint whose directory is given."""

    def __init__(self, directory):
        self.directory = directory

    def call(self, method, name, arguments=None, query=None, timeout=30.0):
        """Returns the decoded answer; raises Trouble."""
        path = "/_control/" + name + ("?" + urlencode(query) if query else "")
        body = None if arguments is None else json.dumps(arguments)
        try:
            connection = self.connect(timeout)
            connection.request(method, path, body)
            answer = connection.getresponse()
            value = json.loads(answer.read())
            connection.close()
        except (OSError, http.client.HTTPException) as trouble:
            raise Trouble(f"endpoint of {self.directory} does not answer: {trouble}") from trouble
        if answer.status != 200:
            raise Trouble(value["error"])
        return value

    def connect(self, timeout):
        with open(os.path.join(self.directory, "url"), encoding="ascii") as source:
            url = urlsplit(source.read().strip())
        if url.scheme == "http":
            return http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
        # The certificate may be wrong on purpose; and this is loopback.
        context = ssl._create_unverified_context()
        return http.client.HTTPSConnection(
            url.hostname, url.port, timeout=timeout, context=context)

    def script(self, *rules, append=False):
        return self.call("POST", "script", {"rules": list(rules), "append": append})

    def settings(self, **changes):
        return self.call("POST", "settings", changes)

    def reset(self):
        return self.call("POST", "reset")

    def release(self, name=None, count=None):
        return self.call("POST", "release", {"name": name, "count": count})["released"]

    def drop_idle(self):
        return self.call("POST", "drop_idle")["dropped"]

    def state(self):
        return self.call("GET", "state")

    def wait(self, counter, at_least=None, at_most=None, timeout=30.0, dataset=None):
        """Returns (reached, state)."""
        query = {"counter": counter, "at_least": at_least, "at_most": at_most,
                 "timeout": timeout, "dataset": dataset}
        query = {key: value for key, value in query.items() if value is not None}
        answer = self.call("GET", "wait", query=query, timeout=timeout + 30)
        return answer["reached"], answer["state"]

    def lines(self, name):
        """Lines of accepted.jsonl or requests.jsonl, decoded."""
        with open(os.path.join(self.directory, name + ".jsonl"), encoding="utf-8") as source:
            return [json.loads(line) for line in source]


def main():
    parser = make_parser()
    arguments = parser.parse_args()
    if arguments.command == "session":
        return session(parser)
    return guarded_run(arguments)


def guarded_run(arguments):
    try:
        return run(Control(arguments.directory), arguments)
    except (Trouble, ValueError) as trouble:
        print(f"control.py: {trouble}", file=sys.stderr)
        return 2


def session(parser):
    """Each line of stdin holds the arguments of one call as a JSON array; each is answered by one
    line, {"code": 0, "output": "...", "error": "..."}. Starting Python costs more than a call."""
    for line in sys.stdin:
        output, error = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(error):
            try:
                code = guarded_run(parser.parse_args(json.loads(line)))
            except SystemExit as refusal:  # argparse does not know the arguments
                code = refusal.code
        answer = {"code": code, "output": output.getvalue(), "error": error.getvalue()}
        print(json.dumps(answer), flush=True)
    return 0


def run(control, arguments):
    command = arguments.command
    if command in WAITS:
        return wait(control, arguments)
    if command in ("accepted", "requests"):
        return copy_lines(control, command, arguments.since)
    if command in ("script", "settings"):
        given = sys.stdin.read() if arguments.json == "-" else arguments.json
        show(control.call("POST", command, json.loads(given)))
    elif command == "release":
        show(control.release(arguments.name, arguments.count))
    elif command == "reset":
        control.reset()
    elif command == "drop-idle":
        show(control.drop_idle())
    else:
        show(control.state())
    return 0


def wait(control, arguments):
    """N means "at least N"; 0 means "none any more"."""
    at_least, at_most = arguments.number, None
    if arguments.exactly or (arguments.number == 0):
        at_most = arguments.number
    elif arguments.at_most:
        at_least, at_most = None, arguments.number
    reached, state = control.wait(WAITS[arguments.command], at_least, at_most,
                                  arguments.timeout, arguments.dataset)
    if not reached:
        print(f"control.py: {arguments.command} {arguments.number}: not within "
              f"{arguments.timeout:g} s; state {json.dumps(state)}", file=sys.stderr)
    return 0 if reached else 1


def copy_lines(control, name, since):
    """From the file itself, so that every number is as it came."""
    with open(os.path.join(control.directory, name + ".jsonl"), encoding="utf-8") as source:
        for number, line in enumerate(source):
            if number >= since:
                sys.stdout.write(line)
    return 0


def show(value):
    print(json.dumps(value, indent=2))


def make_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--directory", default=".", help="the endpoint's directory")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in WAITS:
        one = commands.add_parser(name, help="wait for a counter of the state")
        one.add_argument("number", type=int)
        one.add_argument("--timeout", type=float, default=30.0)
        one.add_argument("--dataset", help="of this dataset only")
        bound = one.add_mutually_exclusive_group()
        bound.add_argument("--at-most", action="store_true")
        bound.add_argument("--exactly", action="store_true")
    for name in ("script", "settings"):
        commands.add_parser(name).add_argument("json", help='a JSON object, or "-" for stdin')
    for name in ("accepted", "requests"):
        commands.add_parser(name).add_argument("--since", type=int, default=0)
    release = commands.add_parser("release", help="let held requests go, oldest first")
    release.add_argument("--name", help="those held by the rule of this name")
    release.add_argument("--count", type=int)
    for name in ("reset", "state", "drop-idle"):
        commands.add_parser(name)
    commands.add_parser("session", help="one JSON array of arguments a line, until stdin ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
