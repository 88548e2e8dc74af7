# SPDX-License-Identifier: BSD-3-Clause
"""Made-up machines: trees with what the kernel shows in /sys and /proc, and stubs of programs."""

import os
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent.parent
SETUP = SOURCE / "scripts/shuntd-setup"

# Prints the lines of a file that were made for its arguments.
IP_STUB = """#!/bin/sh
echo "$*" >>"{0}/ip.calls"
cat "{0}/ip/$(echo "$*" | tr ' ' _)" 2>/dev/null
"""
MODPROBE_STUB = """#!/bin/sh
echo "$*" >>"{0}/modprobe.calls"
"""


class Machine:
    """A bare one: no huge pages, no IOMMU, no network card."""

    def __init__(self, directory):
        self.directory = directory
        self.root = directory / "root"
        self.put("proc/cmdline", "quiet")
        self.put("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0")
        self.put("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0")
        self.put("sys/devices/system/cpu/online", "0-3")
        self.put("sys/devices/system/cpu/isolated", "")
        self.put("sys/devices/system/node/online", "0")
        self.put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave")
        for number, name, latency in ((0, "POLL", 0), (1, "C1", 2), (2, "C6", 133)):
            state = f"sys/devices/system/cpu/cpu0/cpuidle/state{number}"
            self.put(f"{state}/name", name)
            self.put(f"{state}/latency", str(latency))
            self.put(f"{state}/disable", "0")
        self.put("sys/bus/pci/drivers_probe", "")
        for name, text in (("ip", IP_STUB), ("modprobe", MODPROBE_STUB)):
            self.put(f"bin/{name}", text.format(directory))
            (self.root / f"bin/{name}").chmod(0o755)
        (directory / "ip").mkdir()

    def put(self, path, text):
        """Writes a file, relative to the root; returns its path."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
        return path

    def get(self, path):
        return (self.root / path).read_text()

    def link(self, path, target):
        link = self.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(os.path.relpath(self.root / target, link.parent), link)

    def vfio(self):
        """vfio-pci is loaded."""
        self.put("sys/bus/pci/drivers/vfio-pci/unbind", "")

    def card(self, address, driver, interfaces=(), group=None, kind="0x020000", virtio=()):
        """A PCI device; returns its path."""
        device = f"sys/bus/pci/devices/{address}"
        for name, text in (("class", kind), ("vendor", "0x8086"), ("device", "0x10fb"),
                           ("numa_node", "0"), ("driver_override", "(null)")):
            self.put(f"{device}/{name}", text)
        self.put(f"sys/bus/pci/drivers/{driver}/unbind", "")
        self.link(f"{device}/driver", f"sys/bus/pci/drivers/{driver}")
        for place, names in (("net", interfaces), ("virtio0/net", virtio)):
            for name in names:
                self.put(f"{device}/{place}/{name}/operstate", "up")
                (self.root / f"sys/class/net/{name}").mkdir(parents=True)
        if group is not None:
            self.link(f"sys/kernel/iommu_groups/{group}/devices/{address}", device)
            self.link(f"{device}/iommu_group", f"sys/kernel/iommu_groups/{group}")
        return device

    def upper(self, interface, name):
        """An interface that stands on another one."""
        (self.root / f"sys/class/net/{name}").mkdir(parents=True, exist_ok=True)
        self.link(f"sys/class/net/{interface}/upper_{name}", f"sys/class/net/{name}")

    def addresses(self, **by_interface):
        for interface, address in by_interface.items():
            family = "inet6" if ":" in address else "inet"
            (self.directory / f"ip/-o_address_show_dev_{interface}_scope_global").write_text(
                f"2: {interface}    {family} {address} scope global {interface}\n")

    def default_route(self, interface):
        (self.directory / f"ip/-4_route_show_default_dev_{interface}").write_text(
            "default via 192.0.2.1\n")

    def calls(self, program):
        file = self.directory / f"{program}.calls"
        return file.read_text().splitlines() if file.exists() else []

    def setup(self, *words):
        return subprocess.run([SETUP, "--root", self.root, *words], capture_output=True, text=True,
                              check=False)

    def state(self):
        """Everything that the tree holds."""
        return {str(path.relative_to(self.root)): path.read_bytes()
                for path in sorted(self.root.rglob("*")) if path.is_file() and not path.is_symlink()}
