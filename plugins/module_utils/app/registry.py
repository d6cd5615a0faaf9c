# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a registry gives no image, by the words of whichever tool asked it. Private to the
collection. Pure: no I/O, no Ansible import.
"""

from __future__ import annotations

import re

#: What tools say, and the sentence with what is to be done: {registry} was asked by {asker}.
_CAUSES = (
    (
        (
            r"unauthorized|authentication required|denied|no basic auth|403 \(Forbidden\)"
            r"|invalid username/password|status code 40[13]"
        ),
        (
            "{registry} does not let us read it: give registry.username and registry.password, or "
            "correct them or the name in image."
        ),
    ),
    (
        r"toomanyrequests|too many requests",
        "{registry} wants fewer questions: log in by registry.username, or wait.",
    ),
    (
        r"manifest unknown|name unknown|not found|no such manifest|repository name not known",
        "{registry} has no such image, or shows it to nobody without a login: correct the name "
        "or the tag in image, or give registry.username.",
    ),
    (
        r"server gave HTTP response to HTTPS",
        "{registry} speaks no TLS: give it a certificate, or declare it as insecure in "
        "/etc/containers/registries.conf, on the controller and on hosts.",
    ),
    (
        r"x509|certificate",
        "{asker} does not trust the certificate of {registry}: add its CA, on the controller "
        "itself, and on hosts by linux_base_trusted_certificates.",
    ),
    (
        r"no such host|lookup .*: |name resolution",
        "no name server knows {registry}: correct the address in image, or the network of {asker}.",
    ),
    (
        r"connection refused|timeout|deadline exceeded|no route|unreachable",
        "{registry} does not answer: correct the address in image, or the network of {asker}.",
    ),
)


def cause(said, registry, asker):
    """Return what is wrong with ``registry`` and what is to be done, in a sentence;
    empty where what a tool ``said`` tells nobody.

    ``asker``: who asked, in words.
    """
    found = (sentence for words, sentence in _CAUSES if re.search(words, said, re.IGNORECASE))
    return next((sentence.format(registry=registry, asker=asker) for sentence in found), "")
