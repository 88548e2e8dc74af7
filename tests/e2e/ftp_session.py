#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""FTP clients by Python's ftplib, and some that do what no honest client does. Reads what to do as
JSON on stdin and prints what it saw as JSON; a session's log goes to stderr. Standard library only.

    {"host": "192.0.2.10", "user": "u", "password": "p", "mode": "EPSV", "sessions": 1,
     "from": null, "tls": false,
     "steps": [["put", LOCAL, REMOTE], ["get", REMOTE, LOCAL], ["list", DIRECTORY, LOCAL], ...]}

mode: "PASV", "EPSV", "PORT" or "EPRT". Steps besides those:

    ["slow", REMOTE, BYTES_A_SECOND]  downloads so slowly; its value: SHA-256
    ["sum", REMOTE, TIMES]            downloads so often; its value: list of SHA-256
    ["command", TEXT]                 its value: the reply, also of a refusal
    ["wait", SECONDS]
    ["listen", ADDRESS, PORT]         from now on; port 0: any; its value: the port
    ["called", SECONDS]               whether somebody called there within this time
    ["strangers_call", ADDRESS]       asks for a passive port, which is called from ADDRESS before the
                                      client itself; its value: what the stranger got
    ["port"]                          its value: the client's port of the control connection
    ["clear"]                         CCC: out of TLS

With several sessions all of them run at a time, and "#" in a local or remote name is the session's
number. A value is true where none is named. The result: {"sessions": [{"values": [...],
"error": null or TEXT, "goodbye": REPLY}...]}
"""

import ftplib
import hashlib
import json
import socket
import sys
import threading
import time

PATIENCE = 60
BLOCK = 65536


class Session(ftplib.FTP):
    """ftplib, with all four commands for either family, and faithful to what 227 says."""

    trust_server_pasv_ipv4_address = True
    mode = "EPSV"

    def makepasv(self):
        if self.mode == "PASV":
            return ftplib.parse227(self.sendcmd("PASV"))
        return ftplib.parse229(self.sendcmd("EPSV"), self.sock.getpeername())

    def makeport(self):
        listener = socket.create_server((self.sock.getsockname()[0], 0), family=self.af, backlog=1)
        listener.settimeout(PATIENCE)
        host, port = listener.getsockname()[:2]
        (self.sendport if self.mode == "PORT" else self.sendeprt)(host, port)
        return listener


class TlsSession(Session, ftplib.FTP_TLS):
    """The control connection under TLS, data in clear."""


class Runner:
    """One session's steps."""

    def __init__(self, job, number):
        self.job, self.number = job, str(number)
        self.ftp = self.listener = None
        self.values, self.error, self.goodbye = [], None, None

    def run(self):
        try:
            self.begin()
            for verb, *arguments in self.job["steps"]:
                arguments = [a.replace("#", self.number) if isinstance(a, str) else a
                             for a in arguments]
                self.values.append(getattr(self, f"do_{verb}")(*arguments))
            self.goodbye = self.ftp.quit()
        except Exception as error:  # pylint: disable=broad-except
            self.error = f"step {len(self.values) + 1}: {type(error).__name__}: {error}"

    def begin(self):
        job = self.job
        self.ftp = (TlsSession if job.get("tls") else Session)(timeout=PATIENCE)
        self.ftp.mode = job["mode"]
        self.ftp.set_debuglevel(1 if job.get("sessions", 1) == 1 else 0)
        source = (job["from"], 0) if job.get("from") else None
        self.ftp.connect(job["host"], 21, source_address=source)
        self.ftp.login(job["user"], job["password"])
        self.ftp.set_pasv(job["mode"] in ("PASV", "EPSV"))

    def result(self):
        return {"values": self.values, "error": self.error, "goodbye": self.goodbye}

    # --- steps -----------------------------------------------------------------------------------

    def do_put(self, local, remote):
        with open(local, "rb") as file:
            self.ftp.storbinary(f"STOR {remote}", file, BLOCK)
        return True

    def do_get(self, remote, local):
        with open(local, "wb") as file:
            self.ftp.retrbinary(f"RETR {remote}", file.write, BLOCK)
        return True

    def do_list(self, directory, local):
        with open(local, "w", encoding="ascii") as file:
            self.ftp.retrlines(f"LIST {directory}", lambda line: file.write(line + "\n"))
        return True

    def do_sum(self, remote, times):
        sums = []
        for _ in range(times):
            digest = hashlib.sha256()
            self.ftp.retrbinary(f"RETR {remote}", digest.update, BLOCK)
            sums.append(digest.hexdigest())
        return sums

    def do_slow(self, remote, rate):
        digest, got, begin = hashlib.sha256(), 0, time.monotonic()
        self.ftp.voidcmd("TYPE I")
        with self.ftp.transfercmd(f"RETR {remote}") as data:
            while block := data.recv(max(1, rate // 20)):
                digest.update(block)
                got += len(block)
                time.sleep(max(0.0, begin + got / rate - time.monotonic()))
        self.ftp.voidresp()
        return digest.hexdigest()

    def do_command(self, text):
        try:
            return self.ftp.sendcmd(text)
        except (ftplib.error_perm, ftplib.error_temp) as error:
            return str(error)

    def do_wait(self, seconds):
        time.sleep(seconds)
        return True

    def do_listen(self, address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, port), family=family)
        return self.listener.getsockname()[1]

    def do_called(self, seconds):
        self.listener.settimeout(seconds)
        try:
            self.listener.accept()[0].close()
            return True
        except TimeoutError:
            return False

    def do_strangers_call(self, address):
        host, port = self.ftp.makepasv()
        try:
            with socket.create_connection((host, port), timeout=3, source_address=(address, 0)):
                outcome = "connected"
        except OSError as error:
            outcome = type(error).__name__
        with socket.create_connection((host, port), timeout=PATIENCE) as data:
            self.ftp.sendcmd("NLST")
            while data.recv(BLOCK):
                pass
        self.ftp.voidresp()
        return outcome

    def do_clear(self):
        return self.ftp.ccc()

    def do_port(self):
        return self.ftp.sock.getsockname()[1]


def main():
    sys.stdout, output = sys.stderr, sys.stdout  # ftplib's log is printed
    job = json.load(sys.stdin)
    runners = [Runner(job, i) for i in range(job.get("sessions", 1))]
    threads = [threading.Thread(target=each.run) for each in runners]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    json.dump({"sessions": [each.result() for each in runners]}, output)


if __name__ == "__main__":
    main()
