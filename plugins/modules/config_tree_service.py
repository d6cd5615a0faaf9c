#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have a service take up its configuration tree, or go back to the one that it ran with."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: config_tree_service
short_description: Reload or restart a service, and roll its configuration back if it does not run
  with the new one
version_added: 0.1.0
description:
  - Reloads or restarts a systemd unit whose files M(foobar.lamp.config_tree) has changed, and
    requires it to run afterwards.
  - A checker may accept files with which the service does not start, such as with an address that
    the host does not have, or a directory that is not there. Then the unit's last known good files
    are put back in one transaction, and it is restarted (or reloaded, if it never stopped) with
    them. The task fails with the messages of systemd and of the service, and says what is in force
    now.
  - The old files are known if the tree was changed with O(foobar.lamp.config_tree#module:rollback)
    while the unit ran, or when it had run with them until it ended. After several changes that the
    unit has not loaded, the files that it really ran with are put back.
options:
  name:
    description:
      - The name of the tree, as in O(foobar.lamp.config_tree#module:name).
    type: str
    required: true
  service:
    description:
      - The systemd unit, as the tree names it.
    type: str
    required: true
  state:
    description:
      - V(reloaded) makes the unit load its files while it runs; a unit that does not run
        is started.
      - V(restarted) makes systemd reload its own files first.
    type: str
    choices: [reloaded, restarted]
    required: true
  generation:
    description:
      - What M(foobar.lamp.config_tree) returned as RV(foobar.lamp.config_tree#module:generation).
        If another run has changed the tree since then, the task fails and touches nothing. That run
        loads its own files, or puts the old ones back.
      - If it is empty, the unit reads whatever files are there.
    type: str
    default: ""
  watch:
    description:
      - How many seconds to watch a unit that does not notify systemd when it has started or loaded
        its files; up to two and a half times as long on a busy host. If it ends later, nothing is
        put back.
      - A unit whose reload command waits until the files are loaded needs less.
    type: int
    default: 4
  replaces:
    description:
      - A running unit that has the ports that this one needs. It is stopped, and this one is
        started as soon as the ports are free; the old one may finish its requests meanwhile. When
        the host starts, it starts this one instead of the old one.
      - If this one does not run, the other is started again and the task fails. The new files stay,
        because nothing runs with them.
    type: str
    default: ""
  logs:
    description:
      - Log files of the unit, if it does not log to the journal. What it added to them
        is part of the error message.
    type: list
    elements: path
    default: []
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the
      target.
    support: full
    details:
      - Whether the unit will run is known only by trying, so the prediction is that it does.
  diff_mode:
    description: There is nothing to show.
    support: none
notes:
  - Start a service for the first time with M(ansible.builtin.systemd_service); there
    is nothing to go back to.
seealso:
  - module: foobar.lamp.config_tree
  - module: ansible.builtin.systemd_service
author:
  - The foobar.lamp developers (@foobar)
"""

EXAMPLES = r"""
- name: Configuration
  foobar.lamp.config_tree:
    name: nginx
    files:
      - dest: /etc/nginx/conf.d/limits.conf
        content: "client_max_body_size 20m;\n"
    test: [nginx, -t]
    service: nginx
    rollback: true
  register: nginx_config

- name: Nginx takes it up
  foobar.lamp.config_tree_service:
    name: nginx
    service: nginx
    state: reloaded
    generation: "{{ nginx_config.generation }}"
  when: "'nginx' in nginx_config.reload"
"""

RETURN = r"""
rolled_back:
  description: The paths that were put back to what the unit had loaded.
  returned: failure
  type: list
  elements: str
  sample: [/etc/nginx/conf.d/limits.conf]
superseded:
  description: Whether nothing was done because another run has changed the tree since.
  returned: failure
  type: bool
"""

import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.lamp.plugins.module_utils.common import journal, safe_paths
from ansible_collections.foobar.lamp.plugins.module_utils.common.os_errors import explain
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import (
    TreeError,
    clean_name,
    clean_unit,
    mask,
    printable,
    stale,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.plan import look
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.proven import (
    Proven,
    dump,
    load,
    way_back,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.transaction import (
    BACK,
    JOURNALS,
    BusyError,
    Transaction,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.units import (
    ALL,
    ask_systemd,
    ends,
    have_back,
    reason,
    running,
    sizes,
    systemctl,
    systemd_runs,
    take_up,
    written,
)

LONGEST_OUTPUT = 8000
LONGEST_WAIT = 300  # seconds for another run that loads the same tree


def recall(transaction: Transaction, unit: str) -> Proven:
    """Load the rollback record;
    it is empty if the unit has loaded its files since, whoever triggered that.
    """
    proven = load(transaction.proven())
    units = ask_systemd({unit})
    behind = {name for names in stale(transaction.stamps(), units).values() for name in names}
    return proven.without(running(units) - behind)


def secrets_of(proven: Proven) -> list[bytes]:
    """Return the contents, old and new, that no message may show."""
    states = [look(path) for path in proven.secrets] + [
        entry.state for entry in proven.entries.values() if entry.secret
    ]
    return [state.content for state in states if state.content]


def go_back(
    transaction: Transaction, proven: Proven, unit: str, verb: str, watch: int
) -> tuple[list[str], str]:
    """Put the old files back and have the unit run with them;
    return their paths and a sentence of what holds now.
    """
    try:
        changes = way_back(proven.of(unit), look, safe_paths.names)
        if not changes:
            return [], f"Cannot roll back: no earlier working configuration of {unit} is recorded."
        transaction.apply(changes)
    except (TreeError, OSError) as error:
        words = explain(error, transaction.place) if isinstance(error, OSError) else str(error)
        return [], f"Cannot roll back: {words.removesuffix(BACK)}"
    paths = [printable(change.path) for change in changes]
    systemctl("daemon-reload")
    if verb == "restart" or not running(ask_systemd({unit})):
        verb = "restart"
        systemctl("reset-failed", unit)
    wrong = take_up(unit, verb, watch)
    transaction.prove(dump(proven.without({unit})))
    if not wrong:
        return paths, f"The old files are back and {unit} runs with them."
    if verb == "reload" and running(ask_systemd({unit})):
        return (
            paths,
            (
                f"The old files are back. {unit} runs, but cannot be reloaded with them either: "
                f"{wrong}"
            ),
        )
    return paths, f"The old files are back, and {unit} does not run with them either: {wrong}"


def converge(module: AnsibleModule) -> None:
    """Reload or restart, and go back if need be."""
    unit = module.params["service"]
    verb = (
        "reload"
        if module.params["state"] == "reloaded" and running(ask_systemd({unit}))
        else "restart"
    )
    transaction = Transaction(os.path.join(JOURNALS, module.params["name"]))
    transaction.lock(LONGEST_WAIT)
    transaction.heal()
    # Whoever changed the files since has a unit to load them with, and may go back to others:
    # neither is this run's to do.
    if module.params["generation"] and module.params["generation"] != transaction.generation():
        raise BusyError(
            f"{unit} was not {module.params['state']}: another run has changed the files of the "
            f"tree '{module.params['name']}' since this"
            " one did, and nothing was touched. Run again."
        )
    proven = recall(transaction, unit)
    began, sizes_before = time.time(), sizes(module.params["logs"])
    if verb == "restart":
        systemctl("daemon-reload")
        # Who has tried too often of late is not let try, and would say nothing of its own.
        systemctl("reset-failed", unit)
    other = module.params["replaces"]
    wrong = take_up(unit, verb, module.params["watch"], instead_of=other)
    if not wrong:
        if other:
            systemctl("enable", unit)
            systemctl("disable", other)
        if proven.of(unit):
            transaction.prove(dump(proven.without({unit})))
        return
    secrets = secrets_of(proven)
    texts = [written(sizes_before), journal.words([unit], began, ALL)]
    said = [text[-LONGEST_OUTPUT:] for text in ends(texts)]
    if other:
        broken = have_back(other, unit)
        paths, now = (
            [],
            f"{other} does not start again: {broken}"
            if broken
            else f"{other} runs again in its place.",
        )
    else:
        paths, now = go_back(transaction, proven, unit, verb, module.params["watch"])
    first = reason(texts)
    words = "\n".join(
        [
            f"{unit} could not be {module.params['state']}: {first or wrong}",
            now,
            *([wrong] if first else []),
            *said,
        ]
    )
    module.fail_json(msg=mask(words, secrets), rolled_back=paths)


def main() -> None:
    """Check the options and do it."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "service": {"type": "str", "required": True},
            "state": {"type": "str", "required": True, "choices": ["reloaded", "restarted"]},
            "generation": {"type": "str", "default": ""},
            "watch": {"type": "int", "default": 4},
            "replaces": {"type": "str", "default": ""},
            "logs": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        clean_name(module.params["name"])
        for unit in filter(None, (module.params["service"], module.params["replaces"])):
            clean_unit(unit, f"The tree {module.params['name']}")
        if module.check_mode:
            module.exit_json(changed=True)
        if not systemd_runs():
            raise TreeError(
                f"{module.params['service']} cannot be {module.params['state']}: "
                f"systemd does not run on this host."
            )
        converge(module)
    except TreeError as error:
        module.fail_json(msg=str(error), rolled_back=[], superseded=isinstance(error, BusyError))
    except OSError as error:
        module.fail_json(
            msg=explain(error, os.path.join(JOURNALS, module.params["name"])), rolled_back=[]
        )
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
