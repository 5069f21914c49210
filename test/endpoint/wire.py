"""wire.py - HTTP/1.1 on one socket: reading requests, sending answers, breaking off.

Own code and not http.server, for two reasons: the scripted faults need the bare socket between
any two bytes, and http.server's header parsing alone costs more than judging 50 events.
"""

import email.utils
import select
import socket
import ssl
import struct
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024 * 1024
PADDING = b" " * 65536
GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR


class BadRequest(Exception):
    """Not HTTP as we read it; the connection is answered with 400 and closed."""


class Closed(Exception):
    """The other side has gone."""


@dataclass
class Head:
    method: str
    path: str
    query: dict
    query_repeats: bool
    http: str
    headers: dict

    @property
    def keeps_alive(self):
        return self.http == "HTTP/1.1" and self.headers.get("connection", "").lower() != "close"


class Wire:
    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray()
        # One system call for a whole body, and so one turn for the interpreter lock. TLS cannot.
        self.flags = 0 if isinstance(sock, ssl.SSLSocket) else socket.MSG_WAITALL

    def more(self):
        try:
            data = self.sock.recv(65536)
        except OSError as trouble:
            raise Closed from trouble
        if not data:
            raise Closed
        self.buffer += data

    def read_head(self):
        """The next request's Head; raises Closed when there is none."""
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            if len(self.buffer) > MAX_HEAD:
                raise BadRequest("head is too long")
            self.more()
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        del self.buffer[:end + 4]
        return parse_head(lines)

    def read_body(self, head):
        """The body of a request, whole."""
        if head.headers.get("expect", "").lower() == "100-continue":
            self.send_bytes(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "transfer-encoding" in head.headers:
            if head.headers["transfer-encoding"].lower() != "chunked" \
                    or "content-length" in head.headers:
                raise BadRequest("transfer encoding")
            return self.read_chunks()
        length = head.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY:
            raise BadRequest("content length")
        return self.read_exactly(int(length))

    def read_exactly(self, length):
        """Reads into one buffer of the right size: bodies are large, copies are not free."""
        body = bytearray(length)
        have = min(length, len(self.buffer))
        body[:have] = self.buffer[:have]
        del self.buffer[:have]
        view = memoryview(body)
        while have < length:
            try:
                got = self.sock.recv_into(view[have:], flags=self.flags)
            except OSError as trouble:
                raise Closed from trouble
            if not got:
                raise Closed
            have += got
        return body

    def read_chunks(self):
        body = bytearray()
        while True:
            size = self.read_line().partition(b";")[0].strip()
            try:
                length = int(size, 16)
            except ValueError:
                raise BadRequest("chunk size") from None
            if length < 0 or len(body) + length > MAX_BODY:
                raise BadRequest("chunk size")
            if length == 0:
                break
            body += self.read_exactly(length)
            if self.read_exactly(2) != b"\r\n":
                raise BadRequest("chunk end")
        while self.read_line():  # trailers
            pass
        return body

    def read_line(self):
        while (end := self.buffer.find(b"\r\n")) < 0:
            if len(self.buffer) > MAX_HEAD:
                raise BadRequest("line is too long")
            self.more()
        line = bytes(self.buffer[:end])
        del self.buffer[:end + 2]
        return line

    def send_bytes(self, data):
        try:
            self.sock.sendall(data)
        except OSError as trouble:
            raise Closed from trouble

    def send(self, data, padding=0):
        """Send an answer, and so many blanks after it."""
        self.send_bytes(data)
        while padding > 0:
            self.send_bytes(PADDING[:padding])
            padding -= len(PADDING)

    def reset_on_close(self):
        """Make the close a RST: what the client has not read yet is lost to it."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass


class Pause:
    """A wait in the middle of an exchange that ends by release, by time, or with the client.

    It notices that the client has hung up: a request whose client gave up is not in flight.
    """

    def __init__(self):
        self.reader, self.writer = socket.socketpair()

    def release(self):
        try:
            self.writer.send(b"x")
        except OSError:
            pass  # released already, and over

    def wait(self, sock, seconds=None):
        """Returns "released", "time" or "gone"."""
        poll = select.poll()
        poll.register(self.reader, select.POLLIN)
        poll.register(sock, GONE)
        ready = dict(poll.poll(None if seconds is None else seconds * 1000))
        if self.reader.fileno() in ready:
            return "released"
        return "gone" if ready else "time"

    def close(self):
        self.reader.close()
        self.writer.close()


def parse_head(lines):
    parts = lines[0].split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequest("request line")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not name or name != name.strip():
            raise BadRequest("header line")
        if name in headers and name in ("content-length", "host", "authorization",
                                        "transfer-encoding", "content-type"):
            raise BadRequest("a header is given twice")
        headers[name] = value.strip()
    if parts[2] == "HTTP/1.1" and "host" not in headers:
        raise BadRequest("no Host")
    path, _, query = parts[1].partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    return Head(parts[0], unquote(path), dict(pairs), len(dict(pairs)) != len(pairs),
                parts[2], headers)


def answer_head(status, headers, length):
    """Status line and headers of an answer."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    usual = {"Date": email.utils.formatdate(usegmt=True), "Content-Length": length}
    lines = [f"HTTP/1.1 {status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in merge_headers(usual, headers).items()]
    lines += ["", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


def merge_headers(usual, own):
    """Own headers replace usual ones of the same name, in whatever case; None removes one."""
    replaced = {name.lower() for name in own}
    merged = {name: value for name, value in usual.items() if name.lower() not in replaced}
    merged.update((name, value) for name, value in own.items() if value is not None)
    return merged
