#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a host how it is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: status_info
author: The foobar.lamp developers (@foobar)
short_description: Read the state of a host
version_added: 0.1.0
description:
  - Collects in one round trip all that M(foobar.lamp.status) shows of a host - its services,
    applications, certificates, backups, zones, disks, and what killed runs left on it. It does not
    judge whether something is wrong.
  - It changes nothing. A value is empty if the host has no such thing. The task does not fail if
    the host does not answer. It then returns RV(msg) instead of RV(status).
options:
  roles:
    description: The roles that the host has. Of any other that a run has set up there,
      RV(status.left) has what still runs, and nothing else is reported. By default all.
    type: list
    elements: str
  services:
    description:
      - Units of systemd that should run. The module adds C(ssh) and the enabled units in
        C(/etc/systemd/system), such as the timers of backups and the workers of applications.
    type: list
    elements: str
    default: []
  applications:
    description: The applications that the host should have, each with the page that tells its
      health. The web server of the host is asked.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: The application., type: str, required: true}
      host: {description: "The host name that is asked for, by default O(applications[].name).",
             type: str}
      path: {description: The path of the page., type: str, default: /}
      headers: {description: Headers that the answer has to have., type: dict, default: {}}
      tls: {description: Whether to ask over TLS., type: bool, default: false}
  port:
    description: The web server's port for HTTP.
    type: int
    default: 80
  tls_port:
    description: The web server's port for HTTPS.
    type: int
    default: 443
  zones:
    description: The zones that the name server of the host should have. It is asked for them by
      DNS, on the host.
    type: list
    elements: str
    default: []
  servers:
    description: The web hosts that a balancer should know. Its haproxy is asked for them on the
      host.
    type: list
    elements: str
    default: []
  database_servers:
    description: The database hosts that the way of a web host to the database should know. Its
      haproxy is asked for them on the host.
    type: list
    elements: str
    default: []
  addresses:
    description: The addresses that one of several balancers holds.
    type: list
    elements: str
    default: []
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
  platform: {platforms: debian}
"""

EXAMPLES = r"""
- name: Ask the host how it is
  foobar.lamp.status_info:
    services: [apache2]
    applications:
      - name: www.foobar.com
        path: /healthz
        tls: true
  become: true
  register: answer
"""

RETURN = r"""
reached:
  description: Whether the host can be reached at all.
  returned: where the host gives no answer
  type: bool
msg:
  description: Why the host gives no answer.
  returned: where the host gives no answer
  type: str
status:
  description: How the host is. Moments are texts such as V(2026-11-27T12:00:00Z), or empty.
  returned: where the host gives an answer
  type: dict
  contains:
    time: {description: The host's own time., type: str}
    system: {description: "The operating system, its version, and the kernel that runs.",
             type: dict, sample: {name: debian, version: "13.2", kernel: 6.12.57+deb13-amd64}}
    up_seconds: {description: For how long the host has run., type: int}
    last_change: {description: When a run last changed the configuration., type: str}
    packages: {description: The versions of the main packages., type: dict,
               sample: {apache2: 2.4.65-2}}
    services: {description: "The units that have to run, and the state of each.", type: dict,
               sample: {apache2: active}}
    left: {description: "Units that still run, or start with the host, by the role that the host no
      longer has.",
           type: dict, sample: {mysql: [mariadb]}}
    failed: {description: All units that failed., type: list, elements: str}
    unread: {description: Services that run with older files than those that a run left on disk.,
             type: list, elements: str}
    applications:
      description:
        - Of each application, its current release and source, since when, the service that visitors
          are led to, and what is wrong with the answer of its page (C(unhealthy), empty for
          nothing).
      type: dict
      sample:
        www.foobar.com: {release: 0123456789ab, source: ../files/app, since: "2026-11-27T12:00:00Z",
                         unverified: false, stale: false, state: active, unhealthy: "",
                         service: app-www.foobar.com@0123456789ab-1.service}
    certificates:
      description: Of each certificate, from when until when it is good, who issued it, and what
        C(site-certificates) says of it.
      type: dict
      sample:
        www.foobar.com: {since: "2026-11-01T00:00:00Z", until: "2027-01-30T00:00:00Z", issuer: "R12,
          Let's Encrypt", source: acme,
                         state: issued, reason: "", trusted: true}
    backups:
      description:
        - When the last backup was taken, copied and tried in a drill, and how many seconds there
          are between two by the timer (C(every)). Since when the host is able to (C(able_since)).
          Empty where the host has nothing to back up.
      type: dict
    zones: {description: The serial of each zone. Null where the server gives none., type: dict,
            sample: {foobar.com: 7}}
    servers:
      description:
        - The state of each web host in haproxy, for how many seconds it has been so, and why it is
          down. Null if haproxy does not know the host, or does not answer.
      type: dict
      sample: {web1: {state: UP, seconds: 86400, why: ""}}
    database_servers:
      description:
        - The same of each database host in the haproxy by which applications of a web host reach
          the database. The one that writes is V(UP) there, and the others are V(DOWN).
      type: dict
      sample: {db1: {state: UP, seconds: 86400, why: ""},
               db2: {state: DOWN, seconds: 86400, why: Layer7 wrong status}}
    addresses: {description: Whether the host has each of the addresses., type: dict,
                sample: {203.0.113.5: true}}
    vrrp: {description: "What keepalived says of the host - V(MASTER), V(BACKUP), V(FAULT), or
      empty.",
           type: str}
    cluster:
      description:
        - Of a host whose database server is a member of a cluster - who the C(members) are, what
          the host has C(said) of its own (null where its agent says nothing), whether it has all
          that the cluster has (C(synced)), the engine's word for its C(state), who is the
          C(writer), and C(why) the server cannot be asked. Of any other host it is empty.
      type: dict
    disks:
      description: How full each file system is, in percent of its bytes and its inodes.
      type: list
      elements: dict
      sample: [{path: /, size_mb: 40000, percent: 31, inodes: 4}]
    images_mb: {description: "How many MiB the images of applications take, what they share counted
      for each.",
                type: int, sample: 420}
    memory: {description: "The memory, and what programs could get of it.", type: dict,
             sample: {total_mb: 3900, available_mb: 2800}}
    journals: {description: Trees of M(foobar.lamp.config_tree) that a run left half-way.,
               type: list, elements: str}
    closed: {description: What closes sites to visitors., type: list, elements: str,
             sample: [maintenance-www.foobar.com]}
    trials: {description: What is in force until a run confirms it., type: list, elements: str,
             sample: [sshd, firewall]}
    reboot: {description: The packages for which the host wants to be restarted. Null where it does
      not.,
             type: list, elements: str}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.lamp.plugins.module_utils.host import status


def main():
    """Ask, and return it."""
    module = AnsibleModule(argument_spec=status.ARGUMENT_SPEC, supports_check_mode=True)
    module.exit_json(**status.run(module.params))


if __name__ == "__main__":
    main()
