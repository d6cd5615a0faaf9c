# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host serves already that is not ours, and that a role's first run would take off line.
No Ansible. Private to the collection.
"""

from __future__ import annotations

import os
import re

from ansible_collections.foobar.lamp.plugins.module_utils.common import conffiles, safe_paths

SITES = "/etc/apache2/sites-enabled"
SITES_OF_NGINX = "/etc/nginx/sites-enabled"
SECTIONS = "/etc/haproxy/haproxy.cfg"
INSTANCES = "/etc/keepalived/keepalived.conf"
ZONES = "/etc/bind/named.conf.local"
_SERVER_NAME = re.compile(r"^\s*Server(?:Name|Alias)\s+(.+?)\s*$", re.MULTILINE | re.IGNORECASE)
_SERVER_NAME_OF_NGINX = re.compile(r"^\s*server_name\s+([^;]+?)\s*;", re.MULTILINE)
_SECTION = re.compile(r"^\s*((?:frontend|listen)\s+[^\s#]+)", re.MULTILINE)
_INSTANCE = re.compile(
    r"^\s*((?:vrrp_instance|virtual_server(?:_group)?)\s+[^\s#{]+)", re.MULTILINE
)
_COMMENT = re.compile(r'("[^"]*")|/\*.*?\*/|(?://|#)[^\n]*', re.DOTALL)
_INCLUDE = re.compile(r'\binclude\s+"([^"]+)"\s*;')
_ZONE = re.compile(r'\bzone\s+"?([^\s"{]+)"?[^;{]*\{')


def _read(path):
    """Return what a file holds, which a link may have led to where others write:
    nothing, if it is no regular file.
    """
    try:
        return safe_paths.read(path)[1]
    except OSError:
        return b""


def _virtual_hosts(directory, suffix, server_name, none):
    found = []
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
        path = os.path.realpath(os.path.join(directory, name))
        content = _read(path)
        if (
            name.endswith(suffix)
            and os.path.isfile(path)
            and not conffiles.is_pristine(path, content)
        ):
            names = dict.fromkeys(
                word
                for line in server_name.findall(content.decode("utf-8", "replace"))
                for word in line.split()
            )
            found.append(f"{directory}/{name} ({', '.join(names) or none})")
    return found


def sites(directory=SITES):
    """Return the enabled virtual hosts of Apache in words: the file, and the names in it.

    Not those that its package ships.
    """
    return _virtual_hosts(directory, ".conf", _SERVER_NAME, "no ServerName")


def sites_of_nginx(directory=SITES_OF_NGINX):
    """Return the same of nginx."""
    return _virtual_hosts(directory, "", _SERVER_NAME_OF_NGINX, "no server_name")


def sections(path=SECTIONS):
    """Return the sections of a balancer's file to which visitors
    come. The package's own has none.
    """
    return [
        f"{' '.join(name.split())} of {path}"
        for name in _SECTION.findall(_read(path).decode("utf-8", "replace"))
    ]


def instances(path=INSTANCES):
    """Return the addresses' owners and servers of keepalived's file.
    There is none as its package leaves it.
    """
    return [
        f"{' '.join(name.split())} of {path}"
        for name in _INSTANCE.findall(_read(path).decode("utf-8", "replace"))
    ]


def zones(path=ZONES, seen=()):
    """Return the zones of a name server's file, and of those that it includes."""
    text = _COMMENT.sub(lambda match: match[1] or " ", _read(path).decode("utf-8", "replace"))
    found = list(dict.fromkeys(_ZONE.findall(text)))
    for included in _INCLUDE.findall(text):
        if included not in seen:
            found += zones(included, (*seen, path, included))
    return found


def served(made):
    """Return what is served by others,
    by the name of the tree that takes their place and is not among those that are ``made``.
    """
    found = {
        "apache": sites,
        "bind": zones,
        "haproxy": sections,
        "keepalived": instances,
        "nginx": sites_of_nginx,
    }
    return {name: there for name, find in found.items() if name not in made and (there := find())}
