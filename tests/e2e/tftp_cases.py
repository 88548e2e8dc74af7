# SPDX-License-Identifier: BSD-3-Clause
"""Cases about TFTP: a real server answers from a port of its own, and real clients go on there."""

import hashlib
import itertools
import re
import shutil
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from case import case, check, check_no_drops, equal
from lab import (LAN_PREFIX4, LAN_PREFIX6, NAT, PATIENCE, VIP4, VIP6, Lab, LabError, endpoint,
                 make_file, service_text, wait_until)

TFTP = 69
APPS = 'apps = ( { name = "tftp"; } );\n'
VIPS = {4: VIP4, 6: VIP6}
# Blocks of 512 bytes: an empty one, one, a last one that is empty, and many.
SIZES = (0, 1, 1024, 100_000)
WORKERS = {"1_worker": {"workers": 1}, "4_workers": {"workers": 4}}


class TftpLab(Lab):
    """A Lab whose two servers are tftpd-hpa; each gives its name and files of SIZES, and takes
    any file. The client has no way to the servers' own addresses."""

    def __init__(self, build, **options):
        super().__init__(build, servers=2, **options)
        self.root = Path(tempfile.mkdtemp(prefix="shunt-tftp."))
        self.root.chmod(0o755)
        self.sums = {}
        self.client.ip(f"route del {LAN_PREFIX4}\nroute del {LAN_PREFIX6}\n")
        for server in self.servers:
            self.tree(server).mkdir()
            self.tree(server).chmod(0o777)
            (self.tree(server) / "name").write_text(server.name)
        for size in SIZES:
            self.sums[size] = make_file(self.directory / str(size), size)
            for server in self.servers:
                shutil.copy(self.directory / str(size), self.tree(server) / str(size))

    def tree(self, server):
        return self.root / server.name

    def start_servers(self):
        for server in self.servers:
            server.processes["tftpd"] = self.spawn(
                server.namespace, ["in.tftpd", "--foreground", "--create", "--secure",
                                   "--user", "nobody", self.tree(server)], f"{server.name}.out")
        for server in self.servers:
            wait_until(lambda server=server: self.listens(server), f"{server.name} listens")

    def listens(self, server):
        if server.processes["tftpd"].poll() is not None:
            raise LabError(f"in.tftpd ended: {(self.directory / f'{server.name}.out').read_text()}")
        return re.search(rf":{TFTP}\s", server.namespace.run(["ss", "-Hlnu"]).stdout)

    def close(self):
        super().close()
        shutil.rmtree(self.root, ignore_errors=True)


@contextmanager
def tftp(context, workers, helper=True):
    listed = [service_text("udp", endpoint(vip, TFTP), "rr",
                           [(endpoint(f"198.51.100.{11 + i}" if family == 4
                                      else f"2001:db8:2::{11 + i}", TFTP), 1) for i in range(2)],
                           NAT) for family, vip in VIPS.items()]
    text = (APPS if helper else "") + "services = (\n" + ",\n".join(listed) + "\n);\n"
    with context.balancer(kind=TftpLab, workers=workers, extra=context.extra + text) as lab:
        yield lab


def by_curl(lab, host, verb, local, remote):
    target = f"tftp://{f'[{host}]' if ':' in host else host}/{remote}"
    way = {"get": ["--output", local], "put": ["--upload-file", local]}[verb]
    return lab.client.run(["curl", "--disable", "--globoff", "--silent", "--show-error",
                           "--max-time", PATIENCE, *way, target], timeout=2 * PATIENCE)


def by_tftp(lab, host, verb, local, remote):
    files = {"get": (remote, local), "put": (local, remote)}[verb]
    return lab.client.run(["tftp", "-6" if ":" in host else "-4", host, TFTP, "-m", "binary",
                           "-c", verb, *files], timeout=2 * PATIENCE)


PROGRAMS = {"curl": by_curl, "tftp": by_tftp}
# curl 7.88 asks its socket for a peer after a read, and has none if no byte came.
FAILS_BY_ITSELF = {("curl", 0)}


def transfer(lab, program, *what):
    """One, of which the client has to say nothing."""
    result = PROGRAMS[program](lab, *what)
    said = result.stdout + result.stderr
    check(result.returncode == 0 and "rror" not in said, f"{program} {what}: {said}")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@case(variants=WORKERS)
def tftp_files(context, workers):
    """Reads and writes of real clients go through, and the two servers take turns."""
    with tftp(context, workers) as lab:
        requests, names, takers = 0, Counter(), Counter()
        for host in VIPS.values():
            for program, size in itertools.product(PROGRAMS, SIZES):
                if (program, size) not in FAILS_BY_ITSELF:
                    copy, up = lab.directory / "copy", f"{requests}-{size}"
                    transfer(lab, program, host, "get", copy, str(size))
                    equal(digest(copy), lab.sums[size], f"{program} read {size} B of {host}")
                    copy.unlink()
                    transfer(lab, program, host, "put", lab.directory / str(size), up)
                    found = [server for server in lab.servers if (lab.tree(server) / up).exists()]
                    equal(len(found), 1, f"servers that took {up}")
                    wait_until(lambda f=lab.tree(found[0]) / up, s=size: f.stat().st_size == s,
                               f"{program} wrote {size} B to {host}")
                    equal(digest(lab.tree(found[0]) / up), lab.sums[size], f"{program} wrote {up}")
                    takers[found[0].name] += 1
                    for _ in range(3):
                        transfer(lab, program, host, "get", copy, "name")
                        names[copy.read_text()] += 1
                    requests += 5
        print(f"names {dict(names)}, writes {dict(takers)}")
        total = names + Counter({name: n for name, n in takers.items()})
        check(set(names) == {"server1", "server2"} and min(total.values()) > requests // 4,
              f"shares of {requests} requests: {total}")
        counters = lab.call("app.list")["counters"]
        equal(counters["tftp_requests"], requests, "requests that were read")
        equal(counters["data_connections"], requests, "answers that were expected")
        check_no_drops(lab)


@case()
def tftp_unhelped(context):
    """Without the helper the answers, from another port, are nobody's."""
    with tftp(context, 1, helper=False) as lab:
        result = lab.client.run(["curl", "--disable", "--silent", "--show-error", "--max-time", 3,
                                 f"tftp://{VIP4}/name"])
        check(result.returncode != 0, f"answered: {result.stdout}")
