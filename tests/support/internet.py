"""The servers of a test's internet: a web server, a resolver, and something that listens where a cloud's metadata is.

The resolver's names say what happens: www.test has an address, big.test has more than a datagram holds, and
garbage.test and forged.test get answers that are not theirs, forged.test the right one after them.
"""

import json
import socket
import socketserver
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WEB = "192.0.2.80"
DNS = "192.0.2.53"
MANY = [f"192.0.2.{n}" for n in range(100, 200)]
HEARD = []


class Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps(
            HEARD if self.path == "/heard" else {"you": self.client_address[0], "path": self.path}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Datagrams(socketserver.BaseRequestHandler):
    def handle(self):
        HEARD.append([self.client_address[0], self.request[0].decode()])


def name_of(query):
    labels, at = [], 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode())
        at += length + 1
    return ".".join(labels).lower(), query[12 : at + 5], struct.unpack("!H", query[at + 1 : at + 3])[0]


def answer(query, addresses, flags=0x8180, identity=None):
    _, question, _ = name_of(query)
    head = struct.pack("!2sHHHHH", identity or query[:2], flags, 1, len(addresses), 0, 0)
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4"
    return head + question + b"".join(record + socket.inet_aton(address) for address in addresses)


def answers(query, stream):
    """What is sent back, in order."""
    name, _, kind = name_of(query)
    other_id = bytes([query[0] ^ 255, query[1]])
    forged = [b"", b"\0", query, b"\xff" * 600, answer(query, ["192.0.2.66"], identity=other_id)]
    if name == "garbage.test":
        return forged
    if name == "forged.test":
        return [*forged, answer(query, [WEB] if kind == 1 else [])]
    if name == "big.test":
        return [answer(query, MANY if kind == 1 else [])] if stream else [answer(query, [], flags=0x8380)]
    if name == "www.test":
        return [answer(query, [WEB] if kind == 1 else [])]
    return [answer(query, [], flags=0x8183)]


class DnsDatagrams(socketserver.BaseRequestHandler):
    def handle(self):
        query, reply = self.request
        for one in answers(query, stream=False):
            reply.sendto(one, self.client_address)


class DnsStreams(socketserver.StreamRequestHandler):
    def handle(self):
        while head := self.rfile.read(2):
            query = self.rfile.read(struct.unpack("!H", head)[0])
            for one in answers(query, stream=True):
                self.wfile.write(struct.pack("!H", len(one)) + one)


def main():
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    servers = [
        # On every address: that of the metadata service, too.
        ThreadingHTTPServer(("0.0.0.0", 80), Web),
        socketserver.ThreadingUDPServer(("0.0.0.0", 9), Datagrams),
        socketserver.ThreadingUDPServer((DNS, 53), DnsDatagrams),
        socketserver.ThreadingTCPServer((DNS, 53), DnsStreams),
    ]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
