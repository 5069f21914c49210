"""control_api.py - the server's side of /_control: how a test scripts, waits and looks.

Answers are JSON. A wrong call is answered with 400 and {"error": "..."}.
"""

import json
import math
from dataclasses import replace

from errors import LOCALES
from exchange import say_json
from rules import version_key
from script import BadScript


class BadCall(ValueError):
    """The control call is wrong; the text says how."""


def serve_control(wire, head, world):
    """Answer one control request; returns whether the connection lives on."""
    body = wire.read_body(head)
    name = head.path.removeprefix("/_control/")
    try:
        if (head.method, name) not in CALLS:
            raise BadCall(f"there is no {head.method} {head.path}")
        say_json(wire, CALLS[head.method, name](world, head.query, read_arguments(body)))
    except (BadScript, BadCall) as trouble:
        say_json(wire, {"error": str(trouble)}, 400)
    return head.keeps_alive


def read_arguments(body):
    if not body:
        return {}
    try:
        arguments = json.loads(body)
    except ValueError as trouble:
        raise BadCall(f"body is not JSON: {trouble}") from None
    if type(arguments) is not dict:
        raise BadCall("body is not a JSON object")
    return arguments


def call_script(world, query, arguments):
    """Put rules in force; they replace the old ones unless `append`."""
    unknown = set(arguments) - {"rules", "append"}
    if unknown:
        raise BadCall(f"there is no key {min(unknown)}")
    world.script.load(arguments.get("rules", []), arguments.get("append", False))
    return {"rules": world.script.state()}


def call_settings(world, query, arguments):
    """Change the world that requests are judged against (see SETTINGS)."""
    changes = {}
    for key, value in arguments.items():
        if key not in SETTINGS:
            raise BadCall(f"there is no setting {key}")
        try:
            changes[key] = SETTINGS[key](value)
        except (TypeError, ValueError, AttributeError):
            raise BadCall(f"setting {key} has a wrong value") from None
    with world.lock:
        world.settings = replace(world.settings, **changes)
    return {"changed": sorted(changes)}


def call_reset(world, query, arguments):
    world.reset()
    return world.state()


def call_release(world, query, arguments):
    return {"released": world.release(arguments.get("name"), arguments.get("count"))}


def call_drop_idle(world, query, arguments):
    return {"dropped": world.drop_idle()}


def call_state(world, query, arguments):
    return world.state()


def call_accepted(world, query, arguments):
    return as_array(world.book.accepted.lines(), query)


def call_requests(world, query, arguments):
    return as_array(world.book.requests.lines(), query)


def call_wait(world, query, arguments):
    """Wait until a counter of the state is within bounds; answers early when it is."""
    name, dataset = query.get("counter", ""), query.get("dataset")
    known = world.book.of(None) if dataset else world.book.count
    if name not in vars(known) and (dataset or name != "started"):
        raise BadCall(f"there is no counter {name}")
    at_least = number(query, "at_least", -math.inf)
    at_most = number(query, "at_most", math.inf)
    reached, state = world.book.wait(name, at_least, at_most, number(query, "timeout", 30), dataset)
    return {"reached": reached, "state": state}


def as_array(lines, query):
    """The lines from number `since` (0) on, as they are in the file, as one JSON array."""
    lines = lines[int(number(query, "since", 0)):]
    return b"[" + b",\n".join(line.rstrip(b"\n") for line in lines) + b"]"


def number(query, key, default):
    try:
        return float(query.get(key, default))
    except ValueError:
        raise BadCall(f"{key} is not a number") from None


def ids_or_all(value):
    return None if value is None else frozenset(map(str, value))


def token_map(value):
    """{"token": ["dataset", ...] or null, ...}, or null for any token."""
    return None if value is None else {key: ids_or_all(ids) for key, ids in value.items()}


def one_of(*choices):
    def check(value):
        if value not in choices:
            raise ValueError
        return value
    return check


def optional(kind):
    return lambda value: None if value is None else kind(value)


SETTINGS = {
    "tokens": token_map,
    "datasets": ids_or_all,
    "dead_datasets": lambda value: frozenset(map(str, value)),
    "deleted_leads": lambda value: frozenset(map(int, value)),
    "app_secret": optional(str),
    "versions": lambda value: tuple(sorted(value, key=version_key)),
    "expired_version": one_of("refuse", "older"),
    "token_subcode": optional(int),
    "future_tolerance": int,
    "require_crm": one_of(True, False),
    "refuse_placeholders": one_of(True, False),
    "locale": one_of(*LOCALES),
    "clock_offset": float,
    "count_only": one_of(True, False),
}

CALLS = {
    ("POST", "script"): call_script,
    ("POST", "settings"): call_settings,
    ("POST", "reset"): call_reset,
    ("POST", "release"): call_release,
    ("POST", "drop_idle"): call_drop_idle,
    ("GET", "state"): call_state,
    ("GET", "accepted"): call_accepted,
    ("GET", "requests"): call_requests,
    ("GET", "wait"): call_wait,
}
