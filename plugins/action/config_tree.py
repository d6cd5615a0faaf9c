# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of config_tree: find and render every file,
then hand the whole tree to the module at once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zlib

import ansible.constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.text.converters import to_bytes
from ansible.plugins.action import ActionBase
from ansible.template import generate_ansible_template_vars, trust_as_template
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.converge import SENT
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import (
    TreeError,
    expand,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.seal import digest
from ansible_collections.foobar.lamp.plugins.plugin_utils import _direct
from ansible_collections.foobar.lamp.plugins.plugin_utils._run import run_of
from ansible_collections.foobar.lamp.plugins.plugin_utils.common.facts import facts_of


class ActionModule(ActionBase):
    """Render and send; comparing and changing is the module's."""

    _supports_async = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp=None, task_vars=None):
        """Converge, and have the handlers start what does not run."""
        super().run(tmp, task_vars)
        idle = list(self._task.args.get("idle") or [])
        result = {**self._converge(self._task.args, task_vars), "idle": idle}
        return {**result, "changed": True} if idle and not result.get("failed") else result

    def _converge(self, args, task_vars):
        """Render the tree and run the module once."""
        try:
            tree = expand(args)
        except TreeError as error:
            raise AnsibleActionFail(str(error)) from None
        renderer = Renderer(self, task_vars or {})
        for entry in tree["files"]:
            content = renderer.content(entry)
            for key in ("source", "value", "vars", "item", "present"):
                del entry[key]
            entry["content"] = base64.b64encode(content).decode("ascii")
        # One opaque word: small on its way, and nothing that a log on the host could show.
        module_args = {
            key: args[key]
            for key in ("name", "test", "service", "rollback")
            if args.get(key) is not None
        }
        known = (
            self._sealed(args["name"], task_vars or {})
            if self._first(args["name"], task_vars or {})
            else ""
        )
        if known and digest(tree, module_args, known) == known:
            nothing = dict.fromkeys(("changed_paths", "reload", "restart", "stale", "kept"), [])
            return {"changed": False, "recovered": False, "generation": "", **nothing}
        sent = base64.b64encode(zlib.compress(json.dumps(tree).encode("ascii"))).decode("ascii")
        more = {"_tree": sent, "_seal": digest(tree, module_args)}
        return _direct.do(self, "config_tree.converge", SENT, task_vars, {**module_args, **more})

    def _first(self, name: str, task_vars: dict) -> bool:
        """Whether this run has not come to the tree before:
        what the host said at the run's start holds only until then.
        """
        seen = os.path.join(ansible.constants.DEFAULT_LOCAL_TMP, "config_tree")
        os.makedirs(seen, mode=0o700, exist_ok=True)
        who = json.dumps([task_vars.get("inventory_hostname"), self._task.delegate_to, name])
        try:
            os.close(
                os.open(
                    os.path.join(seen, hashlib.sha256(who.encode()).hexdigest()),
                    os.O_CREAT | os.O_EXCL,
                )
            )
        except FileExistsError:
            return False
        return True

    def _sealed(self, name: str, task_vars: dict) -> str:
        """The digest of the tree that the host has, if this very run asked it:
        the facts are of the task's own host.
        """
        facts = facts_of(task_vars)
        if self._task.delegate_to or facts.get("asked_by") != run_of(self._task):
            return ""
        return (facts.get("trees") or {}).get(name, "")


class Renderer:
    """Turns file entries into bytes, as ansible.builtin.template and copy would;
    each source is read once.
    """

    def __init__(self, action: ActionModule, task_vars: dict):
        self._action = action
        self._task_vars = task_vars
        self._sources: dict[str, tuple] = {}

    def content(self, entry: dict) -> bytes:
        """The bytes that shall stand in the file."""
        try:
            if entry["source"] == "content":
                return to_bytes(entry["value"], errors="surrogate_or_strict")
            if entry["source"] == "src":
                return self._verbatim(entry["value"])
            return self._rendered(entry)
        except AnsibleError as error:
            raise AnsibleActionFail(
                f"{entry['where']}: cannot be made from {entry['value']!r}."
            ) from error

    def _find(self, kind: str, source: str) -> str:
        """Where a source is: in the task's role,
        which is where Ansible looks first, or where it looks after that.

        To have Ansible look takes a millisecond for each of them.
        """
        if self._action._task._role and source.split("/")[0] not in (kind, "", "~"):
            path = os.path.join(self._action._task.get_search_path()[0], kind, source)
            if os.path.exists(path):
                return path
        return self._action._find_needle(kind, source)

    def _verbatim(self, source: str) -> bytes:
        loader = self._action._loader
        # A vaulted source is decrypted, as copy does.
        path = loader.get_real_file(self._find("files", source))
        try:
            with open(path, "rb") as file:
                return file.read()
        finally:
            loader.cleanup_tmp_file(path)

    def _rendered(self, entry: dict) -> bytes:
        source = entry["value"]
        if source not in self._sources:
            self._sources[source] = self._open(source)
        text, templar, variables = self._sources[source]
        available = {
            **self._task_vars,
            **variables,
            "template_destpath": entry["path"],
            **entry["vars"],
        }
        if entry["item"] is not None:
            available["item"] = entry["item"]
        templar.available_variables = available
        result = templar.template(text, escape_backslashes=False, overrides={"trim_blocks": True})
        return b"" if result is None else to_bytes(result, errors="surrogate_or_strict")

    def _open(self, source: str) -> tuple:
        """Find a template once: its text, a templar that resolves its includes,
        and the variables that describe it.
        """
        loader = self._action._loader
        path = self._find("templates", source)
        roots = [
            *self._task_vars.get("ansible_search_path", []),
            loader.get_basedir(),
            os.path.dirname(path),
        ]
        templar = self._action._templar.copy_with_new_env(
            searchpath=[
                place for root in roots for place in (os.path.join(root, "templates"), root)
            ]
        )
        variables = generate_ansible_template_vars(source, path)
        if "ansible_managed" in self._task_vars:
            del variables["ansible_managed"]
        return trust_as_template(loader.get_text_file_contents(path)), templar, variables
