"""exchange.py - one Graph request from its head to the last byte of its answer.

The order is fixed, and tests may rely on it: head read, counted in flight → body read → rule of
the script chosen → judged by the rules of Meta → (pause) → events recorded → (pause) → request
recorded → answer sent. So whoever has an answer finds everything about it in the files.
"""

import json
import re

import errors
from payload import Unreadable, one_line, read_payload
from rules import Request, effective_version, judge, locate
from script import Answer, accepts, make_answer, replaces_answer
from wire import BadRequest, Closed, Pause, answer_head, merge_headers

bearer_pattern = re.compile(r"(?:bearer|oauth) +(\S+)", re.IGNORECASE)


class Exchange:
    def __init__(self, wire, head, world, connection):
        self.wire = wire
        self.head = head
        self.world = world
        self.book = world.book
        self.settings = world.settings
        self.trace = errors.new_trace_id()
        self.request = Request(head.method, head.path, head.query, bearer_of(head.headers), 0.0,
                               encoding=head.headers.get("content-encoding", "").lower(),
                               length=announced_length(head))
        locate(self.request, self.settings)
        self.ticket = self.book.begin(connection, self.request.dataset)
        self.request.received_at = self.ticket.received_at
        self.refusal = None
        self.accepted = False
        self.settled = False
        self.rule = None
        self.counted = None  # events of a body that was not read, see --count-only

    def run(self):
        """Returns whether the connection lives on."""
        try:
            self.rule = self.world.script.choose(self.ticket.number, self.request, True)
            if self.rule:
                return self.break_off("cut_before_read")
            body = self.wire.read_body(self.head)
            if self.settings.count_only:
                self.counted = body.count(b'"event_name"')
            else:
                self.read(body)
            self.rule = self.world.script.choose(self.ticket.number, self.request)
            return self.process(self.rule.action if self.rule else {})
        except BadRequest as trouble:
            return self.refuse_http(trouble)
        except Closed:
            self.settle("client_gone")
            return False
        finally:
            self.book.leave(self.ticket)

    def read(self, body):
        request = self.request
        if self.head.query_repeats:
            request.unreadable = "a query parameter is given twice (ours)"
            return
        try:
            request.payload = read_payload(self.head.headers.get("content-type", ""), body)
        except Unreadable as trouble:
            request.unreadable = str(trouble)

    def process(self, action):
        if self.counted is None:
            self.refusal = judge(self.request, self.settings)
        after = action.get("when") == "after_accept"
        if not after and not self.pause(action):
            return self.give_up()
        if self.refusal is None and accepts(action):
            self.accept()
        if after and not self.pause(action):
            return self.give_up()
        if action.get("cut") == "after_body" or (action.get("reset") and "cut" not in action):
            return self.break_off("cut_after_body")
        return self.reply(action)

    def pause(self, action):
        """Hold and delay; False when the client has gone meanwhile."""
        if action.get("hold"):
            if self.world.hold(self.ticket, self.rule, self.wire.sock) == "gone":
                return False
        return "delay" not in action or self.sleep(action["delay"])

    def sleep(self, seconds):
        pause = Pause()
        try:
            return pause.wait(self.wire.sock, seconds) == "time"
        finally:
            pause.close()

    def accept(self):
        self.accepted = True
        if self.counted is not None:
            self.book.accept_unseen(self.ticket, self.counted)
            return
        texts = [one_line(text) for text in self.request.payload.texts]
        self.book.accept(self.ticket, texts, self.request.notes, self.settings.require_crm)

    def natural_answer(self):
        """What Meta would say."""
        refusal = self.refusal
        if refusal is None:
            return Answer(200, errors.success_body(self.event_count(), self.trace), {})
        body = errors.error_body(
            refusal.code, refusal.subcode, self.trace, locale=self.settings.locale,
            blame=refusal.code == 100 and refusal.subcode != 33,
            blame_as_text=self.ticket.number % 2 == 1)
        headers = {}
        if refusal.code == 190:
            headers["WWW-Authenticate"] = 'OAuth "Facebook Platform" "invalid_token" "invalid"'
        return Answer(refusal.status, body, headers)

    def reply(self, action):
        natural = self.natural_answer()
        status = natural.status
        if action:
            natural = make_answer(action, natural, self.trace, self.settings.locale,
                                  self.event_count() or 0)
        self.settle(self.outcome(action), natural.status, *self.codes(action, status))
        data, keeps = self.serialise(natural)
        if action.get("cut") == "mid_answer":
            self.wire.send(data[:max(1, len(data) - len(natural.body) // 2 - 1)])
            return self.close(action)
        if "drip" in action:
            return self.drip(data, **action["drip"]) and keeps
        self.book.leave(self.ticket)
        self.wire.send(data, natural.padding)
        return keeps

    def serialise(self, answer):
        """The bytes of an answer (without padding), and whether the connection is kept."""
        request = self.request
        version = effective_version(request, self.settings)
        usual = {
            "Content-Type": answer.content_type, "x-fb-trace-id": self.trace,
            "x-fb-request-id": errors.new_trace_id(), "facebook-api-version": version,
            "Connection": "keep-alive" if self.head.keeps_alive else "close"}
        if request.version not in (None, version):
            usual["X-Ad-Api-Version-Warning"] = f"The call has been auto-upgraded to {version}"
        headers = merge_headers(usual, answer.headers)
        keeps = all(value != "close" for name, value in headers.items()
                    if name.lower() == "connection")
        head = answer_head(answer.status, headers, len(answer.body) + answer.padding)
        return head + answer.body, keeps

    def drip(self, data, bytes=1, seconds=0.01):  # the names are those of the script
        for start in range(0, len(data), bytes):
            if start + bytes >= len(data):
                self.book.leave(self.ticket)
            self.wire.send(data[start:start + bytes])
            if start + bytes < len(data) and not self.sleep(seconds):
                return False
        return True

    def outcome(self, action):
        if action.get("cut") == "mid_answer":
            return "cut_mid_answer"
        scripted = replaces_answer(action) or not accepts(action)
        if scripted or (not self.refusal and ("events_received" in action or "messages" in action)):
            return "scripted"
        return "refused" if self.refusal else "accepted"

    def codes(self, action, natural_status):
        """(code, subcode) of the error object that the answer carries."""
        if "code" in action:
            return action["code"], action.get("subcode")
        if self.refusal and not replaces_answer(action):
            return self.refusal.code, self.refusal.subcode
        return None, None

    def settle(self, outcome, status=None, code=None, subcode=None):
        """Write the request's line, once."""
        if self.settled:
            return
        self.settled = True
        request, refusal = self.request, self.refusal
        entry = {
            "api_version": request.version, "event_count": self.event_count(),
            "token_in": "+".join(request.token_places()) or None, "http": self.head.http,
            "status": status, "code": code, "subcode": subcode, "outcome": outcome,
            "accepted": self.accepted, "verdict": self.verdict(),
            "rule": self.rule.name if self.rule else None, "fbtrace_id": self.trace,
            "test_event_code": request.parameter("test_event_code")}
        if refusal:
            entry.update(why=refusal.why, bad_index=refusal.index)
        self.book.settle(self.ticket, entry, outcome == "refused")

    def event_count(self):
        if self.counted is not None:
            return self.counted
        payload = self.request.payload
        return len(payload.events) if payload and payload.events is not None else None

    def verdict(self):
        """What the rules of Meta say, whatever the script made of it; None when never judged."""
        if self.refusal:
            return f"{self.refusal.code}/{self.refusal.subcode or '-'}"
        return "ok" if self.request.payload else None

    def give_up(self):
        self.settle("client_gone")
        return False

    def break_off(self, outcome):
        self.settle(outcome)
        return self.close(self.rule.action)

    def close(self, action):
        if action.get("reset"):
            self.wire.reset_on_close()
        return False

    def refuse_http(self, trouble):
        self.settle("bad_http", 400)
        self.wire.send(answer_head(400, {"Connection": "close"}, 0))
        return False


def announced_length(head):
    """What the head says of the body's length; 0 if it says nothing that can be read."""
    length = head.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


def bearer_of(headers):
    """The token of the Authorization header; "" when there is one that carries no token."""
    if "authorization" not in headers:
        return None
    found = bearer_pattern.fullmatch(headers["authorization"])
    return found[1] if found else ""


def say_json(wire, value, status=200):
    """A control answer."""
    body = value if type(value) is bytes else json.dumps(value).encode()
    wire.send(answer_head(status, {"Content-Type": "application/json"}, len(body)) + body)
