"""world.py - what all connections share: settings, script, record, held requests, idle sockets."""

import os
import socket
import threading
from dataclasses import dataclass, field

from record import Book
from rules import Settings
from script import Script
from wire import Pause


@dataclass
class World:
    settings: Settings
    book: Book
    script: Script = field(default_factory=Script)
    lock: threading.Lock = field(default_factory=threading.Lock)
    holds: list = field(default_factory=list)  # (ticket, rule, pause), oldest first
    idle: set = field(default_factory=set)     # sockets of connections between two requests

    def __post_init__(self):
        self.first_settings = self.settings

    def hold(self, ticket, rule, sock):
        """Keep a request until it is released; returns "released" or "gone"."""
        pause = Pause()
        entry = (ticket, rule, pause)
        with self.lock:
            self.holds.append(entry)
        self.book.add("held", 1)
        try:
            return pause.wait(sock)
        finally:
            with self.lock:
                if entry in self.holds:
                    self.holds.remove(entry)
            self.book.add("held", -1)
            pause.close()

    def release(self, name=None, count=None):
        """Let held requests go, oldest first; returns how many."""
        with self.lock:
            chosen = [one for one in self.holds if name is None or one[1].name == name][:count]
            for entry in chosen:
                self.holds.remove(entry)
                entry[2].release()
        return len(chosen)

    def drop_idle(self):
        """Close the connections on which nothing is happening, as a server's idle limit does."""
        with self.lock:
            victims = list(self.idle)
            for sock in victims:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        return len(victims)

    def mark_idle(self, sock, idle):
        with self.lock:
            (self.idle.add if idle else self.idle.discard)(sock)

    def reset(self):
        self.script.load([])
        self.settings = self.first_settings
        self.release()
        self.book.reset()

    def state(self):
        with self.lock:
            holds = [{"request": ticket.number, "dataset": ticket.dataset, "rule": rule.name}
                     for ticket, rule, _ in self.holds]
        return {**self.book.state(), "holds": holds, "rules": self.script.state(),
                "pid": os.getpid()}
