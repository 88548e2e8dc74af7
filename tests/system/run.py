#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tests of what is installed beside the programs: shuntd-setup on made-up machines, the systemd unit
and the rules for Prometheus. Changes nothing outside its own temporary directories.

    tests/system/run.py
"""

import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

from machine import SETUP, SOURCE, Machine

# The unit may not become more exposed than docs/operations.md says, of systemd-analyze security.
MOST_EXPOSED = 2.9

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def equal(actual, expected, what):
    assert actual == expected, f"{what}:\n  expected {expected!r}\n  got      {actual!r}"


def has(text, *parts):
    for part in parts:
        assert part in text, f"{part!r} is not in:\n{text}"


# --- shuntd-setup ---------------------------------------------------------------------------------


@test
def a_bare_machine_gets_advice(machine):
    machine.card("0000:01:00.0", "ixgbe", ["eth5"])
    result = machine.setup()
    equal(result.returncode, 0, "exit code")
    has(result.stdout, "advice  none are reserved", "advice  no IOMMU",
        "advice  vfio-pci is not loaded", "advice  can be given to shuntd: shuntd-setup bind "
        "0000:01:00.0 --apply", "advice  none is isolated", "governor powersave", "C6 (133 us)")


@test
def a_prepared_machine_is_found_good(machine):
    machine.put("proc/cmdline", "quiet iommu=pt isolcpus=2-3 nohz_full=2-3")
    machine.put("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "1024")
    machine.put("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "1000")
    machine.put("sys/devices/system/cpu/isolated", "2-3")
    machine.put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance")
    machine.put("sys/devices/system/cpu/cpu0/cpuidle/state2/disable", "1")
    machine.vfio()
    machine.card("0000:01:00.0", "vfio-pci", group=7)
    machine.card("0000:02:00.0", "mlx5_core", ["eth6"], group=8)
    result = machine.setup("report")
    equal((result.returncode, result.stderr), (0, ""), "result")
    assert "advice" not in result.stdout, result.stdout
    has(result.stdout, "1024 of 2048kB, 1000 free", "with 2 groups", "vfio-pci is loaded",
        'ready for shuntd: device = "0000:01:00.0";', "beside mlx5_core, which has to stay",
        "isolated: 2-3", "iommu=pt: the host's own")


@test
def without_apply_nothing_changes(machine):
    machine.card("0000:01:00.0", "ixgbe", ["eth5"], group=3)
    before = machine.state()
    for words in (["report"], ["hugepages", "2048"], ["vfio"], ["bind", "0000:01:00.0"],
                  ["unbind", "0000:01:00.0"]):
        equal(machine.setup(*words).returncode, 0, f"exit code of {words}")
        equal(machine.state(), before, f"the machine after {words}")
    has(machine.setup("bind", "0000:01:00.0").stdout, "would run: modprobe vfio-pci",
        "would write vfio-pci to", "would write 0000:01:00.0 to", "Nothing was changed")


@test
def a_card_is_bound(machine):
    machine.vfio()
    device = machine.card("0000:01:00.0", "ixgbe", ["eth5"], group=3)
    result = machine.setup("bind", "0000:01:00.0", "--apply")
    equal((result.returncode, result.stderr), (0, ""), "result")
    equal(machine.get(f"{device}/driver_override"), "vfio-pci\n", "driver_override")
    equal(machine.get("sys/bus/pci/drivers/ixgbe/unbind"), "0000:01:00.0\n", "unbind")
    equal(machine.get("sys/bus/pci/drivers_probe"), "0000:01:00.0\n", "drivers_probe")
    order = [result.stdout.index(part) for part in ("driver_override", "/unbind", "drivers_probe")]
    equal(order, sorted(order), "order of the steps")
    equal(machine.calls("modprobe"), [], "modules loaded, though vfio-pci is there")


@test
def binding_loads_vfio(machine):
    machine.card("0000:01:00.0", "ixgbe", group=3)
    equal(machine.setup("bind", "0000:01:00.0", "--apply").returncode, 0, "exit code")
    equal(machine.calls("modprobe"), ["vfio-pci"], "modules loaded")


@test
def a_card_that_the_host_needs_is_refused(machine):
    machine.vfio()
    machine.card("0000:01:00.0", "ixgbe", ["eth5"], group=3)
    machine.card("0000:01:00.1", "ixgbe", ["eth6"], group=4)
    machine.card("0000:01:00.2", "ixgbe", ["eth7"], group=5)
    machine.card("0000:01:00.3", "virtio-pci", group=6, virtio=["eth8"])
    machine.upper("eth7", "bond0")
    machine.addresses(eth5="192.0.2.5/24", bond0="2001:db8::7/64", eth8="192.0.2.8/24")
    machine.default_route("eth6")
    before = machine.state()
    for address, reason in (("0000:01:00.0", "eth5 has the address 192.0.2.5/24"),
                            ("0000:01:00.1", "eth6 carries the default route"),
                            ("0000:01:00.2", "bond0 has the address 2001:db8::7/64"),
                            ("0000:01:00.3", "eth8 has the address 192.0.2.8/24")):
        result = machine.setup("bind", address, "--apply")
        equal(result.returncode, 1, f"exit code for {address}")
        has(result.stderr, f"{address}: the host needs it: {reason}", "--force")
        equal(machine.state(), before, f"the machine after {address}")
    result = machine.setup("bind", "0000:01:00.0", "--apply", "--force")
    equal(result.returncode, 0, "exit code with --force")
    equal(machine.get("sys/bus/pci/drivers_probe"), "0000:01:00.0\n", "drivers_probe")
    has(machine.setup().stdout, "the host needs it:", "eth6 carries the default route")


@test
def one_bad_card_does_not_stop_the_others(machine):
    machine.vfio()
    machine.card("0000:01:00.0", "ixgbe", group=3)
    machine.card("0000:02:00.0", "mlx5_core", ["eth6"], group=4)
    machine.card("0000:03:00.0", "nvme", group=5, kind="0x010802")
    result = machine.setup("bind", "0000:02:00.0", "0000:03:00.0", "0000:04:00.0", "0000:01:00.0",
                           "--apply")
    equal(result.returncode, 1, "exit code")
    has(result.stderr, "0000:02:00.0: shuntd uses it beside mlx5_core",
        "0000:03:00.0: is no network card", "0000:04:00.0: there is no such device")
    equal(machine.get("sys/bus/pci/drivers_probe"), "0000:01:00.0\n", "drivers_probe")


@test
def a_shared_iommu_group_is_pointed_out(machine):
    machine.vfio()
    machine.card("0000:01:00.0", "ixgbe", group=3)
    machine.card("0000:01:00.1", "ixgbe", group=3)
    has(machine.setup("bind", "0000:01:00.0").stdout,
        "0000:01:00.0: shares its IOMMU group with 0000:01:00.1 (driver ixgbe)")


@test
def a_card_is_given_back(machine):
    machine.vfio()
    device = machine.card("0000:01:00.0", "vfio-pci", group=3)
    machine.put(f"{device}/driver_override", "vfio-pci")
    equal(machine.setup("unbind", "0000:01:00.0", "--apply").returncode, 0, "exit code")
    equal(machine.get(f"{device}/driver_override"), "\n", "driver_override")
    equal(machine.get("sys/bus/pci/drivers/vfio-pci/unbind"), "0000:01:00.0\n", "unbind")
    equal(machine.get("sys/bus/pci/drivers_probe"), "0000:01:00.0\n", "drivers_probe")


@test
def huge_pages_are_reserved(machine):
    file = "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
    equal(machine.setup("hugepages", "2047", "--apply").returncode, 0, "exit code")
    equal(machine.get(file), "1024\n", "pages")
    has(machine.setup("hugepages", "100", "--apply").stdout, "1024 pages of 2 MB are reserved")
    equal(machine.get(file), "1024\n", "pages are never taken away")
    node = machine.put("sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "0")
    equal(machine.setup("hugepages", "64", "--node", "1", "--apply").returncode, 0, "exit code")
    equal(machine.get(node), "32\n", "pages of node 1")
    has(machine.setup("hugepages", "64", "--node", "2", "--apply").stderr, "no such NUMA node")


@test
def senseless_command_lines_end_with_2(machine):
    for words in (["nonsense"], ["--nonsense"], ["bind"], ["unbind"], ["bind", "eth0"],
                  ["bind", "../../../etc"], ["hugepages"], ["hugepages", "many"],
                  ["hugepages", "0"], ["hugepages", "64", "--node", "x"], ["vfio", "now"],
                  ["report", "more"], ["--root"]):
        result = machine.setup(*words)
        equal((result.returncode, result.stdout), (2, ""), f"result of {words}")
        has(result.stderr, "shuntd-setup: ", "--help")
    has(machine.setup("--help").stdout, "--apply", "--force", "--root DIR")


@test
def the_manual_page_has_every_command_and_option(_machine):
    page = (SOURCE / "docs/man/shuntd-setup.8").read_text().replace("\\-", "-")
    for word in ("report", "hugepages", "vfio", "bind", "unbind", "--apply", "--force", "--root",
                 "--node", "--help"):
        has(page, word)
        has(SETUP.read_text(), word)


# --- systemd, Prometheus --------------------------------------------------------------------------


def output_of(*argv):
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


@test
def systemd_accepts_the_unit(machine):
    if not shutil.which("systemd-analyze"):
        return
    text = (SOURCE / "conf/shuntd.service").read_text()
    unit = machine.directory / "shuntd.service"
    unit.write_text(text.replace("/usr/sbin/shuntd", "/bin/true")
                    .replace("/usr/sbin/shuntctl", "/bin/true"))
    equal(output_of("systemd-analyze", "verify", "--man=no", unit), (0, ""), "systemd-analyze verify")
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    has(output_of("systemd-analyze", "verify", "--man=no", unit)[1], "WatchdogSecs")


@test
def the_unit_is_not_more_exposed_than_documented(_machine):
    if not shutil.which("systemd-analyze"):
        return
    unit = SOURCE / "conf/shuntd.service"
    code, text = output_of("systemd-analyze", "security", "--offline=true", "--no-pager",
                           f"--threshold={round(MOST_EXPOSED * 10)}", unit)
    equal(code, 0, f"exit code: {text.splitlines()[-1]}")
    score = text.split("Overall exposure level")[1].split(": ")[1].split()[0]
    has((SOURCE / "docs/operations.md").read_text(), f"exposure level {score} ")


@test
def promtool_accepts_the_rules(_machine):
    code, text = output_of("promtool", "check", "rules", SOURCE / "conf/prometheus/alerts.yml")
    equal(code, 0, text)


def run(function):
    with tempfile.TemporaryDirectory(prefix="shunt-system.") as directory:
        try:
            function(Machine(Path(directory)))
            return True
        except Exception:  # pylint: disable=broad-except
            print(f"FAILED {function.__name__}\n{traceback.format_exc()}")
            return False


def main():
    failed = sum(not run(function) for function in TESTS)
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
