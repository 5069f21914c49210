"""payload.py - reads a request body exactly, and keeps each event's own text.

`json.loads` alone would lose two things a judge needs: duplicate keys (it keeps the last one) and
the text of each event (what is recorded is a slice of what came in, so a lead id or a number can
never be changed by us, and nothing has to be serialised again).
"""

import json
import re
from urllib.parse import parse_qsl

skip_blanks = re.compile(r"[ \t\n\r]*").match


class Unreadable(ValueError):
    """The body is not what its content type promises."""


class Payload:
    """The request-level fields (without `data`), the events, and the text of each event."""

    __slots__ = ("text", "fields", "events", "texts")

    def __init__(self, text, fields):
        self.text = text
        self.fields = fields
        self.events = None  # None: there is no `data`, or it is not an array
        self.texts = None


def unique_pairs(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Unreadable("duplicate JSON key")
    return result


def refuse_constant(name):
    raise Unreadable(f"{name} is not JSON")


raw_decode = json.JSONDecoder(
    object_pairs_hook=unique_pairs, parse_constant=refuse_constant).raw_decode


def read_payload(content_type, body):
    """Return the Payload of a body, or raise Unreadable."""
    kind = content_type.partition(";")[0].strip().lower()
    try:
        text = body.decode("utf-8")
        if kind == "application/json":
            return read_json(text)
        if kind == "application/x-www-form-urlencoded":
            return read_form(text)
    except Unreadable:
        raise
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    except ValueError as trouble:  # JSON, UTF-8, an integer of thousands of digits
        # The exception's own text may quote the body, so only its kind is told.
        raise Unreadable(f"body cannot be read: {type(trouble).__name__}") from None
    raise Unreadable("content type is neither JSON nor a form")


def read_json(text):
    at = expect(text, 0, "{")
    payload, seen, pairs = Payload(text, {}), set(), 0
    if text[at:at + 1] == "}":
        finish(text, at + 1)
        return payload
    while True:
        key, at = raw_decode(text, at)
        if type(key) is not str:
            raise Unreadable("a key is not text")
        seen.add(key)
        pairs += 1
        at = read_member(text, expect(text, at, ":"), key, payload)
        at = skip_blanks(text, at).end()
        if text[at:at + 1] == "}":
            break
        at = expect(text, at, ",")
    finish(text, at + 1)
    if len(seen) != pairs:
        raise Unreadable("duplicate JSON key")
    return payload


def read_member(text, at, key, payload):
    if key == "data" and text[at:at + 1] == "[":
        payload.events, payload.texts, at = read_events(text, at)
        return at
    value, at = raw_decode(text, at)
    if key != "data":
        payload.fields[key] = value
    return at


def read_events(text, at):
    """Read the array that starts at `at`: its elements, their texts, and where it ends."""
    events, texts = [], []
    at = skip_blanks(text, at + 1).end()
    if text[at:at + 1] == "]":
        return events, texts, at + 1
    while True:
        event, end = raw_decode(text, at)
        events.append(event)
        texts.append(text[at:end])
        at = skip_blanks(text, end).end()
        if text[at:at + 1] == "]":
            return events, texts, at + 1
        at = expect(text, at, ",")


def read_form(text):
    """A form carries `data` as JSON text; an element may itself be JSON text (Python SDK)."""
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict")
    fields = unique_pairs(pairs)
    data = fields.pop("data", None)
    payload = Payload(data or "", fields)
    if data is None:
        return payload
    start = skip_blanks(data, 0).end()
    if data[start:start + 1] != "[":
        return payload
    payload.events, payload.texts, end = read_events(data, start)
    finish(data, end)
    for place, event in enumerate(payload.events):
        if type(event) is str:
            payload.texts[place] = event.strip(" \t\r\n")
            payload.events[place], end = raw_decode(payload.texts[place])
            finish(payload.texts[place], end)
    return payload


def expect(text, at, sign):
    """Step over `sign` and the blanks around it."""
    at = skip_blanks(text, at).end()
    if text[at:at + 1] != sign:
        raise Unreadable(f"expected {sign}")
    return skip_blanks(text, at + 1).end()


def finish(text, at):
    if skip_blanks(text, at).end() != len(text):
        raise Unreadable("text after the JSON value")


def one_line(text):
    """The same JSON on one line: inside strings JSON allows no raw line break, so this is safe."""
    if "\n" in text or "\r" in text:
        return text.replace("\r", " ").replace("\n", " ")
    return text
