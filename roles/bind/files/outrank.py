# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make this host the primary of a zone by the zone's own word: its SOA names it, with a serial that
is above that of every copy.

Usage: python3 - ZONE KEY_FILE NAME. Says what it does, and nothing where the zone names the host
already.
"""

from __future__ import annotations

import re
import sys

import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update

# More updates than anybody makes while nobody copies the zone, and little of the 2**31 that a
# serial may go up at once.
STEP = 100000
LEAST_EXPIRE = 14 * 24 * 3600


def main(zone, key_file, name):
    """Read the SOA, and change it by an update that holds only if it is still the same."""
    with open(key_file, encoding="utf-8") as file:
        text = file.read()
    key, algorithm, secret = (
        re.search(rf'{word}\s+"?([^"\s;{{]+)', text)[1] for word in ("key", "algorithm", "secret")
    )
    answer = dns.query.tcp(dns.message.make_query(zone, "SOA", flags=0), "127.0.0.1", timeout=10)
    (soa,), ttl = answer.answer[0], answer.answer[0].ttl
    primary = dns.name.from_text(name)
    if soa.mname == primary:
        return ""
    serial = (soa.serial + STEP) % 2**32
    update = dns.update.UpdateMessage(
        zone, keyring=dns.tsigkeyring.from_text({key: secret}), keyname=key, keyalgorithm=algorithm
    )
    update.present(dns.name.from_text(zone), soa)
    update.add(
        dns.name.from_text(zone),
        ttl,
        soa.replace(mname=primary, serial=serial, expire=max(soa.expire, LEAST_EXPIRE)),
    )
    word = dns.rcode.to_text(dns.query.tcp(update, "127.0.0.1", timeout=10).rcode())
    if word != "NOERROR":
        sys.exit(f"The name server refuses the zone's new SOA: {word}. See its log.")
    return f"{zone}: {name} with the serial {serial}"


print(main(*sys.argv[1:]), end="")
