# SPDX-License-Identifier: BSD-3-Clause
"""The Internet checksum (RFC 1071), computed from nothing but bytes."""
import struct


def ones_sum(data):
    """The 16-bit ones' complement sum; 0xffff over data with a right checksum."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
