#!/usr/bin/env python3
"""endpoint.py - a stand-in for Meta's Conversions API: strict, scriptable, recording.

    python3 test/endpoint/endpoint.py --directory DIR [--tls | --plain] [--port 0] ...

Prints its port when it listens. Everything else is in README.md. Only for tests: binds loopback.
"""

import argparse
import gc
import os
import signal
import socket
import ssl
import threading
import traceback

import errors
import rules
from certificates import KINDS, make_certificates
from control_api import SETTINGS, serve_control
from exchange import Exchange
from record import Book
from wire import BadRequest, Closed, Wire, answer_head
from world import World

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
HANDSHAKE_SECONDS = 10


class Server:
    """Accepts connections; one thread each (tests have a handful of connections, not thousands)."""

    def __init__(self, world, listener, tls):
        self.world = world
        self.listener = listener
        self.tls = tls

    def accept_forever(self):
        while True:
            sock, _ = self.listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.guard, args=(sock,), daemon=True).start()

    def guard(self, sock):
        """A fault of ours must be seen, not swallowed with its thread."""
        try:
            sock = self.shake_hands(sock)
            if sock is not None:
                self.serve(Wire(sock))
        except Exception:
            traceback.print_exc()
        finally:
            if sock is not None:
                sock.close()

    def shake_hands(self, sock):
        if self.tls is None:
            return sock
        sock.settimeout(HANDSHAKE_SECONDS)
        try:
            wrapped = self.tls.wrap_socket(sock, server_side=True)
        except OSError:  # ssl.SSLError is one: plain text, no trust in us, or hung up
            self.world.book.add("tls_failures", 1)
            sock.close()
            return None
        wrapped.settimeout(None)
        return wrapped

    def serve(self, wire):
        connection = None  # numbered by its first Graph request, so that control ones have none
        try:
            while True:
                self.world.mark_idle(wire.sock, connection is not None)
                try:
                    head = wire.read_head()
                finally:
                    self.world.mark_idle(wire.sock, False)
                if head.path.startswith("/_control/"):
                    keeps = serve_control(wire, head, self.world)
                else:
                    connection = connection or self.world.book.open_connection()
                    keeps = Exchange(wire, head, self.world, connection).run()
                if not keeps:
                    return
        except BadRequest:
            self.refuse_head(wire, connection)
        except Closed:
            pass
        finally:
            wire.close()
            if connection:
                self.world.book.add("open_connections", -1)

    def refuse_head(self, wire, connection):
        """What is not even HTTP leaves a line, too."""
        ticket = self.world.book.begin(connection or 0, None)
        self.world.book.settle(ticket, {"status": 400, "outcome": "bad_http"}, False)
        self.world.book.leave(ticket)
        try:
            wire.send(answer_head(400, {"Connection": "close"}, 0))
        except Closed:
            pass


def main():
    arguments = parse_arguments()
    if arguments.list_rules:
        list_rules()
        return
    directory = os.path.abspath(arguments.directory)
    os.makedirs(directory, exist_ok=True)
    forget(directory)
    chain, key = make_certificates(directory, arguments.certificate)
    tls = None if arguments.plain else tls_context(chain, key)
    world = World(settings_of(arguments), Book(directory))
    listener = listen(arguments.host, arguments.port)
    port = listener.getsockname()[1]
    # Blocked here, so that every thread inherits it and only the sigwait below sees them.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    gc.freeze()
    gc.set_threshold(50_000)  # a batch is thousands of objects and hardly ever a cycle
    server = Server(world, listener, tls)
    threading.Thread(target=server.accept_forever, daemon=True).start()
    announce(directory, "http" if arguments.plain else "https", arguments.host, port)
    signal.sigwait(STOP_SIGNALS)
    forget(directory)
    with world.book.changed:  # no line is half written
        os._exit(0)           # at once: held requests would keep a tidy end waiting


def listen(host, port):
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(256)
    return listener


def tls_context(chain, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def announce(directory, scheme, host, port):
    """`port` comes last: who sees it finds the rest."""
    name = f"[{host}]" if ":" in host else host
    write(directory, "pid", f"{os.getpid()}\n")
    write(directory, "url", f"{scheme}://{name}:{port}\n")
    write(directory, "port", f"{port}\n")
    print(port, flush=True)


def write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path + ".new", "w", encoding="ascii") as out:
        out.write(text)
    os.replace(path + ".new", path)


def forget(directory):
    for name in ("port", "url", "pid"):
        try:
            os.unlink(os.path.join(directory, name))
        except FileNotFoundError:
            pass


def settings_of(arguments):
    given = {
        "tokens": tokens_of(arguments.token) or None,
        "datasets": datasets_of(arguments),
        "dead_datasets": arguments.dead_dataset,
        "deleted_leads": arguments.deleted_lead,
        "app_secret": arguments.app_secret,
        "versions": arguments.versions.split(","),
        "expired_version": arguments.expired_version,
        "token_subcode": arguments.token_subcode or None,
        "future_tolerance": arguments.future_tolerance,
        "require_crm": arguments.require_crm,
        "refuse_placeholders": arguments.refuse_placeholders,
        "locale": arguments.locale,
        "count_only": arguments.count_only,
    }
    return rules.Settings(**{key: SETTINGS[key](value) for key, value in given.items()})


def tokens_of(given):
    """--token T or --token T=ID,ID"""
    tokens = {}
    for one in given:
        token, sign, ids = one.partition("=")
        tokens[token] = ids.split(",") if sign else None
    return tokens


def datasets_of(arguments):
    """The datasets that exist: those named by --dataset and by --token; None (any) if none is."""
    named = set(arguments.dataset)
    for ids in tokens_of(arguments.token).values():
        named.update(ids or ())
    return named or None


def list_rules():
    for rule in (*rules.REQUEST_RULES, *rules.EVENT_RULES):
        print(f"{rule.__name__}: {rule.__doc__}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--directory", default=".", help="where port, ca.pem and the records go")
    add("--host", default="127.0.0.1", choices=("127.0.0.1", "::1"))
    add("--port", type=int, default=0, help="0: a free one")
    scheme = parser.add_mutually_exclusive_group()
    scheme.add_argument("--tls", action="store_true", help="https (the default)")
    scheme.add_argument("--plain", action="store_true", help="http")
    add("--certificate", default="good", choices=KINDS, help="what is wrong with it")
    add("--token", action="append", default=[], help="a token, or TOKEN=DATASET,DATASET")
    add("--dataset", action="append", default=[], help="a dataset that exists (none: all do)")
    add("--dead-dataset", action="append", default=[], help="a dataset that is gone: 100/33")
    add("--deleted-lead", action="append", default=[], help="a lead id that is gone: 2804036")
    add("--app-secret", help="demand an appsecret_proof made with it")
    add("--versions", default=",".join(rules.CURRENT_VERSIONS), help="versions that are alive")
    add("--expired-version", default="refuse", choices=("refuse", "older"),
        help="2635, or answer silently in the oldest version alive")
    add("--token-subcode", type=int, default=467, help="of an unknown token; 0 for none")
    add("--future-tolerance", type=int, default=300, help="seconds")
    add("--require-crm", action=argparse.BooleanOptionalAction, default=True,
        help="record events that are no conversion-leads events with counts false")
    add("--refuse-placeholders", action="store_true", help="refuse hashes of '', null, undefined")
    add("--locale", default="en", choices=errors.LOCALES, help="of error_user_title and _msg")
    add("--count-only", action="store_true",
        help="for benchmarks: accept every body unread, and only count its events")
    add("--list-rules", action="store_true", help="print what is enforced, and end")
    return parser.parse_args()


if __name__ == "__main__":
    main()
