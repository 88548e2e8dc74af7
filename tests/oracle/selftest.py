#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tests of what replays scenarios: that right answers pass, and that wrong ones are reported. No
kernel is booted. What needs root and a build is left out without them.

    tests/oracle/selftest.py [--build build]
"""

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
from pathlib import Path

import balancer
import replay
import verdict
import wire
from ipvs_oracle import compare, csum16, load_scenario, write_pcap
from texts import comparable_dumps, compare_texts

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build"

D0, D1 = "02:00:00:00:00:01", "02:00:00:00:00:02"
CLIENT_MAC, SERVER_MAC = "02:00:00:00:0c:fe", "02:00:00:00:01:0b"
CLIENT, VIP, SERVER = "198.51.100.7", "192.0.2.10", "10.1.0.11"
PAGE = """# Differences
## On purpose
Text that names `sample` and `other-*`.
### Deeper
Nothing.
```
## Not a heading
```
## Last
The word sample alone is not enough.
"""


# --- what goes in and comes out ------------------------------------------------------------------


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    return struct.pack("!H", csum16(data) ^ 0xffff)


def ipv4(source, target, protocol, payload, ttl=64, ident=7, flags=0x4000):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, flags, ttl, protocol,
                         0, socket.inet_aton(source), socket.inet_aton(target))
    return header[:10] + checksum(header) + header[12:] + payload


def udp(source, target, ports, data=b"question"):
    segment = struct.pack("!HHHH", *ports, 8 + len(data), 0) + data
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!HH", 17,
                                                                               len(segment))
    return segment[:6] + checksum(pseudo + segment) + segment[8:]


def frame(to, by, packet):
    return mac(to) + mac(by) + b"\x08\x00" + packet


def datagram(to, by, source, target, ports, ttl=64):
    return frame(to, by, ipv4(source, target, 17, udp(source, target, ports), ttl))


REQUEST = datagram(D0, CLIENT_MAC, CLIENT, VIP, (5000, 53))
REQUEST_SENT_ON = datagram(SERVER_MAC, D1, CLIENT, SERVER, (5000, 5353), 63)
ANSWER = datagram(D1, SERVER_MAC, SERVER, CLIENT, (5353, 5000))
ANSWER_SENT_ON = datagram(CLIENT_MAC, D0, VIP, CLIENT, (53, 5000), 63)


def record(interface, sent, *out):
    return {"in": {"iface": interface, "hex": sent.hex()},
            "out": [{"iface": name, "hex": each.hex()} for name, each in out]}


def result(*records, **more):
    return {"format": 1, "scenario": "sample", "packets": list(records), **more}


def right_result():
    return result(record("eth0", REQUEST, ("eth1", REQUEST_SENT_ON)),
                  record("eth1", ANSWER, ("eth0", ANSWER_SENT_ON)),
                  state={"end": {"connections": [
                      {"proto": "UDP", "state": "UDP", "client": f"{CLIENT}:5000",
                       "virtual": f"{VIP}:53", "dest": f"{SERVER}:5353"}]}})


def wrong_result():
    """As if the port had not been translated on the way back."""
    answer = datagram(CLIENT_MAC, D0, VIP, CLIENT, (5353, 5000), 63)
    return {**right_result(), "packets": [right_result()["packets"][0],
                                          record("eth1", ANSWER, ("eth0", answer))]}


def scenario(**changes):
    return {
        "format": 1, "name": "sample",
        "interfaces": {
            "eth0": {"mac": D0, "addresses": ["192.0.2.1/24", f"{VIP}/32"],
                     "neighbours": {"192.0.2.254": CLIENT_MAC}},
            "eth1": {"mac": D1, "addresses": ["10.1.0.1/24"], "neighbours": {SERVER: SERVER_MAC}},
            "lo": {"addresses": ["203.0.113.1/32"]}},
        "routes": ["default via 192.0.2.254 dev eth0"],
        "ipvs": [f"-A -u {VIP}:53 -s rr", f"-a -u {VIP}:53 -r {SERVER}:5353 -m"],
        "steps": [{"send": {"iface": "eth0", "hex": REQUEST.hex()}, "note": "request"},
                  {"send": {"iface": "eth1", "hex": ANSWER.hex()}}], **changes}


class Place(contextlib.AbstractContextManager):
    """A directory with scenario directories, a difference page and difference files."""

    def __init__(self):
        self.holder = tempfile.TemporaryDirectory(prefix="shunt-oracle-test.")
        self.path = Path(self.holder.name)
        self.page = self.path / "page.md"
        self.page.write_text(PAGE, encoding="utf-8")
        self.differences = self.path / "differences"

    def __exit__(self, *_):
        self.holder.cleanup()

    def scenario(self, expected=None, name="sample", **changes):
        """Writes one; returns it as loaded."""
        directory = self.path / "scenarios" / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "scenario.json").write_text(json.dumps(scenario(name=name, **changes)))
        if expected:
            (directory / "expected.json").write_text(json.dumps(expected))
        return load_scenario(str(directory))

    def difference(self, loaded, content, section="On purpose", directory=None, known=None):
        directory = Path(directory or loaded["_base"])
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "shunt.json").write_text(json.dumps(
            {**content, "difference": section,
             "scenario_hash": known or verdict.scenario_hash(loaded)}))

    def judge(self, loaded, actual, state=False):
        return verdict.judge(loaded, actual, state, (self.differences,), self.page)


# --- pure parts ----------------------------------------------------------------------------------


class Comparing(unittest.TestCase):
    def differences(self, expected, got, **options):
        return compare(result(record("eth0", REQUEST, ("eth1", expected))),
                       result(record("eth0", REQUEST, ("eth1", got))), **options)

    def test_the_same_is_the_same(self):
        self.assertEqual(compare(right_result(), right_result(), state=True), [])

    def test_every_byte_that_a_server_sees_counts(self):
        for at in (0, 6, 13, 15, 22, 27, 33, 36, 45):
            got = bytearray(REQUEST_SENT_ON)
            got[at] ^= 1
            self.assertEqual(len(self.differences(REQUEST_SENT_ON, bytes(got))), 1, at)

    def test_a_wrong_checksum_has_to_be_as_wrong(self):
        wrong, other = bytearray(REQUEST_SENT_ON), bytearray(REQUEST_SENT_ON)
        wrong[40] ^= 1
        other[40] ^= 2
        self.assertEqual(self.differences(bytes(wrong), bytes(wrong)), [])
        self.assertTrue(self.differences(bytes(wrong), bytes(other)))
        self.assertTrue(self.differences(REQUEST_SENT_ON, bytes(wrong)))

    def test_no_checksum_is_another_answer_than_a_right_one(self):
        without = REQUEST_SENT_ON[:40] + b"\0\0" + REQUEST_SENT_ON[42:]
        self.assertTrue(self.differences(REQUEST_SENT_ON, without))
        self.assertEqual(self.differences(without, without), [])

    def test_padding_behind_the_packet_does_not_count(self):
        self.assertEqual(self.differences(REQUEST_SENT_ON, REQUEST_SENT_ON + b"\0" * 9), [])

    def test_ids_of_tunnel_headers_do_not_count_but_others_do(self):
        inner = ipv4(CLIENT, VIP, 17, b"12345678")
        tunnels = [frame(SERVER_MAC, D1, ipv4("10.1.0.1", SERVER, 4, inner, ident=ident))
                   for ident in (1, 2)]
        self.assertEqual(self.differences(*tunnels), [])
        plain = [frame(SERVER_MAC, D1, ipv4("10.1.0.1", SERVER, 17, b"12345678", ident=ident))
                 for ident in (1, 2)]
        self.assertTrue(self.differences(*plain))

    def test_ids_of_own_fragments_have_to_belong_together(self):
        def pair(first, second):
            return [("eth1", frame(SERVER_MAC, D1, ipv4("10.1.0.1", SERVER, 4, b"12345678",
                                                        ident=ident, flags=flags)))
                    for ident, flags in ((first, 0x2000), (second, 1))]
        expected = result(record("eth0", REQUEST, *pair(7, 7)))
        self.assertEqual(compare(expected, result(record("eth0", REQUEST, *pair(9, 9)))), [])
        self.assertTrue(compare(expected, result(record("eth0", REQUEST, *pair(9, 8)))))

    def test_missing_unexpected_and_misplaced_packets(self):
        one = result(record("eth0", REQUEST, ("eth1", REQUEST_SENT_ON)))
        none = result(record("eth0", REQUEST))
        elsewhere = result(record("eth0", REQUEST, ("eth0", REQUEST_SENT_ON)))
        self.assertIn("missing", compare(one, none)[0])
        self.assertIn("unexpected", compare(none, one)[0])
        self.assertEqual(len(compare(one, elsewhere)), 2)

    def test_results_of_other_inputs_are_refused(self):
        self.assertTrue(compare(result(record("eth0", REQUEST)), result(record("eth0", ANSWER))))
        self.assertTrue(compare(result(record("eth0", REQUEST)), result()))

    def test_tables_count_when_asked_for(self):
        other = {**right_result(), "state": {"end": {"connections": []}}}
        self.assertEqual(compare(right_result(), other), [])
        self.assertTrue(compare(right_result(), other, state=True))
        self.assertTrue(compare(right_result(), other, state="connections"))
        self.assertEqual(compare(right_result(), other, state="services"), [])


CONNECTIONS = """IPVS connection entries
pro expire state       source             virtual            destination
TCP 14:58  ESTABLISHED 10.0.0.2:40000     198.51.100.10:80   192.168.10.1:80
IP  105:12 ASSURED     10.0.0.0:0         0.0.0.1:0          192.168.10.1:0
"""
SERVICES = """IP Virtual Server version 1.2.1 (size=4096)
TCP  198.51.100.10:80 wlc
  -> 192.168.10.1:80              Masq    1      5          12
"""


class Texts(unittest.TestCase):
    @staticmethod
    def differences(kind, expected, got):
        return compare_texts({"dumps": {"end": {kind: expected}}},
                             {"dumps": {"end": {kind: got}}})

    def test_what_no_two_runs_have_in_common_does_not_count(self):
        titles, rows = CONNECTIONS.splitlines()[:2], CONNECTIONS.splitlines()[2:]
        other = "\n".join(titles + [rows[1].replace("105:12", "00:01 "), rows[0]]) + "\n"
        self.assertEqual(self.differences("connections", CONNECTIONS, other), [])
        other = SERVICES.replace("4096", "65536")
        self.assertEqual(self.differences("services", SERVICES, other), [])

    def test_every_other_byte_does(self):
        self.assertIn("text end/connections", self.differences(
            "connections", CONNECTIONS, CONNECTIONS.replace("ESTABLISHED", "FIN_WAIT   "))[0])
        for old, new in ((" -> ", "->  "), ("12\n", "12 \n"), ("wlc", "rr"), ("1.2.1", "1.2.2")):
            other = SERVICES.replace(old, new)
            self.assertEqual(len(self.differences("services", SERVICES, other)), 1, old)

    def test_the_order_of_servers_counts(self):
        text = "  -> 10.0.0.1:80\n  -> 10.0.0.2:80\n"
        self.assertTrue(self.differences("persistent", text, "\n".join(text.split("\n")[::-1])))

    def test_a_table_that_is_missing_differs_and_one_too_many_does_not(self):
        self.assertTrue(compare_texts({"dumps": {"end": {"rules": "-A\n"}}}, {"dumps": {}}))
        self.assertEqual(compare_texts({"dumps": {"end": {"ip_vs": "x"}}}, {"dumps": {}}), [])

    def test_what_is_kept_of_a_dump_compares_as_equal(self):
        dumps = {"end": {"connections": CONNECTIONS, "services": SERVICES, "kernel": "6.1"}}
        kept = comparable_dumps(dumps)
        self.assertEqual(sorted(kept["end"]), ["connections", "services"])
        self.assertNotIn("14:58", kept["end"]["connections"])
        self.assertEqual(compare_texts({"dumps": kept}, {"dumps": dumps}), [])


class FirstDifference(unittest.TestCase):
    def test_is_one_line_that_says_where(self):
        text = verdict.first_of(compare(right_result(), wrong_result()))
        self.assertNotIn("\n", text)
        self.assertTrue(text.startswith("packet 1 (eth1): output 0 on eth0: expected "), text)
        self.assertIn("UDP 53>5000", text)
        self.assertIn("got", text)
        self.assertIn("UDP 5353>5000", text)

    def test_tells_how_many_more(self):
        self.assertEqual(verdict.first_of(["a\n  b"]), "a b")
        self.assertEqual(verdict.first_of(["a", "b", "c"]), "a (and 2 more)")


class ScenarioHash(unittest.TestCase):
    known = verdict.scenario_hash(scenario())

    def test_words_do_not_count(self):
        noted = scenario(name="other", description="text", tags=["x"])
        noted["steps"][0]["note"] = "another note"
        noted["ipvs"] = ["ipvsadm " + line + " # why" for line in noted["ipvs"]]
        self.assertEqual(verdict.scenario_hash(noted), self.known)

    def test_a_capture_is_as_good_as_hex(self):
        with tempfile.TemporaryDirectory() as directory:
            write_pcap(f"{directory}/in.pcap", [(0, 0, ANSWER), (0, 1, REQUEST)])
            other = scenario(_base=directory)
            other["steps"][0]["send"] = {"iface": "eth0", "pcap": "in.pcap", "index": 1}
            self.assertEqual(verdict.scenario_hash(other), self.known)

    def test_everything_that_is_done_counts(self):
        steps = scenario()["steps"]
        for other in (scenario(steps=steps[:1]), scenario(steps=steps[::-1]),
                      scenario(steps=[*steps, {"wait": 1}]), scenario(ipvs=[]), scenario(routes=[]),
                      scenario(sysctls={"net.ipv4.vs.conntrack": 1}), scenario(interfaces={}),
                      scenario(modules=["ip_vs_ftp"]), scenario(commands=["true"])):
            self.assertNotEqual(verdict.scenario_hash(other), self.known)


class Page(unittest.TestCase):
    def test_sections_end_at_the_next_heading_of_their_level(self):
        found = verdict.sections(PAGE)
        self.assertEqual(list(found), ["Differences", "On purpose", "Deeper", "Last"])
        self.assertIn("Nothing.", found["On purpose"])
        self.assertNotIn("The word", found["On purpose"])
        self.assertIn("The word", found["Differences"])

    def test_a_scenario_is_named_in_code_marks(self):
        text = verdict.sections(PAGE)["On purpose"]
        self.assertTrue(verdict.names_scenario(text, "sample"))
        self.assertTrue(verdict.names_scenario(text, "other-one"))
        self.assertFalse(verdict.names_scenario(text, "sample-2"))
        self.assertFalse(verdict.names_scenario("The word sample", "sample"))


class Judging(unittest.TestCase):
    def setUp(self):
        self.place = self.enterContext(Place())

    def line(self, loaded, actual, **options):
        return self.place.judge(loaded, actual, **options).line(loaded["name"])

    def test_ok(self):
        loaded = self.place.scenario(right_result())
        self.assertEqual(self.line(loaded, right_result()), "sample ok")

    def test_a_wrong_answer_is_reported(self):
        loaded = self.place.scenario(right_result())
        judged = self.place.judge(loaded, wrong_result())
        self.assertFalse(judged.good)
        self.assertTrue(judged.line("sample").startswith("sample differs: packet 1 (eth1)"))
        self.assertEqual(len(judged.differences), 1)

    def test_without_a_recording_nothing_passes(self):
        loaded = self.place.scenario()
        self.assertRegex(self.line(loaded, right_result()), "^sample failed: there is no .*record")

    def test_a_difference_by_design_is_what_counts(self):
        loaded = self.place.scenario(right_result())
        self.place.difference(loaded, wrong_result())
        self.assertEqual(self.line(loaded, wrong_result()),
                         "sample ok (differs by design: On purpose)")
        self.assertRegex(self.line(loaded, right_result()), "^sample differs: packet 1")

    def test_a_difference_file_holds_for_the_same_scenario_elsewhere(self):
        loaded = self.place.scenario(right_result(), name="copy")
        self.place.difference(loaded, wrong_result(), directory=self.place.differences / "sample")
        self.assertEqual(self.line(loaded, wrong_result()),
                         "copy ok (differs by design: On purpose)")

    def test_a_difference_file_of_another_scenario_of_that_name_does_not(self):
        loaded = self.place.scenario(right_result())
        self.place.difference(loaded, wrong_result(), known="0" * 64,
                              directory=self.place.differences / "sample")
        self.assertEqual(self.line(loaded, right_result()), "sample ok")

    def test_one_beside_the_scenario_has_to_be_for_it(self):
        loaded = self.place.scenario(right_result())
        self.place.difference(loaded, wrong_result(), known="0" * 64)
        self.assertRegex(self.line(loaded, wrong_result()), "^sample failed: .*another scenario")

    def test_the_page_has_to_have_the_section_and_the_name(self):
        loaded = self.place.scenario(right_result())
        for section, fault in (("On porpoise", "has no section"), ("Last", "does not name"),
                               ("Not a heading", "has no section"), ("", "has no section")):
            self.place.difference(loaded, wrong_result(), section)
            self.assertRegex(self.line(loaded, wrong_result()), f"^sample failed: .*{fault}")

    def test_a_difference_that_is_none_is_refused(self):
        loaded = self.place.scenario(right_result())
        self.place.difference(loaded, right_result())
        self.assertRegex(self.line(loaded, right_result()), "^sample failed: .*remove it")

    def test_tables_of_a_difference_file(self):
        loaded = self.place.scenario(right_result())
        empty = {**right_result(), "state": {"end": {"connections": []}}}
        self.place.difference(loaded, empty)
        self.assertEqual(self.line(loaded, empty, state="connections"),
                         "sample ok (differs by design: On purpose)")
        self.assertRegex(self.line(loaded, right_result(), state="connections"), "differs: state")

    def test_texts_count_when_asked_for(self):
        loaded = self.place.scenario({**right_result(), "dumps": {"end": {"rules": "-A\n"}}})
        other = {**right_result(), "dumps": {"end": {"rules": "-a\n"}}}
        self.assertEqual(self.line(loaded, other, state="connections"), "sample ok")
        for state in (True, "stats,texts"):
            self.assertRegex(self.line(loaded, other, state=state),
                             "^sample differs: text end/rules")
        self.place.difference(loaded, other)
        self.assertEqual(self.line(loaded, other, state=True),
                         "sample ok (differs by design: On purpose)")


class Recording(unittest.TestCase):
    def setUp(self):
        self.place = self.enterContext(Place())

    def record(self, loaded, actual, section="On purpose", scenarios=None):
        verdict.record_difference(loaded, actual, section,
                                  (scenarios or self.place.path / "nowhere",
                                   self.place.differences), self.place.page)

    def test_what_was_recorded_is_expected_from_then_on(self):
        for scenarios in (None, self.place.path / "scenarios"):
            loaded = self.place.scenario(right_result())
            self.record(loaded, wrong_result(), scenarios=scenarios)
            path = (scenarios or self.place.differences) / "sample" / "shunt.json"
            self.assertEqual(self.place.judge(loaded, wrong_result()).line("sample"),
                             "sample ok (differs by design: On purpose)")
            path.unlink()

    def test_only_what_the_page_admits_and_differs(self):
        loaded = self.place.scenario(right_result())
        for actual, section in ((wrong_result(), "Last"), (wrong_result(), "None"),
                                (right_result(), "On purpose")):
            with self.assertRaises(verdict.VerdictError):
                self.record(loaded, actual, section)
        self.assertFalse(self.place.differences.exists())


class SettingUp(unittest.TestCase):
    def test_fragments_are_found_behind_tags(self):
        plain = ipv4(CLIENT, VIP, 17, b"12345678")
        first = ipv4(CLIENT, VIP, 17, b"12345678", flags=0x2000)
        last = ipv4(CLIENT, VIP, 17, b"12345678", flags=1)
        tag = b"\x81\x00\x00\x05"
        for packet, answer in ((plain, False), (first, True), (last, True)):
            whole = frame(D0, CLIENT_MAC, packet)
            self.assertEqual(balancer.is_ipv4_fragment(whole), answer)
            self.assertEqual(balancer.is_ipv4_fragment(whole[:12] + tag + whole[12:]), answer)
        self.assertFalse(balancer.is_ipv4_fragment(b"\xff" * 12 + b"\x08\x06" + b"\xff" * 28))
        self.assertFalse(balancer.is_ipv4_fragment(frame(D0, CLIENT_MAC, first)[:25]))

    def test_icmp_is_found_behind_tags(self):
        error = frame(D0, CLIENT_MAC, ipv4(CLIENT, VIP, 1, b"\3\4" + bytes(6)))
        error6 = error[:12] + b"\x86\xdd\x60" + bytes(5) + b"\x3a" + bytes(40)
        for sent, found in ((REQUEST, False), (error, True), (error6, True),
                            (error[:12] + b"\x81\x00\x00\x05" + error[12:], True),
                            (b"\xff" * 14, False)):
            self.assertEqual(balancer.is_icmp(sent), found)

    def test_the_driver_that_keeps_fragments_apart(self):
        self.assertEqual(balancer.choose_driver(scenario()), "af_packet")
        pieces = frame(D0, CLIENT_MAC, ipv4(CLIENT, VIP, 17, b"12345678", flags=0x2000))
        self.assertEqual(balancer.choose_driver(
            scenario(steps=[{"send": {"iface": "eth0", "hex": pieces.hex()}}])), "pcap")

    def test_tunables(self):
        self.assertEqual(balancer.tunable_of("net.ipv4.vs.conn_reuse_mode"), "conn_reuse_mode")
        self.assertEqual(balancer.tunable_of("net/ipv4/vs/sloppy_tcp"), "sloppy_tcp")
        self.assertIsNone(balancer.tunable_of("net.ipv4.ip_forward"))
        self.assertIsNone(balancer.tunable_of("net/ipv4/conf/eth0.5/rp_filter"))

    def test_twins_get_all_that_the_scenario_says(self):
        asked = scenario(routes=["default via 192.0.2.254 dev eth0", "2001:db8::/32 dev eth1"])
        asked["interfaces"]["eth1"]["mtu"] = 1400
        asked["interfaces"]["eth1"]["addresses"].append("2001:db8:2::1/64")
        lines, lines6 = balancer.setup_lines(asked)
        for line in ("link set eth0 mtu 1500 up", "link set eth1 mtu 1400 up",
                     "addr add 192.0.2.10/32 dev eth0", "addr add 203.0.113.1/32 dev lo",
                     "addr add 2001:db8:2::1/64 dev eth1 nodad",
                     f"neigh replace {SERVER} lladdr {SERVER_MAC} dev eth1 nud permanent",
                     "route replace default via 192.0.2.254 dev eth0"):
            self.assertIn(line, lines)
        self.assertEqual(lines6, ["route replace 2001:db8::/32 dev eth1"])


class Waiting(unittest.TestCase):
    def test_commands_are_known_to_shuntd_before_the_next_step(self):
        asked = unittest.mock.Mock()
        asked.host.run.return_value.returncode = 0
        balancer.Balancer.commands(asked, ["true"])
        asked.synchronise.assert_called_once()

    def test_in_flight_is_what_was_given_and_not_taken(self):
        for workers, nothing in (([(0, 0)], True), ([(5, 2), (2, 5)], True),
                                 ([(5, 2), (2, 4)], False)):
            rows = [{"handed_off": given, "taken_over": taken} for given, taken in workers]
            rpc = unittest.mock.Mock(**{"call.return_value": {"workers": rows}})
            asked = unittest.mock.Mock(rpc=rpc)
            self.assertEqual(balancer.Balancer.nothing_in_flight(asked), nothing)


class Frames(unittest.TestCase):
    def test_probes_are_told_by_their_number(self):
        probe = wire.probe_frame(0x1234)
        answer = probe[6:12] + mac(D0) + probe[12:]
        self.assertEqual(wire.answered_probe(answer), 0x1234)
        self.assertIsNone(wire.answered_probe(probe))
        self.assertIsNone(wire.answered_probe(probe[6:12] + mac(D0) + REQUEST[12:]))

    def test_the_tag_comes_back(self):
        untagged = wire.TP_STATUS_VLAN_TPID_VALID
        for status, tpid, tagged in (
                (0, 0, b""), (untagged, 0x8100, b""),
                (wire.TP_STATUS_VLAN_VALID, 0, b"\x81\x00\x20\x05"),
                (wire.TP_STATUS_VLAN_VALID | untagged, 0x88a8, b"\x88\xa8\x20\x05")):
            data = wire.AUXDATA.pack(status, 60, 60, 0, 14, 0x2005, tpid)
            self.assertEqual(
                wire.with_vlan_tag(REQUEST, [(wire.SOL_PACKET, wire.PACKET_AUXDATA, data)]),
                REQUEST[:12] + tagged + REQUEST[12:])
        self.assertEqual(wire.with_vlan_tag(REQUEST, []), REQUEST)


class FakeWire(wire.Wire):
    """One link. `answers`: what comes in after each probe, as arrivals() yields it."""

    def __init__(self, *answers):
        super().__init__({}, quiet=0.001)
        self.answers = list(answers)
        self.pending = []
        self.asked = []

    def transmit(self, interface, frame):
        self.asked.append(frame)
        if self.answers:
            self.pending += self.answers.pop(0)

    def arrivals(self, patience):
        if not self.pending:
            time.sleep(max(0, patience))
        while self.pending:
            yield self.pending.pop(0)


class Probing(unittest.TestCase):
    def setUp(self):
        for name, seconds in (("FIRST_PATIENCE", 0.01), ("PATIENCE", 0.1)):
            self.enterContext(unittest.mock.patch.object(wire, name, seconds))

    def test_frames_before_the_answer_are_kept(self):
        link = FakeWire([("eth1", REQUEST), ("eth0", 1)])
        self.assertEqual(link.probe("eth0"), [("eth1", REQUEST)])
        self.assertEqual(link.asked, [wire.probe_frame(1)])

    def test_a_lost_probe_is_repeated(self):
        link = FakeWire([], [("eth1", REQUEST)], [("eth0", 2)])
        self.assertEqual(link.probe("eth0"), [("eth1", REQUEST)])
        self.assertEqual(link.asked, [wire.probe_frame(number) for number in (1, 2, 3)])

    def test_the_answer_to_an_earlier_frames_probe_is_none(self):
        link = FakeWire([("eth0", 1)], [("eth0", 1)], [("eth0", 3)])
        link.probe("eth0")
        link.probe("eth0")
        self.assertEqual(len(link.asked), 3)

    def test_silence_is_a_failure(self):
        with self.assertRaises(wire.WireError):
            FakeWire().probe("eth0")

    def test_late_frames_belong_to_what_was_sent(self):
        link = FakeWire([], [("eth0", 1), ("eth1", REQUEST)])
        self.assertEqual(link.inject("eth0", REQUEST), [("eth1", REQUEST)])


class Lateness(unittest.TestCase):
    """Steps that take longer than they may, where timeouts are a few seconds and where not."""

    def setUp(self):
        self.now = 100.0
        clock = unittest.mock.Mock(monotonic=lambda: self.now)
        self.enterContext(unittest.mock.patch.object(replay, "time", clock))

    def run_steps(self, ipvs, steps, **options):
        """`seconds`: how long a step of commands takes."""
        def pass_time(seconds):
            self.now += seconds
        link = unittest.mock.Mock(sockets={}, **{"drain.return_value": []})
        host = unittest.mock.Mock(wire=link, **{"commands.side_effect": pass_time})
        made = replay.Replay(host, {**scenario(), "ipvs": ipvs, "steps": steps}, **options)
        made.dump = unittest.mock.Mock()
        made.run()

    def test_counts_where_timeouts_are_short(self):
        busy = [{"commands": 0.5 * replay.LATE}, {"commands": 0.6 * replay.LATE}]
        with self.assertRaisesRegex(replay.TooLate, "step 1 was done 0.9 s late"):
            self.run_steps(["--set 3 2 2"], busy)
        self.run_steps([], busy)

    def test_counts_for_tables_where_closed_connections_would_be_gone(self):
        busy = [{"commands": part * replay.LATE_FOR_TABLES} for part in (0.5, 0.6)]
        with self.assertRaisesRegex(replay.TooLate, "step 1 was done 8.8 s late"):
            self.run_steps([], busy, tables=True)
        self.run_steps([], busy[:1], tables=True)

    def test_begins_anew_with_each_wait(self):
        self.run_steps(["--set 3 2 2"], [{"commands": 0.6 * replay.LATE}, {"wait": 0}] * 3)


# --- with shuntd ---------------------------------------------------------------------------------


BROKEN_SHUNTD = """#!{python}
import signal, subprocess, sys
process = subprocess.Popen([{real!r}, *sys.argv[1:]], stdout=subprocess.PIPE, text=True,
                           stderr=subprocess.STDOUT)
signal.signal(signal.SIGTERM, lambda *_: process.terminate())
for line in process.stdout:
    print(line.replace(": ok", ": BROKEN"), end="", flush=True)
sys.exit(process.wait())
"""


def can_replay():
    return os.geteuid() == 0 and (BUILD / "shuntd").exists()


class Replaying(unittest.TestCase):
    def setUp(self):
        if not can_replay():
            self.skipTest("needs root and a build")
        self.place = self.enterContext(Place())
        self.out = self.place.path / "out"

    def command(self, *options, build=None):
        return [sys.executable, HERE / "run", "--build", build or BUILD, "--out", self.out,
                *options, self.place.path / "scenarios"]

    def run_it(self, *options, **more):
        done = subprocess.run(self.command(*options, **more), text=True, timeout=300, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.splitlines()

    def actual(self, name="sample"):
        return json.loads((self.out / name / "actual.json").read_text())

    def test_a_right_answer(self):
        self.place.scenario(right_result())
        for workers in ("1", "2"):
            code, lines = self.run_it("--workers", workers, "--state=connections")
            self.assertEqual((code, lines), (0, ["sample ok", "1 passed, 0 failed"]))
        self.assertEqual(compare(right_result(), self.actual()), [])

    def test_wrong_answers_are_reported_each(self):
        self.place.scenario(wrong_result(), name="a")
        self.place.scenario(right_result(), name="b")
        code, lines = self.run_it()
        self.assertEqual(code, 1)
        self.assertRegex(lines[0], r"^a differs: packet 1 \(eth1\): .*UDP 5353>5000.*UDP 53>5000")
        self.assertEqual(lines[1:], ["b ok", "1 passed, 1 failed"])
        self.assertIn("packet 1", (self.out / "a" / "differences.txt").read_text())
        self.assertFalse((self.out / "b" / "differences.txt").exists())

    def test_a_wrong_table_is_reported_when_asked_for(self):
        expected = right_result()
        expected["state"]["end"]["connections"][0]["state"] = "SYN_RECV"
        self.place.scenario(expected)
        self.assertEqual(self.run_it()[0], 0)
        code, lines = self.run_it("--state=connections")
        self.assertEqual(code, 1)
        self.assertTrue(lines[0].startswith("sample differs: state end/connections"), lines)

    def test_steps_change_the_balancer(self):
        """The last frame leaves by what the steps before it say, and at once."""
        other, client = "10.2.0.5", "198.51.100.9"  # at first behind the server, then elsewhere
        later = datagram("02:00:00:00:01:0c", D1, client, other, (5000, 5353), 63)
        request = datagram(D0, CLIENT_MAC, client, VIP, (5000, 53))
        steps = [*scenario()["steps"], {"wait": 0.05},
                 {"ipvs": [f"-a -u {VIP}:53 -r {other}:5353 -m",
                           f"-d -u {VIP}:53 -r {SERVER}:5353"]}, {"dump": "changed"},
                 {"commands": ["ip neigh replace 10.1.0.12 lladdr 02:00:00:00:01:0c dev eth1",
                               "ip route replace 10.2.0.0/16 via 10.1.0.12"]},
                 {"send": {"iface": "eth0", "hex": request.hex()}}]
        expected = right_result()
        expected["packets"].append(record("eth0", request, ("eth1", later)))
        del expected["state"]
        self.place.scenario(expected, steps=steps,
                            routes=[*scenario()["routes"], f"10.2.0.0/16 via {SERVER}"])
        self.assertEqual(self.run_it()[1], ["sample ok", "1 passed, 0 failed"])
        services = self.actual()["state"]["changed"]["services"]
        self.assertEqual([row["dest"] for row in services[0]["dests"]], [f"{other}:5353"])

    def test_all_that_comes_out_is_recorded(self):
        """An answer in two fragments, none, and a tagged frame that the host sent unasked."""
        message = struct.pack("!BBHHH", 8, 0, 0, 1, 1) + b"x" * 1400
        message = message[:2] + checksum(message) + message[4:]
        question = frame(D0, CLIENT_MAC, ipv4(CLIENT, VIP, 1, message, flags=0))
        tagged = REQUEST[:12] + b"\x81\x00\x00\x05" + REQUEST[12:]
        unasked = ("python3 -c \"import socket; s = socket.socket(17, 3); s.bind(('eth0', 0)); "
                   f"s.send(bytes.fromhex('{tagged.hex()}'))\"")
        sent = (question, tagged, b"\xff" * 1600)
        self.place.scenario(right_result(), steps=[
            *({"send": {"iface": "eth0", "hex": each.hex()}} for each in sent),
            {"commands": [unasked]}])
        asked = json.loads((self.place.path / "scenarios/sample/scenario.json").read_text())
        asked["interfaces"]["eth0"]["mtu"] = 1400
        (self.place.path / "scenarios/sample/scenario.json").write_text(json.dumps(asked))
        self.run_it()
        outs = [[bytes.fromhex(each["hex"]) for each in packet["out"]]
                for packet in self.actual()["packets"]]
        self.assertEqual([len(out) for out in outs], [2, 0, 0])
        self.assertEqual(b"".join(each[34:] for each in outs[0])[8:], message[8:])
        self.assertEqual(self.actual()["other_outputs"],
                         [{"step": 3, "during": "commands",
                           "out": [{"iface": "eth0", "hex": tagged.hex()}]}])

    def test_what_hosts_say_on_their_own_is_left_out(self):
        who_has = wire.probe_frame(1).replace(wire.PROBE_SENDER, mac(CLIENT_MAC)[:4])
        step = {"send": {"iface": "eth0", "hex": who_has.hex()}}
        self.place.scenario(right_result(), name="a", steps=[step])
        self.place.scenario(right_result(), name="b", steps=[step], keep_noise=True)
        self.run_it()
        for name, answers in (("a", 0), ("b", 1)):
            self.assertEqual(len(self.actual(name)["packets"][0]["out"]), answers)
            self.assertEqual(self.actual(name)["filtered_noise_frames"], 1 - answers)

    def test_what_cannot_be_done_fails(self):
        self.place.scenario(right_result(), name="a", ipvs=["-A -u 192.0.2.10:53 -s nonsense"])
        self.place.scenario(right_result(), name="b", commands=["exit 3"])
        self.place.scenario(right_result(), name="c", sysctls={"net.ipv4.nonsense": 1})
        stale = self.out / "a" / "actual.json"
        stale.parent.mkdir(parents=True)
        stale.write_text("of an earlier run")
        code, lines = self.run_it()
        self.assertEqual(code, 1)
        for line, fault in zip(lines, ("a failed: ipvsadm -R: ", "b failed: commands: exit code 3:",
                                       "c failed: sysctl net.ipv4.nonsense=1: ")):
            self.assertTrue(line.startswith(fault), line)
        self.assertEqual(lines[3:], ["0 passed, 3 failed"])
        self.assertFalse(stale.exists())

    def test_packets_that_are_not_accounted_for_fail(self):
        self.place.scenario(right_result())
        build = self.place.path / "build"
        build.mkdir()
        for name in ("shuntctl", "ipvsadm"):
            (build / name).symlink_to(BUILD.resolve() / name)
        (build / "shuntd").write_text(BROKEN_SHUNTD.format(
            python=sys.executable, real=str(BUILD.resolve() / "shuntd")))
        (build / "shuntd").chmod(0o755)
        code, lines = self.run_it(build=build)
        self.assertEqual(code, 1)
        self.assertRegex(lines[0], "^sample failed: packets are unaccounted for: .*BROKEN")

    def test_an_interrupted_run_leaves_nothing(self):
        self.place.scenario(right_result(), name="a", steps=[{"wait": 50}])
        self.place.scenario(right_result(), name="b", steps=[{"wait": 50}])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL,
                                       start_new_session=True)
            replays = self.wait_for(lambda: self.replays_with_daemon(process.pid))
            os.kill(process.pid, number)
            process.wait(60)
            self.wait_for(lambda: not any(self.left_by(pid) for pid in replays))
            shutil.rmtree(self.out)

    def wait_for(self, condition):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end, "waited in vain")
            time.sleep(0.05)
        return condition()

    @staticmethod
    def children(pid):
        try:
            return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return []

    def replays_with_daemon(self, pid):
        """The processes of the two scenarios, once their daemons serve."""
        logs = [self.out / name / "shuntd.log" for name in "ab"]
        ready = all(log.exists() and "event=ready " in log.read_text() for log in logs)
        replays = [child for child in self.children(pid) if self.children(child)]
        return replays if ready and len(replays) == 2 else None

    @staticmethod
    def left_by(pid):
        spaces = subprocess.run(["ip", "netns", "list"], text=True, capture_output=True,
                                check=True).stdout
        return re.search(rf"\boracle{pid}-", spaces) or Path(f"/proc/{pid}").exists()


# --- totals --------------------------------------------------------------------------------------


def main():
    global BUILD
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(BUILD), metavar="DIR",
                        help="directory with shuntd (default: build)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="Class or Class.test")
    options = parser.parse_args()
    BUILD = Path(options.build)
    loader = unittest.TestLoader()
    tests = (loader.loadTestsFromNames(options.names, sys.modules[__name__]) if options.names
             else loader.loadTestsFromModule(sys.modules[__name__]))
    report = io.StringIO()
    done = unittest.TextTestRunner(stream=report, verbosity=2).run(tests)
    bad = len(done.failures) + len(done.errors)
    if bad:
        print(report.getvalue())
    if done.skipped:
        print(f"{len(done.skipped)} left out: {done.skipped[0][1]}")
    print(f"{done.testsRun - bad - len(done.skipped)} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
