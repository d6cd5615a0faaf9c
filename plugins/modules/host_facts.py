#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a host once what it has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_facts
author: The foobar.lamp developers (@foobar)
short_description: Ask a host once a run for all that the roles want to know
version_added: 0.1.0
description:
  - Asks a host in one round trip for all that the roles of this collection need to know, so that a
    role can skip what already holds. If a later task of the run asks the same host, it is answered
    from the first result, without a connection.
  - Facts that need dpkg or systemd are empty on a host without them. The roles then use tasks of
    their own.
options:
  refresh:
    description: Whether to ask again although this run has asked already, for instance after
      packages were installed.
    type: bool
    default: false
  sshd_settings:
    description:
      - Settings of sshd by their names in C(sshd_config). If this is given, even as an empty
        dictionary, C(login) among the facts says how the run logged in, and how sshd would treat
        that login with these settings over those in its files.
    type: dict
  _run:
    description: What tells one run from another. Set by the action plugin; not an input.
    type: str
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.facts
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
  facts: {support: full}
  platform: {platforms: posix}
"""

EXAMPLES = r"""
- name: Ask what the host has
  foobar.lamp.host_facts:

- name: Install what is missing
  ansible.builtin.apt:
    name: [apache2, brotli]
  when: "['apache2', 'brotli'] is not subset(ansible_facts['foobar_lamp'].packages)"
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  returned: always
  type: dict
  contains:
    foobar_lamp:
      description: What the host has, at the time of asking.
      type: dict
      contains:
        addresses:
          description: The addresses that the host's own connections come from, IPv4 before IPv6,
            none of them link-local.
          type: list
          elements: str
          sample: [192.0.2.10, "2001:db8::10"]
        apparmor:
          description:
            - The profiles of AppArmor that the host has for its database server, by path, and what
              others and the roles added to each.
          type: dict
          sample: {/etc/apparmor.d/usr.sbin.mysqld: "/srv/mysql/** rwk,\n"}
        app_units:
          description: The systemd units of services, workers and timers that the role python_app
            has made, and the application of each.
          type: dict
          sample: {www.foobar.com-queue.service: www.foobar.com,
                   app-www.foobar.com@0123456789ab-1.service: www.foobar.com}
        apps_stale:
          description: Applications with a current release whose service was started with other
            settings than those on disk.
          type: list
          elements: str
          sample: [www.foobar.com]
        asked_by:
          description: What tells the run that asked from another.
          type: str
        ca_certificates:
          description: The certificates of the CAs that services of the host have of their own, by
            path.
          type: dict
          sample: {/etc/mysql/tls/ca.pem: "-----BEGIN CERTIFICATE-----\n..."}
        certificates:
          description: What the command C(site-certificates) says about the certificates that the
            host serves, by name.
          type: dict
          sample: {www.foobar.com: {source: acme, trusted: true}}
        container:
          description: The kind of container that the host is, such as C(docker), empty where it is
            none.
          type: str
        cores:
          description: The number of processor cores.
          type: int
        firewall:
          description:
            - Why the host cannot have a packet filter, in a few words (C(unable)); empty where it
              can. Who else filters packets there (C(foreign)), by the names of their services.
            - A fingerprint of the rules of the table C(inet foobar_lamp) that the kernel has
              (C(table)); empty where it has none.
            - As long as no rules of ours were confirmed, the ports on which programs listen for
              other hosts (C(listening)), and the programs' names.
            - The ports that containers of Docker publish to others (C(published)), which no packet
              filter of the host's input sees.
          type: dict
          sample: {unable: "", foreign: [ufw], table: "", listening: {25/tcp: master},
                   published: ["shop 0.0.0.0:8080->80/tcp"]}
        holds:
          description: Whether the role keepalived has the host hold the addresses that it shares
            with others, at the time of asking.
          type: bool
        hostname:
          description: The name that the host gives itself.
          type: str
        login:
          description:
            - How the run came to the host, if that was by its sshd; else it has C(sshd) alone. The
              C(user) and its C(groups), whether that is C(root), the C(client)'s address, the
              C(server)'s and its C(port). The C(method), such as C(publickey) or C(password), empty
              if sshd did not log it, and the fingerprints of the C(keys). Whether it became root
              C(by_sudo), and the files by which C(sudo) lets it. Of the settings of C(sshd) those
              that matter to a login.
            - It has C(by_password), whether the controller has a password to log in with, by
              whatever name that was given.
          returned: with O(sshd_settings)
          type: dict
          sample: {user: ada, root: false, method: publickey, port: "22", by_sudo: true,
                   by_password: false}
        ipv6:
          description: Whether the kernel knows IPv6, so that a service may listen on such
            addresses.
          type: bool
        made:
          description: The trees of M(foobar.lamp.config_tree) that a run has made on the host,
            whatever became of them.
          type: list
          elements: str
          sample: [apache, linux_base]
        members:
          description: The members of groups, of those that have any but whose own group it is.
          type: dict
          sample: {adm: [someone]}
        memory_mb:
          description: The memory in MiB that the host, or its container, may use.
          type: int
        mounts:
          description: Directories on which something is mounted, and what; but what holds no files
            for long, such as C(tmpfs).
          type: dict
          sample: {/: /dev/vda1, /mnt/media: "nas:/media"}
        names:
          description: The names that C(/etc/hosts) has for the host itself, the full one first;
            empty where it does not know the host.
          type: list
          elements: str
          sample: [www.example.com, www]
        networks:
          description: The networks that the host reaches without a gateway, by interface; none of
            them link-local.
          type: dict
          sample: {eth0: [192.0.2.0/24, "2001:db8::/64"]}
        openssh:
          description: The version of OpenSSH that the package of its server has, empty without
            that.
          type: str
          sample: "10.0"
        packages:
          description: Names of the packages that are wholly installed.
          type: list
          elements: str
          sample: [apache2, apache2-bin]
        paths:
          description:
            - Places where the roles keep what is made once - the releases and settings of
              applications, keys and zones of the name server, the database server's certificate. By
              path, the target of a link (empty for what is none) and the time of its last change in
              seconds.
          type: dict
          sample:
            /srv/www.foobar.com/current: {link: releases/0123456789ab, changed: 1795550000.5}
        running:
          description: Names of the services that are active now and enabled at the start of the
            system, and of such timers, C(NAME.timer).
          type: list
          elements: str
          sample: [apache2, ssh]
        state:
          description: What roles remember of the host in C(/var/lib/foobar.lamp), by name.
          type: dict
          sample: {mysql_settings: [bind_address, max_connections]}
        system:
          description: The operating system, its version, and the processor as C(uname -m) calls it.
          type: dict
          sample: {name: debian, version: "13", architecture: x86_64}
        trees:
          description:
            - The trees of M(foobar.lamp.config_tree) of which nothing was touched since a run that
              left the host as they want it, and that every service has read. By name, a digest of
              what they want.
          type: dict
          sample: {apache: 5f1d$9a0c}
        unmanaged:
          description:
            - What the host serves that nobody of the roles has declared - virtual hosts of Apache
              (C(apache)) and nginx (C(nginx)), sections of haproxy (C(haproxy)), instances of
              keepalived (C(keepalived)), and zones of the name server (C(bind)) - as long as the
              role has made no configuration there.
          type: dict
          sample: {bind: [example.org]}
        writes:
          description: Whether the host is the one of a cluster of database servers that
            applications write to, at the time of asking.
          type: bool
        users:
          description: Names of the accounts in C(/etc/passwd).
          type: list
          elements: str
          sample: [root, www-data]
        waiting:
          description:
            - Names of the services and other units that the start of the system starts and that
              nobody has tried to start since the last, as an installation leaves them behind that
              must not start any.
          type: list
          elements: str
          sample: [logrotate.timer]
        zones:
          description: >-
            What the name server is for each zone that the role bind configures, C(primary) or
            C(secondary), and the addresses that it copies the zone from.
          type: dict
          sample: {foobar.com: {type: secondary, primaries: [192.0.2.1]}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.lamp.plugins.module_utils.host import facts


def main():
    """Ask, and say it as facts."""
    module = AnsibleModule(argument_spec=facts.ARGUMENT_SPEC, supports_check_mode=True)
    module.exit_json(**facts.run(module.params))


if __name__ == "__main__":
    main()
