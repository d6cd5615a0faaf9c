# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a name server for the serial of a zone, with the standard library alone. No Ansible.
Private to the collection.
"""

from __future__ import annotations

import os
import socket
import struct

_SOA, _IN = 6, 1
_PATIENCE = 2


def question(zone, number):
    """Return the message that asks for a zone's SOA record, not recursively."""
    labels = b"".join(
        bytes([len(label)]) + label
        for label in zone.rstrip(".").encode("ascii").split(b".")
        if label
    )
    return (
        struct.pack(">6H", number, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", _SOA, _IN)
    )


def answer(message, number):
    """Return the serial in an answer; None where it has none:
    the server refuses, or does not have the zone whole.
    """
    try:
        said, flags, questions, answers = struct.unpack_from(">4H", message)
        authoritative, code = flags & 0x0400, flags & 0xF
        if said != number or code or not authoritative or questions != 1 or not answers:
            return None
        place = _after_name(message, 12) + 4
        place = _after_name(message, place)
        kind, _class, _ttl, _length = struct.unpack_from(">2HIH", message, place)
        place = _after_name(message, _after_name(message, place + 10))
        return struct.unpack_from(">I", message, place)[0] if kind == _SOA else None
    except (struct.error, IndexError):
        return None


def _after_name(message, place):
    """Return where what follows a name begins,
    which ends with a zero or with two bytes that lead elsewhere.
    """
    while length := message[place]:
        if length >= 0xC0:
            return place + 2
        place += length + 1
    return place + 1


def serial(zone, addresses):
    """Return the serial of a zone at the first of ``addresses`` where a server answers;
    None if none does, or it has no such zone.
    """
    for address in addresses:
        number = int.from_bytes(os.urandom(2), "big")
        try:
            with socket.socket(
                socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM
            ) as client:
                client.settimeout(_PATIENCE)
                # Connected: where nobody listens, the kernel says so at once.
                client.connect((address, 53))
                client.send(question(zone, number))
                return answer(client.recv(4096), number)
        except OSError:
            continue
    return None
