# SPDX-License-Identifier: BSD-3-Clause
"""A daemon that answers JSON-RPC on a UNIX socket as a test says."""
import json
import os
import socketserver
import threading
import time

TOTAL = {"connections": 0, "packets_in": 0, "packets_out": 0, "bytes_in": 0, "bytes_out": 0}
STATS = {**TOTAL, "rates": dict(TOTAL)}


class Daemon:
    """Answers from `results`, by method; `refused` methods are refused, `delay` is before each answer.
    A subscriber is sent `events`, if there are any, and nothing after them."""

    def __init__(self, path):
        self.path = path
        self.results = {}
        self.refused = set()
        self.error = {"code": -32000, "message": "not today", "data": {"path": "service"}}
        self.delay = 0
        self.methods = []
        self.events = []
        self.server = None
        self.start()

    def start(self):
        daemon = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                daemon.clients.append(self.connection)
                for line in self.rfile:
                    try:
                        self.wfile.write(daemon.answer(json.loads(line)))
                        if daemon.events and daemon.methods[-1] == "events.subscribe":
                            return self.wfile.write(daemon.event_lines())
                    except (BrokenPipeError, ConnectionResetError):
                        return

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self.clients = []
        self.server = Server(self.path, Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        if self.server is None:
            return
        self.server.shutdown()
        self.server.server_close()
        for client in self.clients:
            try:
                client.shutdown(2)
            except OSError:
                pass
        self.server = None
        os.unlink(self.path)

    def event_lines(self):
        return b"".join(json.dumps({"jsonrpc": "2.0", "method": "event", "params": event}).encode() + b"\n"
                        for event in self.events)

    def answer(self, request):
        method = request["method"]
        self.methods.append(method)
        time.sleep(self.delay)
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        if method in self.refused or "*" in self.refused:
            reply["error"] = self.error
        else:
            result = self.results.get(method, {})
            reply["result"] = result() if callable(result) else result
        return json.dumps(reply).encode() + b"\n"


def service(protocol, address, servers=(), **more):
    return {"service": {"protocol": protocol, "address": address}, "scheduler": "wlc", "flags": [],
            "stats": STATS, "servers": [{"address": a, "forward": "nat", "weight": 1, "active": 2,
                                         "inactive": 3, "stats": STATS} for a in servers], **more}


def worker(number, **counts):
    row = {"worker": number, "cpu": number + 1, "busy": 0.25, "busy_cycles": 0, "connections": 7}
    names = ("received", "from_twin", "taken_over", "forwarded", "to_host", "handed_off", "dropped")
    return {**row, **{name: 0 for name in names}, **counts}
