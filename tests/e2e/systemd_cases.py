# SPDX-License-Identifier: BSD-3-Clause
"""Cases about what the daemon tells systemd: when it is ready, that it lives, that it ends."""

import ctypes
import os
import socket
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from case import case, check, equal, fetch, service, url
from lab import HTTP_PORT, PATIENCE, VIP4, wait_until

HTTP4 = ("tcp", 4, HTTP_PORT, (1, 1, 1), "rr")

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WAIT_FOR_ANY_THREAD = 0x40000000  # __WALL


class ServiceManager:
    """The socket that systemd would read."""

    def __init__(self, directory):
        self.path = str(directory / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)

    def hear(self, seconds):
        """The next message, or None when none comes in that time."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(4096).decode()
        except TimeoutError:
            return None

    def hear_for(self, seconds):
        """All messages of that time."""
        heard, end = [], time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            message = self.hear(left)
            if message is not None:
                heard.append(message)
        return heard


@contextmanager
def told(manager):
    """Programs that are started meanwhile talk to it."""
    os.environ["NOTIFY_SOCKET"] = manager.path
    try:
        yield
    finally:
        del os.environ["NOTIFY_SOCKET"]


@contextmanager
def stopped_thread(pid, name):
    """One thread of a process stands still, the others go on. Yields its number: should the process
    end meanwhile, it is gone only when reap() has seen that."""
    tid = next(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()
               if (task / "comm").read_text().strip() == name)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def trace(request):
        check(libc.ptrace(request, tid, None, None) == 0,
              f"ptrace of {name}: {os.strerror(ctypes.get_errno())}")
    trace(PTRACE_SEIZE)
    trace(PTRACE_INTERRUPT)
    os.waitpid(tid, WAIT_FOR_ANY_THREAD)
    try:
        yield tid
    finally:
        libc.ptrace(PTRACE_DETACH, tid, None, None)  # fails when the process has ended


def reap(tid):
    """Lets go of a stopped thread whose process was killed."""
    with suppress(ChildProcessError):
        os.waitpid(tid, os.WNOHANG | WAIT_FOR_ANY_THREAD)


@case()
def systemd_is_told(context):
    """READY comes when clients can be served, WATCHDOG while all threads live, STOPPING at the end."""
    with context.lab(workers=2) as lab:
        manager = ServiceManager(lab.directory)
        with told(manager):
            lab.start_daemon([service(lab, *HTTP4)], context.extra)
        first = manager.hear(PATIENCE)
        check("READY=1" in (first or ""), f"the first message is {first}")
        equal(len(lab.call("service.list")["services"]), 1, "services when it is ready")
        equal([row["link"] for row in lab.call("port.list")["ports"]], ["up", "up"], "links")
        equal(set(manager.hear_for(4)), {"WATCHDOG=1"}, "messages of workers without packets")
        with stopped_thread(lab.daemon.pid, "rte-worker-2"):
            manager.hear_for(2)
            equal(manager.hear_for(4), [], "messages while a worker stands still")
            check("event=worker_stands_still worker=1 " in lab.daemon_output(), "the log does not say so")
        wait_until(lambda: manager.hear(2) == "WATCHDOG=1", "the watchdog is fed again")
        equal(sum(fetch(lab.client, url(VIP4), 30).values()), 30, "answers")
        fault = lab.stop_daemon().fault()
        check(fault is None, fault)
        check("STOPPING=1" in manager.hear_for(0.2), "no STOPPING at the end")
