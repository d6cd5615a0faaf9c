# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do on a host what a module of this collection does, without a
module: the same result in a third of the time.

With a module Ansible sends all that any module may need, found anew for each and compiled by the
host each time. This sends the few files of this collection that do the work to the host's Python,
through the connection's pipe. Where it cannot, the module does it.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import json
import pathlib
import re
import shlex
import zlib
from collections.abc import Iterator

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible_collections.foobar.lamp.plugins.plugin_utils import _arguments

display = Display()
PACKAGE = "ansible_collections.foobar.lamp.plugins.module_utils"
_DEPTH = len(PACKAGE.split("."))
# Where those files are on the controller: beside this one's directory.
_FILES = pathlib.Path(__file__).parent.parent / "module_utils"
# What ends the imports at the top of a file, and what an import further down begins with.
_BODY = re.compile(r"^(?:@|(?:async )?def |class )", re.MULTILINE)
_INNER = re.compile(r"^[ \t]*(?:from|import)\s", re.MULTILINE)

# What is before the result in what the host prints: others may print something before it and after
# it.
_MARK = "foobar.lamp: "
# What the host's Python runs: an importer of the files that come with it, and the call. First of
# all, Python forgets the current directory, which is the login user's: what lies there is nobody's
# to run as root.
_PROGRAM = """
import sys
sys.path = [path for path in sys.path if path not in ("", ".")]
import base64, importlib, importlib.machinery, json, zlib
PACKAGE, MODULE, FILES, ARGUMENTS = json.loads(zlib.decompress(base64.b64decode({sent!r})))
class Sent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        around = any(file.startswith(name + ".") for file in FILES)
        if around or name in FILES:
            return importlib.machinery.ModuleSpec(name, Sent, is_package=around)
    @staticmethod
    def create_module(spec):
        return None
    @staticmethod
    def exec_module(module):
        exec(compile(FILES.get(module.__name__, ""), module.__name__, "exec"), module.__dict__)
sys.meta_path.insert(0, Sent)
answer = importlib.import_module(PACKAGE + "." + MODULE).run(**ARGUMENTS)
print("\\n" + {mark!r} + json.dumps(answer))
"""


def program(module: str, arguments: dict) -> str:
    """Return the Python program that calls ``run(**arguments)`` of ``module``,
    and prints its result as JSON.

    ``module``: a file of module_utils, ``folder.file``. It, and all of this collection that it
    imports, may import nothing of Ansible.
    """
    said = json.dumps([PACKAGE, module, dict(_files(module)), arguments])
    return _PROGRAM.format(
        sent=base64.b64encode(zlib.compress(said.encode("ascii"))).decode("ascii"), mark=_MARK
    )


def answer(stdout: str) -> dict | None:
    """Return the result that such a program printed, None if it printed none."""
    said = [line for line in stdout.splitlines() if line.startswith(_MARK)]
    return json.loads(said[-1].removeprefix(_MARK)) if said else None


def _files(first: str) -> Iterator[tuple[str, str]]:
    """Yield the name and text of ``first`` and of each file that
    is imported by it or by each other.
    """
    due, seen = [f"{PACKAGE}.{first}"], set()
    while due:
        name = due.pop()
        if name in seen:
            continue
        seen.add(name)
        place = _FILES.joinpath(*name.split(".")[_DEPTH:])
        if place.is_dir():
            continue
        text = place.with_name(f"{place.name}.py").read_text(encoding="utf-8")
        yield name, text
        due += _imported(text)


def _imported(text: str) -> Iterator[str]:
    """Yield the names of the files of module_utils that a file with this ``text`` imports,
    and of the folders around them.
    """
    for node in ast.walk(_imports(text)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith(f"{PACKAGE}."))
        elif (
            isinstance(node, ast.ImportFrom)
            and node.module
            and f"{node.module}.".startswith(f"{PACKAGE}.")
        ):
            # What is imported from a folder is a file, and from a file what is in it.
            folder = _FILES.joinpath(*node.module.split(".")[_DEPTH:]).is_dir()
            yield from (
                (f"{node.module}.{name.name}" for name in node.names) if folder else (node.module,)
            )


def _imports(text: str) -> ast.Module:
    """Return the syntax tree of the part of a file that has its imports:
    to parse all of a file takes ten times as long.
    """
    body = _BODY.search(text)
    if body and not _INNER.search(text, body.start()):
        with contextlib.suppress(
            SyntaxError
        ):  # a text over several lines has what looks like a definition
            return ast.parse(text[: body.start()])
    return ast.parse(text)


def call(action, module: str, arguments: dict, task_vars: dict, again: bool = True) -> dict | None:
    """Return what ``run(**arguments)`` of ``module`` returns on the host of the task of ``action``;
    None where the module has to do it.

    That is so where ``lamp_direct`` is false, without pipelining, with a Python that is still to be
    found, for a task that is delegated or in the background, and when anything goes wrong but the
    connection. Where ``run`` may not be called ``again``, a task whose program ended without an
    answer has failed, and the module does not take over.
    """
    try:
        sent = _sent(action, module, arguments, task_vars)
    except Exception as error:  # whatever it is, the module does not have it, or says it better
        _left_to_the_module(action, f"{type(error).__name__}: {error}")
        return None
    if sent is None:
        return None
    command, text = sent
    said = action._low_level_execute_command(command, in_data=text.encode("ascii"))
    try:
        # A result is one, whatever the status is in the end: another call would find everything
        # done.
        result = answer(said["stdout"])
    except ValueError:
        result = None
    if result is None and not again:
        return _unanswered(action, said)
    if result is None:
        _left_to_the_module(action, f"status {said['rc']}")
    return result


def _unanswered(action, said: dict) -> dict:
    """Return the result of a task whose program ended without one."""
    words = said["stderr"].strip()
    return {
        "failed": True,
        "changed": False,
        "msg": (
            f"{action._task.action} ended on the host without a result, with status {said['rc']}. "
            f"Run again. {words.splitlines()[-1] if words else 'It said nothing.'}"
        ),
        "module_stderr": words,
    }


def _sent(action, module: str, arguments: dict, task_vars: dict) -> tuple[str, str] | None:
    """Return the command that runs on the host and the program that it reads;
    None where it is the module's from the first.
    """
    task, variables = (
        action._task,
        {"lamp_direct": True, "ansible_python_interpreter": "", **task_vars},
    )
    wanted, python = (
        action._templar.template(variables[name])
        for name in ("lamp_direct", "ansible_python_interpreter")
    )
    python = str(python).strip()
    if (
        not boolean(wanted)
        or task.delegate_to
        or task.async_val
        or not python.startswith("/")
        or not action._is_pipelining_enabled("new")
    ):
        return None
    # The last word is for whoever looks at the host's processes.
    command = (
        f"{action._compute_environment_string()} {shlex.quote(python)} - {task.action}".strip()
    )
    return command, program(module, arguments)


def _left_to_the_module(action, why: str) -> None:
    """Tell a developer why it is, with -vvv: to a user both ways are the same."""
    display.vvv(
        f"{action._task.action} does not work without a module ({why}): the module does it."
    )


def do(
    action,
    module: str,
    argument_spec: dict,
    task_vars: dict,
    args: dict | None = None,
    /,
    **constraints: list[tuple[str, str]],
) -> dict:
    """Return the result of a task whose module does ``run(params,
    check_mode, diff)`` of ``module``.

    ``args`` are those of the module, by default the task's. What is wrong with them beyond their
    types, and a path that begins with ``~`` or has a variable of the host, are the module's to
    settle.
    """
    args = action._task.args if args is None else args
    return _do(action, module, argument_spec, task_vars, args, True, constraints)


def once(action, module: str, argument_spec: dict, task_vars: dict, args: dict) -> dict:
    """Return the same of a ``run`` that may not be called again once it has begun."""
    return _do(action, module, argument_spec, task_vars, args, False, {})


def _do(
    action,
    module: str,
    argument_spec: dict,
    task_vars: dict,
    args: dict,
    again: bool,
    constraints: dict,
) -> dict:
    task = action._task
    args, problems = _arguments.settle(argument_spec, args)
    if problems:
        return {"failed": True, "changed": False, "msg": "\n".join(problems)}
    found = ArgumentSpecValidator(argument_spec, **constraints).validate(args)
    paths = "".join(
        str(args.get(name, "")) for name, spec in argument_spec.items() if spec["type"] == "path"
    )
    result = None
    if not found.error_messages and not set("~$") & set(paths):
        arguments = {
            "params": found.validated_parameters,
            "check_mode": task.check_mode,
            "diff": task.diff,
        }
        result = call(action, module, arguments, task_vars, again)
    if result is None:
        return action._execute_module(
            module_args=args, task_vars=task_vars, wrap_async=task.async_val
        )
    return remove_values(result, found._no_log_values)
