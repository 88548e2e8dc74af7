#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""An FTP server by pyftpdlib, on port 21 of every address; PORT may name anybody, so that what keeps
it from harm is not this program.

    ftp_server.py ROOT USER PASSWORD
"""

import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer


class Handler(FTPHandler):
    permit_foreign_addresses = True
    permit_privileged_ports = True
    banner = "ready."


def main():
    root, user, password = sys.argv[1:]
    authorizer = DummyAuthorizer()
    authorizer.add_user(user, password, root, perm="elradfmw")
    Handler.authorizer = authorizer
    server = FTPServer(("::", 21), Handler, backlog=200)
    server.max_cons = 1000
    server.serve_forever(handle_exit=False)


if __name__ == "__main__":
    main()
