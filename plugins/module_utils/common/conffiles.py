# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files still are what their package shipped, and so nobody's
work. No Ansible. Private to the collection.
"""

from __future__ import annotations

import functools
import hashlib
import re

from ansible_collections.foobar.lamp.plugins.module_utils.common.ask import read

STATUS = "/var/lib/dpkg/status"
_CONFFILE = re.compile(r"^ (/\S+) ([0-9a-f]{32})(?: obsolete)?$", re.MULTILINE)


@functools.cache
def shipped(status=STATUS):
    """Return the digests of the configuration files that packages shipped, by path."""
    return dict(_CONFFILE.findall(read(status)))


def is_pristine(path, content):
    """Whether a file with this content is what its package shipped."""
    return shipped().get(path) == hashlib.md5(content, usedforsecurity=False).hexdigest()
