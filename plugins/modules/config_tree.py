#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's half of config_tree: compare the tree, and swap it in as one."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: config_tree
short_description: A service's configuration, however many files, as one transaction
version_added: 0.1.0
description:
  - Renders all files on the controller, compares them on the host in one round trip, and replaces
    those that differ in one transaction.
  - Then it runs the checker of the service, O(test). If that fails, every file, link, mode, owner
    and directory is put back as it was, and the task fails with the checker's output. A bad
    configuration does not stay on disk.
  - If the process or the host dies half-way, the next run first restores the old tree, and then
    starts again.
options:
  name:
    description:
      - Names the transaction's journal, C(/var/lib/foobar.lamp/config_tree/<name>). Unique on a
        host.
    type: str
    required: true
  vars:
    description:
      - More variables for all templates. Each is evaluated once, however often templates use it.
    type: dict
    default: {}
  files:
    description:
      - The files. An entry takes exactly one of O(files[].template), O(files[].src) and
        O(files[].content).
      - A link that stands at the destination is replaced by the file; its target is left alone.
    type: list
    elements: dict
    default: []
    suboptions:
      dest:
        description:
          - Required. The absolute path. Its directory exists or is declared in O(directories).
          - With O(files[].each), every C({key}) is replaced by the item's value of that key.
        type: str
        required: true
      template:
        description:
          - A Jinja template, searched for and rendered as M(ansible.builtin.template) does.
        type: str
      src:
        description:
          - A file to be copied byte by byte, searched
            for as M(ansible.builtin.copy) does. A vaulted one is decrypted.
        type: str
      content:
        description:
          - The contents, taken as they are. Nothing is added, not even a final newline.
        type: str
      owner:
        description:
          - The user, by name or number.
        type: str
        default: root
      group:
        description:
          - The group, by name or number.
        type: str
        default: root
      mode:
        description:
          - The permissions, as an octal number in quotes.
        type: raw
        default: "0644"
      secret:
        description:
          - Whether to keep the contents out of the diff and out of the checker's output.
        type: bool
        default: false
      diff:
        description:
          - Whether a diff shows the contents. V(false) is for a program that comes with a role, of
            which a diff says how many lines it has.
        type: bool
        default: true
      present:
        description:
          - Whether the file is there. V(false) removes it, like a path in O(absent).
        type: bool
        default: true
      service:
        description:
          - The systemd unit that reads the file, instead of O(service).
        type: str
      restart:
        description:
          - Whether the unit reads the file only when it is started, so that a reload is not enough.
        type: bool
        default: false
      effective:
        description:
          - The program that must confirm that the file's settings are in force. If another of its
            files overrides a setting, or it does not read this one, the old files are put back and
            the task fails with the name of the other file.
          - V(sshd) is asked by C(sshd -T), V(systemd) by C(systemd-analyze cat-config) for a
            drop-in of a unit or of a file such as C(journald.conf), V(sysctl) by C(systemd-sysctl
            --cat-config), V(apt) by C(apt-config dump), V(mariadbd) and V(mysqld) by
            C(--print-defaults), V(apache) by C(DUMP_CONFIG) for settings outside of sections,
            V(bind) by C(named-checkconf -p).
          - Unmanaged files that can override it are watched. The task notices a change of one as it
            notices a change of its own.
        type: str
        choices: [apache, apt, bind, mariadbd, mysqld, sshd, sysctl, systemd]
      vars:
        description:
          - More variables for the template, over O(vars).
        type: dict
        default: {}
      each:
        description:
          - Take the entry once per item. The template sees the item as C(item).
        type: list
        elements: dict
  links:
    description:
      - The symbolic links. A file that stands at the destination is replaced, a directory
        is refused.
    type: list
    elements: dict
    default: []
    suboptions:
      dest:
        description:
          - Required. The absolute path of the link. C({key}) as in O(files[].dest).
        type: str
        required: true
      target:
        description:
          - What the link points to, written as it is. It need not exist. C({key}) as in
            O(files[].dest).
        type: str
        required: true
      each:
        description:
          - Take the entry once per item.
        type: list
        elements: dict
  directories:
    description:
      - The directories. A link that leads to a directory counts as one, with its target's owner and
        mode.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - Required. The absolute path. C({key}) as in O(files[].dest).
        type: str
        required: true
      owner:
        description:
          - The user, by name or number. By default an existing directory keeps its owner
            and a new one is root's.
        type: str
      group:
        description:
          - The group, by name or number. By default an existing directory keeps its group
            and a new one is root's.
        type: str
      mode:
        description:
          - The permissions, as an octal number in quotes. By default an existing directory keeps
            its own and a new one gets C(0755).
        type: raw
      purge:
        description:
          - Whether entries that this task does not declare are removed, whole directories too.
        type: bool
        default: false
      keep:
        description:
          - Shell patterns of names that O(directories[].purge) leaves alone.
        type: list
        elements: str
        default: []
      each:
        description:
          - Take the entry once per item.
        type: list
        elements: dict
  absent:
    description:
      - Paths that must not exist. A directory is removed with all that is in it.
    type: list
    elements: str
    default: []
  test:
    description:
      - A program and its arguments that checks the configuration. It runs, without a shell and with
        C(LC_ALL=C), after the swap and only if something was changed.
    type: list
    elements: str
  service:
    description:
      - The systemd unit that reads the tree. When something changed, the unit's name is returned in
        RV(reload) or RV(restart).
      - The name is also returned when the unit is active but was not reloaded (or restarted) since
        an earlier change, for instance because a play failed before its handlers ran. The task then
        reports a change, so that its handlers run.
    type: str
  rollback:
    description:
      - Whether to remember, before a change, the last known good files of units - those that they
        run with, or ran with until they ended.
      - A checker may accept files with which the service does not start.
        M(foobar.lamp.config_tree_service) then puts the old files back.
      - They are kept, secrets too, in a file beside the journal that only root can read.
    type: bool
    default: false
  idle:
    description:
      - Units that should run with the tree and do not, as M(foobar.lamp.host_facts) found. They are
        returned in RV(idle), and the task reports a change, so that its handlers start them.
    type: list
    elements: str
    default: []
  _tree:
    description:
      - Never give it. The action plugin fills it with what it made of I(files), I(links),
        I(directories) and I(absent). No log shows it.
    type: str
  _seal:
    description:
      - Never give it. The action plugin fills it with a fingerprint of the tree.
    type: str
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the
      target.
    support: full
    details:
      - Accounts and directories that do not exist yet are no errors then, since an earlier task may
        be about to make them.
      - After a run that was killed, the prediction compares with the half-made tree.
  diff_mode:
    description: Returns details on what has changed, or possibly needs changing in C(check_mode),
      when in diff mode.
    support: full
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can
      be executed on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
notes:
  - New and old files wait in hidden directories (C(.lamp-config-tree.*)) beside their destinations
    during the run.
  - A link on the way to a destination is followed if only root can put one there. In a directory
    that somebody else can change, it is refused, and so is a file with a second name (a hard link).
  - Since a file is replaced by a new one, other hard links to the old one keep the old contents.
  - If M(foobar.lamp.host_facts) asked the host earlier in the run, and nothing of the tree was
    touched since the last run that declared the very same, the run's first task about the tree is
    answered on the controller. If a task before it touches the same files by other means, let
    M(foobar.lamp.host_facts) ask again with O(foobar.lamp.host_facts#module:refresh).
seealso:
  - module: foobar.lamp.config_tree_service
  - module: ansible.builtin.template
  - module: ansible.builtin.copy
author:
  - The foobar.lamp developers (@foobar)
"""

EXAMPLES = r"""
- name: Configuration
  foobar.lamp.config_tree:
    name: apache
    files:
      - dest: /etc/apache2/conf-available/lamp.conf
        template: lamp.conf.j2
      - each: "{{ apache_vhosts }}"
        dest: /etc/apache2/sites-available/{name}.conf
        template: vhost.conf.j2
    links:
      - each: "{{ apache_vhosts }}"
        dest: /etc/apache2/sites-enabled/{name}.conf
        target: ../sites-available/{name}.conf
    directories:
      - path: /etc/apache2/sites-enabled
        purge: true
        keep: ["*.local"]
    test: [apache2ctl, configtest]
    service: apache2
  register: apache_config
  notify: Reload Apache  # when: "'apache2' in apache_config.reload"

- name: A secret and the absence of a file
  foobar.lamp.config_tree:
    name: backup
    files:
      - dest: /etc/backup/passphrase
        content: "{{ backup_passphrase }}"
        mode: "0600"
        secret: true
    directories:
      - path: /etc/backup
        mode: "0700"
    absent:
      - /etc/backup.conf
"""

RETURN = r"""
changed_paths:
  description: The paths that were, or in check mode would be, changed.
  returned: success
  type: list
  elements: str
  sample: [/etc/apache2/conf-available/lamp.conf]
kept:
  description:
    - On the first run of a tree, the unmanaged files that are, or in check mode would be, changed
      or removed. Files that a package ships are not among them.
    - Their copies, and those of links, are in C(/var/lib/foobar.lamp/before/NAME), for root alone.
      A warning names them.
  returned: success
  type: list
  elements: str
reload:
  description: The units that must be reloaded, because their files changed now or in a run that
    died before its handlers.
  returned: success
  type: list
  elements: str
  sample: [apache2]
restart:
  description: The units that must be restarted, because a file that they read only at their start
    changed.
  returned: success
  type: list
  elements: str
stale:
  description: Those of RV(reload) and RV(restart) whose files did not change in this run.
  returned: success
  type: list
  elements: str
idle:
  description: The units of O(idle).
  returned: success
  type: list
  elements: str
generation:
  description: Identifies this state of the tree, so that a change by another run is noticed. Empty
    if the host was not asked.
  returned: success
  type: str
recovered:
  description: Whether an earlier run had died half-way and the old tree was, or in check mode would
    be, restored first.
  returned: success
  type: bool
diff:
  description: What differs, file by file. A secret file's contents are not shown.
  returned: in diff mode
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree import converge
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import PROGRAMS


def main() -> None:
    """Read what the action plugin sent, and answer without ever repeating it."""
    each = {"type": "list", "elements": "dict"}
    module = AnsibleModule(
        argument_spec={
            **converge.SENT,
            "vars": {"type": "dict", "default": {}},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "dest": {"type": "str", "required": True},
                    "template": {"type": "str"},
                    "src": {"type": "str"},
                    "content": {"type": "str"},
                    "owner": {"type": "str", "default": "root"},
                    "group": {"type": "str", "default": "root"},
                    "mode": {"type": "raw", "default": "0644"},
                    "secret": {"type": "bool", "default": False},
                    "diff": {"type": "bool", "default": True},
                    "present": {"type": "bool", "default": True},
                    "service": {"type": "str"},
                    "restart": {"type": "bool", "default": False},
                    "effective": {"type": "str", "choices": list(PROGRAMS)},
                    "vars": {"type": "dict", "default": {}},
                    "each": each,
                },
            },
            "links": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "dest": {"type": "str", "required": True},
                    "target": {"type": "str", "required": True},
                    "each": each,
                },
            },
            "directories": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "str", "required": True},
                    "owner": {"type": "str"},
                    "group": {"type": "str"},
                    "mode": {"type": "raw"},
                    "purge": {"type": "bool", "default": False},
                    "keep": {"type": "list", "elements": "str", "default": []},
                    "each": each,
                },
            },
            "absent": {"type": "list", "elements": "str", "default": []},
            "idle": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    if not module.params["_tree"]:
        module.fail_json(msg="config_tree works through its action plugin only.", invocation={})
    result = converge.run(module.params, module.check_mode, module._diff)
    if result.get("failed"):
        module.fail_json(**result, invocation={})
    module.exit_json(**result, invocation={})


if __name__ == "__main__":
    main()
