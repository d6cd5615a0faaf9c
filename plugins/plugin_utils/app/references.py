# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container images by name: what a reference means, and which image of several is a host's.
Private to the collection. Pure.
"""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_REGISTRY = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:(?P<registry>{_REGISTRY})/)?(?P<repository>{_WORD}(?:/{_WORD})*)(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>sha256:[0-9a-f]{{64}}))?\Z"
)
#: What images call the processors that `uname -m` names, where that is another word, and the
#: variant of those that have several.
_PROCESSORS = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", "v8"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i386": ("386", ""),
    "i686": ("386", ""),
}


class Reference(NamedTuple):
    """A reference in its parts; ``digest`` may be empty."""

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def text(self):
        """Return it whole."""
        return f"{self.registry}/{self.repository}" + (
            f"@{self.digest}" if self.digest else f":{self.tag}"
        )

    def at(self, digest):
        """Return the text of a reference to this digest."""
        return self._replace(digest=digest).text


def is_path(image):
    """Return whether ``image`` is a file or directory on the controller, and no reference."""
    return image.startswith(("/", "./", "../", "~")) or image.endswith(ARCHIVES)


def parsed(image):
    """Return the Reference of a text such as ``registry.foobar.com/shop:1.4``;
    None for what is none.

    As docker reads it: the first word is a registry if it has a dot or a port, and ``shop:1.4`` is
    one of Docker Hub's.
    """
    found = _REFERENCE.match(image)
    if not found:
        return None
    registry, repository = found["registry"] or "", found["repository"]
    if registry and not (set(".:") & set(registry) or registry == "localhost"):
        registry, repository = "", f"{registry}/{repository}"
    if repository != repository.lower():
        return None
    registry = registry or "docker.io"
    if registry == "docker.io" and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(registry, repository, found["tag"] or "latest", found["digest"] or "")


def processor(architecture):
    """Return what images call the processor that `uname -m` calls ``architecture``:
    name and variant; empty if that is.
    """
    return _PROCESSORS.get(architecture, (architecture, ""))


def platform(architecture):
    """Return the platform of a host, as builders take it."""
    return "/".join(["linux", *filter(None, processor(architecture))]).removesuffix("/v8")


def fitting(found, architecture):
    """Return those of ``found`` that a host of this architecture runs;
    with an empty one all that are for Linux.

    ``found``: dictionaries with ``platform``, which has ``os``, ``architecture`` and perhaps
    ``variant``.
    """
    name, variant = processor(architecture)
    able = [
        one
        for one in found
        if one["platform"].get("os") == "linux"
        and name in ("", one["platform"].get("architecture"))
    ]
    exact = [one for one in able if one["platform"].get("variant") == variant]
    return exact if variant and exact else able


def platforms(found):
    """Return the platforms of ``found`` in words."""
    names = [
        "/".join(
            filter(None, (one["platform"].get(key) for key in ("os", "architecture", "variant")))
        )
        for one in found
    ]
    return ", ".join(sorted(set(names))) or "none"


def is_statement(descriptor):
    """Return whether a descriptor in an index is of a statement about an image, and of none:
    builders add such.
    """
    of = descriptor.get("platform") or {}
    return (
        "vnd.docker.reference.type" in (descriptor.get("annotations") or {})
        or of.get("os") == "unknown"
    )


def leads_out(name):
    """Return whether the name of something in an archive leads out of it."""
    return posixpath.isabs(name) or posixpath.normpath(name).split("/")[0] == ".."
