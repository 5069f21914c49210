"""record.py - what arrived: the two record files, the counters, and waiting for them.

One lock (a condition variable) guards everything, so that a state that is read is one that was,
and whoever waits for "N accepted" wakes up when it is so, without sleeping. A line is in its file
before the counter says so and before the client gets its answer.

The access token never comes here.
"""

import json
import os
import re
import threading
import time
from dataclasses import dataclass, field

dataset_of_line = re.compile(rb'\{"dataset_id":"([0-9]+)"').match


@dataclass
class Ticket:
    """One request under way."""

    number: int
    connection: int
    received_at: float
    dataset: str = None
    generation: int = 0
    inside: bool = True     # counted as in flight


@dataclass
class Counters:
    accepted: int = 0
    not_counting: int = 0   # accepted, but no conversion-leads events (reference 1.2)
    requests: int = 0       # finished: their line is in requests.jsonl
    refused: int = 0        # refused by the rules of Meta, not by a script
    in_flight: int = 0
    max_in_flight: int = 0
    held: int = 0
    open_connections: int = 0
    max_open_connections: int = 0
    connections: int = 0    # ever opened by somebody who sent a Graph request
    tls_failures: int = 0


@dataclass
class DatasetCounters:
    accepted: int = 0
    requests: int = 0
    in_flight: int = 0
    max_in_flight: int = 0


class JsonLines:
    """An append-only file; each write is whole lines, handed to the kernel at once."""

    def __init__(self, path):
        self.path = path
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def append(self, text):
        rest = memoryview(text.encode("utf-8"))
        while rest:
            rest = rest[os.write(self.file, rest):]

    def lines(self):
        with open(self.path, "rb") as source:
            return source.readlines()

    def empty(self):
        os.ftruncate(self.file, 0)


@dataclass
class Book:
    directory: str
    changed: threading.Condition = field(default_factory=threading.Condition)
    count: Counters = field(default_factory=Counters)
    datasets: dict = field(default_factory=dict)
    started: int = 0        # number of the newest request
    generation: int = 0     # how often reset

    def __post_init__(self):
        self.accepted = JsonLines(os.path.join(self.directory, "accepted.jsonl"))
        self.requests = JsonLines(os.path.join(self.directory, "requests.jsonl"))
        self.resume()

    def resume(self):
        """After a restart (a test's outage) numbers and counters go on where they were."""
        for line in self.accepted.lines():
            found = dataset_of_line(line)
            if found:
                self.count.accepted += 1
                self.count.not_counting += b'"counts":false' in line.partition(b',"event":')[0]
                self.of(found[1].decode()).accepted += 1
        for line in self.requests.lines():
            entry = json.loads(line)
            self.started = max(self.started, entry["number"])
            self.count.requests += 1
            self.count.connections = max(self.count.connections, entry["connection"])
            self.of(entry["dataset"]).requests += 1

    def of(self, dataset):
        if dataset not in self.datasets:
            self.datasets[dataset] = DatasetCounters()
        return self.datasets[dataset]

    def begin(self, connection, dataset):
        """A request's head has arrived."""
        with self.changed:
            self.started += 1
            ticket = Ticket(self.started, connection, time.time(), dataset, self.generation)
            for counters in (self.count, self.of(dataset)):
                counters.in_flight += 1
                counters.max_in_flight = max(counters.max_in_flight, counters.in_flight)
            self.changed.notify_all()
        return ticket

    def leave(self, ticket):
        """The request is no longer in flight. May be called twice.

        Called just before the last byte of the answer goes out: a client may send its next request
        the moment it has the answer, and must not be seen with one too many in flight.
        """
        with self.changed:
            if ticket.inside:
                ticket.inside = False
                self.count.in_flight -= 1
                if ticket.generation == self.generation:
                    self.of(ticket.dataset).in_flight -= 1
                self.changed.notify_all()

    def accept(self, ticket, texts, notes, require_crm):
        """Record the events of a request, one line each, with one write for all."""
        head = f'{{"dataset_id":"{ticket.dataset}","request":{ticket.number},"index":'
        tail = f',"received_at":{ticket.received_at:.6f},"counts":true,"event":'
        lines, silent = [], 0
        for index, text in enumerate(texts):
            if index in notes:
                counts = not (require_crm and notes[index][0].startswith("does not count"))
                silent += not counts
                lines.append(f"{head}{index}{noted(tail, counts, notes[index])}{text}}}\n")
            else:
                lines.append(f"{head}{index}{tail}{text}}}\n")
        with self.changed:
            self.accepted.append("".join(lines))
            self.count.not_counting += silent
            self.accept_unseen(ticket, len(texts))

    def accept_unseen(self, ticket, amount):
        """Count accepted events."""
        with self.changed:
            self.count.accepted += amount
            self.of(ticket.dataset).accepted += amount
            self.changed.notify_all()

    def settle(self, ticket, entry, refused):
        """Write a request's line."""
        entry = {"number": ticket.number, "dataset": ticket.dataset,
                 "connection": ticket.connection, **entry,
                 "received_at": round(ticket.received_at, 6)}
        with self.changed:
            self.requests.append(json.dumps(entry) + "\n")
            self.count.requests += 1
            self.count.refused += refused
            self.of(ticket.dataset).requests += 1
            self.changed.notify_all()

    def add(self, name, amount):
        """Change a counter; returns its new value."""
        with self.changed:
            value = getattr(self.count, name) + amount
            setattr(self.count, name, value)
            self.changed.notify_all()
            return value

    def open_connection(self):
        """A connection sent its first Graph request: returns its number."""
        with self.changed:
            count = self.count
            count.connections += 1
            count.open_connections += 1
            count.max_open_connections = max(count.max_open_connections, count.open_connections)
            self.changed.notify_all()
            return count.connections

    def state(self):
        with self.changed:
            return self.state_locked()

    def state_locked(self):
        datasets = {str(name): vars(one).copy() for name, one in self.datasets.items()}
        return {**vars(self.count), "started": self.started, "datasets": datasets}

    def wait(self, name, at_least, at_most, seconds, dataset=None):
        """Wait until a counter is within bounds; returns (whether it is, the state then)."""
        def reached():
            source = vars(self.datasets.get(dataset, DatasetCounters())) if dataset \
                else {**vars(self.count), "started": self.started}
            return at_least <= source[name] <= at_most
        with self.changed:
            return self.changed.wait_for(reached, seconds), self.state_locked()

    def reset(self):
        """Forget what arrived. What is in flight stays in flight and is recorded as it ends."""
        with self.changed:
            old = self.count
            self.accepted.empty()
            self.requests.empty()
            self.count = Counters(
                in_flight=old.in_flight, max_in_flight=old.in_flight, held=old.held,
                open_connections=old.open_connections, max_open_connections=old.open_connections,
                connections=old.connections)
            self.datasets = {}
            self.started = 0
            self.generation += 1
            self.changed.notify_all()


def noted(tail, counts, notes):
    before, after = tail.split('"counts":true')
    return f'{before}"counts":{json.dumps(counts)},"notes":{json.dumps(notes)}{after}'
