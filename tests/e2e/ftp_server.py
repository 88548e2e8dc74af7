#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""An FTP server by pyftpdlib, on port 21 of every address; PORT may name anybody, so that what keeps
it from harm is not this program. With a certificate (a PEM file that has its key, too) it takes
AUTH TLS, and CCC, which pyftpdlib itself does not know (RFC 4217 6, 12.3).

    ftp_server.py ROOT USER PASSWORD [CERTIFICATE]
"""

import select
import sys

from OpenSSL import SSL
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer

PATIENCE = 60  # seconds


class Handler(FTPHandler):
    permit_foreign_addresses = True
    permit_privileged_ports = True
    banner = "ready."


class TlsHandler(TLS_FTPHandler):
    banner = "ready."
    proto_cmds = {**TLS_FTPHandler.proto_cmds,
                  "CCC": {"perm": None, "auth": True, "arg": False,
                          "help": "Syntax: CCC (go on in clear)."}}
    plain = None  # the socket below TLS

    def secure_connection(self, ssl_context):
        self.plain = self.socket
        super().secure_connection(ssl_context)

    def ftp_CCC(self, _line):  # pylint: disable=invalid-name
        """Closes TLS, waits for the client to do so, too, and goes on below it."""
        if self.plain is None:
            self.respond("533 There is no TLS.")
            return
        self.respond("200 In clear from now on.")
        self.socket.shutdown()
        while True:
            try:
                self.socket.recv(1)
            except SSL.WantReadError:
                select.select([self.plain], [], [], PATIENCE)
            except SSL.ZeroReturnError:
                break
        self.socket, self.plain = self.plain, None
        self._ssl_requested = self._ssl_established = False


def main():
    root, user, password, *certificate = sys.argv[1:]
    authorizer = DummyAuthorizer()
    authorizer.add_user(user, password, root, perm="elradfmw")
    handler = TlsHandler if certificate else Handler
    handler.authorizer = authorizer
    if certificate:
        handler.certfile = certificate[0]
    server = FTPServer(("::", 21), handler, backlog=200)
    server.max_cons = 1000
    server.serve_forever(handle_exit=False)


if __name__ == "__main__":
    main()
