"""script.py - scripted behaviour: which rule applies to a request, and what it makes of it.

A script is a list of rules, tried in order; the first one that matches decides. A rule:

    {"name": "...", "match": {...}, "times": 3, "action": {...}}

MATCH_KEYS and ACTION_KEYS below are the whole vocabulary; anything else is refused when the script
is loaded, because a misspelt rule that silently never applies would make a test pass for nothing.
"""

import threading
from dataclasses import dataclass

import errors

MATCH_KEYS = {
    "dataset": (str, list),        # one id or several
    "request_number": (int, list),  # one number, or [first, last]; numbers start at 1
    "event_name": str,             # an event of this name is in the batch
    "lead_id": (int, str, list),   # one of these leads is in the batch
    "min_events": int,
    "max_events": int,
    "min_bytes": int,              # the body is announced to be so long
    "token_in": str,               # header, body or query
}
ACTION_KEYS = {
    "status": int, "code": int, "subcode": int, "is_transient": bool, "message": str,
    "body": (str, dict), "headers": dict, "redirect": str,
    "events_received": int, "messages": list,
    "accept": bool,
    "hold": bool, "delay": (int, float), "when": str,
    "cut": str, "reset": bool, "drip": dict,
}
BODY_KINDS = ("html", "empty", "cut_json", "huge", "invalid_utf8", "nested")
CUTS = ("before_read", "after_body", "mid_answer")
WHENS = ("before_accept", "after_accept")

# What Meta does not know yet when the body has not been read.
BODY_MATCHES = ("event_name", "lead_id", "min_events", "max_events", "token_in")

HTML_PAGE = (b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>"
             b"<body><h1>Sorry, something went wrong.</h1></body></html>")


class BadScript(ValueError):
    """The script is wrong; the text says where."""


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict          # in addition to, or in place of, the usual ones
    content_type: str = "application/json; charset=UTF-8"
    padding: int = 0       # bytes of blanks after the body (made while sending, not stored)


class Rule:
    def __init__(self, text, place):
        where = f"rule {place}"
        check_keys(text, {"name": str, "match": dict, "times": int, "first_n": int,
                          "action": dict}, where)
        self.name = text.get("name", str(place))
        self.match = dict(text.get("match", {}))
        times = text.get("times", text.get("first_n"))
        for alias in ("times", "first_n"):  # both spellings, in the match as well
            times = self.match.pop(alias, times)
        self.left = times
        self.applied = 0
        self.action = text.get("action", {})
        check_keys(self.match, MATCH_KEYS, f"{where}, match")
        check_action(self.action, f"{where}, action")
        if self.cuts_before_read and any(key in self.match for key in BODY_MATCHES):
            raise BadScript(f"{where}: cut before_read cannot match on the body")
        self.leads = {str(lead) for lead in as_list(self.match.get("lead_id", []))}

    @property
    def cuts_before_read(self):
        return self.action.get("cut") == "before_read"

    def matches(self, number, request):
        return self.left != 0 and all(
            getattr(self, "match_" + key)(wanted, number, request)
            for key, wanted in self.match.items())

    def match_dataset(self, wanted, number, request):
        return request.dataset in as_list(wanted)

    def match_request_number(self, wanted, number, request):
        first, last = wanted if type(wanted) is list else (wanted, wanted)
        return first <= number <= last

    def match_token_in(self, wanted, number, request):
        return wanted in request.token_places()

    def match_event_name(self, wanted, number, request):
        return any(event.get("event_name") == wanted for event in objects(request))

    def match_lead_id(self, wanted, number, request):
        return any(str((event.get("user_data") or {}).get("lead_id")) in self.leads
                   for event in objects(request) if type(event.get("user_data")) is dict)

    def match_min_events(self, wanted, number, request):
        return event_count(request) >= wanted

    def match_max_events(self, wanted, number, request):
        return event_count(request) <= wanted

    def match_min_bytes(self, wanted, number, request):
        return request.length >= wanted

    def state(self):
        return {"name": self.name, "applied": self.applied, "left": self.left}


class Script:
    """The rules in force. Thread-safe: a rule that applies once applies once."""

    def __init__(self):
        self.lock = threading.Lock()
        self.rules = []

    def load(self, texts, append=False):
        if type(texts) is not list:
            raise BadScript("rules is not a list")
        rules = [Rule(text, place) for place, text in enumerate(texts)]
        with self.lock:
            self.rules = self.rules + rules if append else rules

    def choose(self, number, request, before_read=False):
        """The rule that applies now (counted), or None."""
        with self.lock:
            for rule in self.rules:
                if rule.cuts_before_read == before_read and rule.matches(number, request):
                    rule.applied += 1
                    if rule.left is not None:
                        rule.left -= 1
                    return rule
        return None

    def state(self):
        with self.lock:
            return [rule.state() for rule in self.rules]


def accepts(action):
    """Whether the events are taken (if the rules of Meta allow it). `accept` says so, or else:
    whatever replaces the answer by a failure takes nothing."""
    if "accept" in action:
        return action["accept"]
    return replaces_answer(action) is False and "cut" not in action and not action.get("reset")


def replaces_answer(action):
    return any(key in action for key in ("code", "body", "redirect", "status"))


def make_answer(action, natural, trace, locale, event_count):
    """The scripted Answer, given the one Meta would have given."""
    headers = {**natural.headers, **action.get("headers", {})}
    if "redirect" in action:
        return Answer(action.get("status", 302), b"", {**headers, "Location": action["redirect"]})
    if "code" in action:
        natural = error_answer(action, trace, locale)
    elif "events_received" in action or "messages" in action:
        if natural.status == 200:
            received = action.get("events_received", event_count)
            natural.body = errors.success_body(received, trace, action.get("messages", ()))
    elif "status" in action and "body" not in action:
        return Answer(action["status"], b"", headers, "text/plain")
    answer = Answer(action.get("status", natural.status), natural.body, headers)
    if "body" in action:
        replace_body(answer, action)
    return answer


def error_answer(action, trace, locale):
    code = action["code"]
    body = errors.error_body(code, action.get("subcode"), trace, locale=locale,
                             transient=action.get("is_transient"), message=action.get("message"))
    return Answer(500 if code in (1, 2) else 400, body, {})


def replace_body(answer, action):
    """Give the answer a raw body; its status is 200 unless the action names one or a code."""
    body = action["body"]
    if "status" not in action and "code" not in action:
        answer.status = 200
    if type(body) is str:
        answer.body = body.encode("utf-8")
        return
    kind = body["kind"]
    if kind == "html":
        answer.body, answer.content_type = HTML_PAGE, "text/html; charset=utf-8"
        answer.status = action.get("status", 502)
    elif kind == "empty":
        answer.body = b""
    elif kind == "cut_json":  # well-formed HTTP, half a JSON value
        answer.body = answer.body[:len(answer.body) // 2]
    elif kind == "huge":
        answer.padding = max(0, body.get("bytes", 10_000_000) - len(answer.body))
    elif kind == "invalid_utf8":
        answer.body = b'{"events_received":1,"messages":["\xff\xfe\xc0\x80"],"fbtrace_id":"A"}'
    elif kind == "nested":
        depth = body.get("depth", 100_000)
        answer.body = b'{"error":' * depth + b"1" + b"}" * depth


def check_action(action, where):
    check_keys(action, ACTION_KEYS, where)
    check_choice(action, "cut", CUTS, where)
    check_choice(action, "when", WHENS, where)
    if type(action.get("body")) is dict:
        check_keys(action["body"], {"kind": str, "bytes": int, "depth": int}, f"{where}, body")
        check_choice({"kind": None, **action["body"]}, "kind", BODY_KINDS, f"{where}, body")
    if "drip" in action:
        check_keys(action["drip"], {"bytes": int, "seconds": (int, float)}, f"{where}, drip")
        if action["drip"].get("bytes", 1) < 1:
            raise BadScript(f"{where}, drip: bytes must be at least 1")
    if action.get("cut") == "before_read" and action.get("accept"):
        raise BadScript(f"{where}: what is cut before it is read cannot be accepted")


def check_choice(given, key, choices, where):
    if key in given and given[key] not in choices:
        raise BadScript(f"{where}: {key} must be one of {', '.join(choices)}")


def check_keys(given, allowed, where):
    if type(given) is not dict:
        raise BadScript(f"{where} is not an object")
    for key, value in given.items():
        if key not in allowed and not (where.endswith("match") and key in ("times", "first_n")):
            raise BadScript(f"{where}: there is no key {key}")
        wanted = allowed.get(key, int)
        if not isinstance(value, wanted) or (type(value) is bool and wanted is not bool):
            raise BadScript(f"{where}: {key} has a wrong type")


def as_list(value):
    return value if type(value) is list else [value]


def objects(request):
    events = request.payload.events if request.payload else None
    return (event for event in events or () if type(event) is dict)


def event_count(request):
    return len(request.payload.events or ()) if request.payload else 0
