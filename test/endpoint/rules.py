"""rules.py - what Meta enforces, and what we enforce on top, as two tables of checks.

REQUEST_RULES look at a request as a whole, EVENT_RULES at one event. Each rule names the section
of the Conversions API reference it comes from ("ours" = stricter than anything known
of Meta, so that a client's slip is seen here). The first rule that objects refuses the whole
request: a batch is atomic (1.6). Within an event rules are tried in table order, events in batch
order; in which order Meta tries them is not known (reference 7.8), so no test may depend on it.
"""

import hmac
import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple, Optional

from event_rules import EVENT_RULES, PLACEHOLDER_HASHES, notes_on

MAX_EVENTS = 1000

# Reference 3.1 as of 2026-11. A fixed set and no dates: a test must not change with the calendar.
CURRENT_VERSIONS = ("v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0",
                    "v27.0")

path_pattern = re.compile(r"/(?:(v\d{1,3}\.\d{1,2})/)?([^/]+)/events")
dataset_pattern = re.compile(r"[0-9]{5,20}")
# What Meta can parse as a token at all; anything else is "malformed" (3.5, code 190 bare).
token_pattern = re.compile(r"EAA[A-Za-z0-9]+")
proof_pattern = re.compile(r"[0-9a-f]{64}")

REQUEST_FIELDS = frozenset((
    "access_token", "test_event_code", "partner_agent", "namespace_id", "upload_id", "upload_tag",
    "upload_source", "platforms", "progress", "trace", "appsecret_proof", "appsecret_time"))


@dataclass(frozen=True)
class Settings:
    """The world a request is judged against. Replaced as a whole, never changed in place."""

    tokens: Optional[dict] = None        # token -> set of datasets or None (all); None: any token
    datasets: Optional[frozenset] = None  # None: any
    dead_datasets: frozenset = frozenset()
    deleted_leads: frozenset = frozenset()  # lead ids as integers
    app_secret: Optional[str] = None
    versions: tuple = CURRENT_VERSIONS
    expired_version: str = "refuse"      # or "older": answer in the oldest version still alive
    token_subcode: Optional[int] = 467
    future_tolerance: int = 300
    require_crm: bool = True
    refuse_placeholders: bool = False
    locale: str = "en"
    clock_offset: float = 0.0            # seconds added to our clock when ages are measured
    count_only: bool = False             # for benchmarks: bodies are neither read nor judged


class Refusal(NamedTuple):
    code: int
    subcode: Optional[int]
    why: str                             # for the record only, never in an answer
    status: int = 400
    index: Optional[int] = None


@dataclass
class Request:
    """What a request looks like to the rules."""

    method: str
    path: str
    query: dict
    bearer: Optional[str]
    received_at: float
    payload: object = None
    unreadable: Optional[str] = None
    encoding: str = ""
    length: int = 0  # of the body as its head announces it
    version: Optional[str] = None
    dataset: Optional[str] = None
    notes: dict = field(default_factory=dict)  # index -> why an event will not count, or oddities

    def parameter(self, name):
        body = self.payload.fields.get(name) if self.payload else None
        return self.query.get(name) if body is None else body

    def token_places(self):
        """Where an access token was given; more than one place is suspicious."""
        places = [] if self.bearer is None else ["header"]
        if self.payload and "access_token" in self.payload.fields:
            places.append("body")
        return places + (["query"] if "access_token" in self.query else [])

    def token(self):
        return self.bearer if self.bearer is not None else self.parameter("access_token")


def locate(request, settings):
    """Fill in version and dataset, as far as the path tells them."""
    found = path_pattern.fullmatch(request.path)
    if not found:
        return
    request.version = found[1]
    request.dataset = found[2] if dataset_pattern.fullmatch(found[2]) else None


def judge(request, settings):
    """Return the Refusal of a request, or None; fills request.notes for accepted events."""
    for rule in REQUEST_RULES:
        refusal = rule(request, settings)
        if refusal:
            return refusal
    return judge_events(request, settings)


def judge_events(request, settings):
    now = request.received_at + settings.clock_offset
    # One search in the whole body is cheaper than a look at every value.
    suspicious = any(digest in request.payload.text for digest in PLACEHOLDER_HASHES)
    for index, event in enumerate(request.payload.events):
        for rule in EVENT_RULES:
            fault = rule(event, now, settings)
            if fault:
                return Refusal(100, fault[0], fault[1], index=index)
        notes = notes_on(event, suspicious)
        if notes:
            request.notes[index] = notes
    return None


def check_method_and_path(request, settings):
    """3.1 and 3.5: one path, POST only; 2500 unknown path, 100/33 unsupported request."""
    found = path_pattern.fullmatch(request.path)
    if not found or found[1] is None:
        return Refusal(2500, None, "path is not /vN.N/{dataset}/events")
    if request.method != "POST":
        return Refusal(100, 33, f"method is {request.method}")
    return None


def check_version(request, settings):
    """3.1: unknown version 2500; expired 2635, or silently the next oldest one."""
    if request.version in settings.versions:
        return None
    if version_key(request.version) > version_key(settings.versions[-1]):
        return Refusal(2500, None, "version is not known")
    if settings.expired_version == "refuse":
        return Refusal(2635, None, "version has expired")
    return None


def effective_version(request, settings):
    """The version that answers: an expired one falls to the oldest that is alive (3.1)."""
    if request.version is None or request.version in settings.versions:
        return request.version or settings.versions[-1]
    older = version_key(request.version) < version_key(settings.versions[0])
    return settings.versions[0] if older else settings.versions[-1]


def version_key(version):
    return tuple(int(part) for part in version[1:].split("."))


def check_token(request, settings):
    """3.2, 3.5: missing or malformed 401 and 190 bare; unknown 400 and 190/467 (or 463)."""
    if len(request.token_places()) > 1:
        return Refusal(100, None, "access token in more than one place (ours)")
    token = request.token()
    known = settings.tokens or {}
    if type(token) is not str or (token not in known and not token_pattern.fullmatch(token)):
        return Refusal(190, None, "access token missing or malformed", status=401)
    if settings.tokens is not None and token not in known:
        return Refusal(190, settings.token_subcode, "access token is not known")
    return None


def check_proof(request, settings):
    """3.4, 3.5: appsecret_proof is HMAC-SHA256(secret, token); 104 when wrong or missing."""
    proof = request.parameter("appsecret_proof")
    if settings.app_secret is None:
        if proof is not None and not (type(proof) is str and proof_pattern.fullmatch(proof)):
            return Refusal(104, None, "appsecret_proof is not 64 hexadecimal digits")
        return None
    message = request.token()
    moment = request.parameter("appsecret_time")
    if moment is not None:  # the newer variant: message is token|time, valid five minutes
        if not re.fullmatch(r"[0-9]{1,12}", str(moment)):
            return Refusal(104, None, "appsecret_time is not Unix seconds")
        if abs(request.received_at + settings.clock_offset - int(moment)) > 300:
            return Refusal(104, None, "appsecret_time is older than five minutes")
        message += f"|{moment}"
    wanted = hmac.new(settings.app_secret.encode(), message.encode(), sha256).hexdigest()
    if type(proof) is not str or not hmac.compare_digest(proof.encode(), wanted.encode()):
        return Refusal(104, None, "appsecret_proof is missing or wrong")
    return None


def check_dataset(request, settings):
    """3.5: 100/33 for an object that is not there or not ours."""
    dataset = request.dataset
    if dataset is None or dataset in settings.dead_datasets:
        return Refusal(100, 33, "dataset does not exist")
    if settings.datasets is not None and dataset not in settings.datasets:
        return Refusal(100, 33, "dataset is not known")
    allowed = (settings.tokens or {}).get(request.token())
    if allowed is not None and dataset not in allowed:
        return Refusal(100, 33, "token has no right to this dataset")
    return None


def check_body(request, settings):
    """3.2: JSON or a form, UTF-8, not compressed; duplicate keys refused (ours)."""
    if request.encoding not in ("", "identity"):
        return Refusal(100, None, "compressed request bodies are not documented (ours)")
    if request.unreadable:
        return Refusal(100, None, request.unreadable)
    return None


def check_fields(request, settings):
    """2.2: the request-level fields; an unknown one is refused (ours)."""
    for name in request.payload.fields:
        if name not in REQUEST_FIELDS:
            return Refusal(100, None, "request has a field that the reference does not list (ours)")
    code = request.parameter("test_event_code")
    if code is not None and (type(code) is not str or not code):
        return Refusal(100, None, "test_event_code is not a text")
    return None


def check_partner_agent(request, settings):
    """2.2: fewer than 23 characters, at least two letters."""
    agent = request.parameter("partner_agent")
    if agent is None:
        return None
    if type(agent) is not str or len(agent) > 22 or sum(map(str.isalpha, agent)) < 2:
        return Refusal(100, None, "partner_agent is longer than 22 or has fewer than two letters")
    return None


def check_data(request, settings):
    """2.2, 3.2: `data` is an array of 1 to 1000 events."""
    events = request.payload.events
    if events is None:
        return Refusal(100, None, "data is missing or not an array")
    if not 1 <= len(events) <= MAX_EVENTS:
        return Refusal(100, None, f"data has {len(events)} events")
    return None


REQUEST_RULES = (
    check_method_and_path,
    check_version,
    check_token,
    check_proof,
    check_dataset,
    check_body,
    check_fields,
    check_partner_agent,
    check_data,
)
