# SPDX-License-Identifier: BSD-3-Clause
"""A booted systemd: the host's own files with what `meson install` adds, seen through an overlay that
forgets, as a container of systemd-nspawn in a network namespace that exists. Nothing of the host is
changed, and of its services none runs inside.

Needs root, systemd-nspawn, overlayfs and a cgroup v2 hierarchy; why_not() says what is missing.
A Container is used by one thread, as a context manager; its end kills everything inside."""

import contextlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

# Makes, in a mount namespace of its own, the root of the container and a cgroup for it, and becomes
# systemd-nspawn. The host may use the old cgroups; the container gets the new ones either way.
BOOT = """
set -e
mount -t tmpfs -o mode=755 layers "$1/layers"
mkdir "$1/layers/upper" "$1/layers/work"
mount -t overlay -o "lowerdir=/,upperdir=$1/layers/upper,workdir=$1/layers/work" root "$1/root"
cp -r --preserve=mode,links "$1/installed/." "$1/root"
rm -rf "$1"/root/etc/systemd/system/*.wants "$1"/root/etc/rc[0-6S].d
echo "$4" >"$1/root/etc/machine-id"
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$2"
echo $$ >"/sys/fs/cgroup/$2/cgroup.procs"
exec systemd-nspawn --quiet --keep-unit --register=no --machine="$2" --directory="$1/root" --boot \\
    --network-namespace-path="/run/netns/$3" --capability=CAP_NET_ADMIN,CAP_IPC_LOCK \\
    --system-call-filter=bpf --console=pipe systemd.show_status=no
"""

CLEAN_UP = """
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
[ ! -d "/sys/fs/cgroup/$1" ] || find "/sys/fs/cgroup/$1" -depth -type d -exec rmdir {} +
"""

MACHINE_ID = "5d3c0ffee5d3c0ffee5d3c0ffee5d3c0"


class ContainerError(Exception):
    """The container did not do what was asked; str() is for people."""


def private_mounts(script, *words):
    """The command line that runs a shell script with mounts that nobody else sees."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh",
            *map(str, words)]


def why_not():
    """What this machine lacks, or None."""
    if os.geteuid() != 0:
        return "it needs root"
    for program in ("systemd-nspawn", "nsenter", "unshare", "meson"):
        if not shutil.which(program):
            return f"{program} is not installed"
    for filesystem in ("overlay", "cgroup2"):
        if filesystem not in Path("/proc/filesystems").read_text().split():
            return f"the kernel has no {filesystem}"
    trial = """
set -e
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs trial /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work trial /mnt/root
"""
    result = subprocess.run(private_mounts(trial), text=True, capture_output=True, check=False)
    return result.stderr.strip().splitlines()[-1] if result.returncode != 0 else None


def children(pid):
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class Container:
    """`directory` is for the container alone; `installed` in it holds the files that are laid over
    those of the host, and is filled before the start."""

    def __init__(self, name, directory, network_namespace):
        self.name = name
        self.directory = Path(directory)
        self.network_namespace = network_namespace
        self.installed = self.directory / "installed"
        self.log = self.directory / "boot.log"
        for part in ("installed", "layers", "root"):
            (self.directory / part).mkdir(parents=True)
        self.nspawn = None
        self.leader = None

    def __enter__(self):
        try:
            self.boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def boot(self, seconds=40):
        with open(self.log, "wb") as log:
            self.nspawn = subprocess.Popen(
                private_mounts(BOOT, self.directory, self.name, self.network_namespace, MACHINE_ID),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True)
        self.wait_until(self.is_up, "systemd does not come up", seconds)

    def is_up(self):
        if self.nspawn.poll() is not None:
            raise ContainerError(f"systemd-nspawn ended:\n{self.log.read_text(errors='replace')}")
        for pid in children(self.nspawn.pid):
            if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                self.leader = pid
        return self.leader and self.run("systemctl is-system-running").stdout.strip() in (
            "running", "degraded")

    def wait_until(self, condition, what, seconds):
        """Polls until condition() is true and returns its value; ContainerError after `seconds`."""
        end = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise ContainerError(f"waited {seconds} s in vain: {what}")
            time.sleep(0.1)

    def run(self, script, check=False, timeout=60):
        """A shell script inside, as root; text, output captured."""
        command = ["nsenter", "--target", str(self.leader), "--mount", "--uts", "--ipc", "--net",
                   "--pid", "--cgroup", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c",
                   script]
        result = subprocess.run(command, text=True, stdin=subprocess.DEVNULL, timeout=timeout,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if check and result.returncode != 0:
            raise ContainerError(f"{script}: exit {result.returncode}\n{result.stdout}"
                                 f"{result.stderr}")
        return result

    def output(self, script, timeout=60):
        return self.run(script, check=True, timeout=timeout).stdout.strip()

    def path(self, inside):
        """A file of the container, as the host reaches it."""
        return Path(f"/proc/{self.leader}/root{inside}")

    def show(self, unit):
        """What systemd knows of a unit: property -> text."""
        lines = self.output(f"systemctl show {unit}").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def host_pid(self, inside):
        """The number of a process of the container on the host."""
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                words = [line.split()[1:] for line in status.read_text().splitlines()
                         if line.startswith("NSpid:")]
                same = os.readlink(status.parent / "ns/pid") == os.readlink(
                    f"/proc/{self.leader}/ns/pid")
            except OSError:
                continue
            if same and words and words[0][-1] == str(inside):
                return int(status.parent.name)
        raise ContainerError(f"no process {inside} in the container")

    def journal(self, unit):
        """Entries of a unit, oldest first: dictionaries of journald's fields."""
        text = self.output(f"journalctl --sync; journalctl -u {unit} -o json --no-pager --all")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def close(self):
        """Ends the container with all that runs in it; may be called again."""
        if self.nspawn is not None:
            for pid in [*children(self.nspawn.pid), self.nspawn.pid]:
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    pass
            self.nspawn.wait()
            self.nspawn = None
            self.remove_cgroups()
        with contextlib.suppress(OSError):  # left where /run is no tmpfs
            os.rmdir(f"/run/systemd/nspawn/propagate/{self.name}")
        shutil.rmtree(self.directory, ignore_errors=True)

    def remove_cgroups(self):
        """What was in them takes a moment to be gone."""
        for _ in range(50):
            if subprocess.run(private_mounts(CLEAN_UP, self.name), capture_output=True,
                              check=False).returncode == 0:
                return
            time.sleep(0.1)
