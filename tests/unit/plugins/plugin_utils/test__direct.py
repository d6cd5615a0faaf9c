"""What is sent to a host runs there with nothing of Ansible."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils import _direct

#: Whoever imports Ansible after this fails.
NO_ANSIBLE = "import sys; sys.modules['ansible'] = None; print('a word of the host')\n"
PARAMS = {
    "pages": [{"name": "shop", "host": None, "path": "/", "headers": {}, "tls": False}],
    "address": "127.0.0.1",
    "port": 1,
    "tls_port": 1,
    "timeout": 0,
}
ANSWER = {
    "changed": False,
    "unhealthy": {"shop": "does not answer ([Errno 111] Connection refused)"},
}


def timeless(answer):
    """Return ``answer`` without the moment that it tells."""
    return {name: value for name, value in answer.items() if name != "began"}


def host(module, arguments, before=NO_ANSIBLE, **options):
    """Run the program as a host would."""
    program = before + _direct.program(module, arguments)
    return subprocess.run(
        [sys.executable, "-"], input=program, capture_output=True, text=True, check=False, **options
    )


MODULES = [
    "app.steps",
    "config_tree.converge",
    "host.debian_packages",
    "dns.dns_records",
    "host.facts",
    "host.http_health_info",
    "host.login",
    "mysql.query_info",
]


@pytest.mark.parametrize("module", MODULES)
def test_host_needs_nothing_of_ansible(module):
    assert (
        "run() got an unexpected keyword argument 'nobody'"
        in host(module, {"nobody": "takes this"}).stderr
    )


def test_answer_is_found_among_other_words_and_whatever_the_status():
    bye = "import atexit, os; atexit.register(lambda: os.system('echo bye'))\n"
    said = host("host.http_health_info", {"params": PARAMS}, before=NO_ANSIBLE + bye)
    assert said.stdout.startswith("a word of the host\n")
    assert said.stdout.endswith("bye\n")
    assert timeless(_direct.answer(said.stdout)) == ANSWER
    assert _direct.answer("a word of the host\n{}\n") is None


# The directory is the login user's, and the program often root's.
def test_nothing_is_imported_from_the_current_directory(tmp_path):
    for name in ("base64", "json", "zlib", "secrets", "http"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from here')\n")
    said = host("host.http_health_info", {"params": PARAMS}, before="", cwd=tmp_path)
    assert "imported from here" not in said.stderr
    assert timeless(_direct.answer(said.stdout)) == ANSWER


#: A file of module_utils and what it imports, by their places in a directory.
WRAPPED = {
    "shop/run.py": (
        "from {package}.shop import (  # both\n    goods,\n    prices as paid,\n)\nrun = lambda: "
        "[goods.NAME, paid.NAME]\n"
    ),
    "shop/goods.py": "import os, {package}.common.deep.names as names\nNAME = names.NAME\n",
    "shop/prices.py": (
        "def __getattr__(name):\n    from {package}.common.words import (\n        WORD,\n    )\n"
        "    return WORD\n"
    ),
    "common/deep/names.py": 'NAME = """name\ndef """\n',
    "common/words.py": "WORD = 'word'\n",
    "common/idle.py": "raise SystemExit('nobody asked for this')\n",
}


def test_imports_are_found_however_they_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(_direct, "_FILES", tmp_path)
    for name, text in WRAPPED.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text.replace("{package}", _direct.PACKAGE))
    said = host("shop.run", {})
    assert _direct.answer(said.stdout) == ["name\ndef ", "word"], said.stderr
    assert f"{_direct.PACKAGE}.common.idle" not in dict(_direct._files("shop.run"))


def test_file_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(_direct, "_FILES", tmp_path)
    (tmp_path / "run.py").write_text(f"from {_direct.PACKAGE}.gone import nothing\n")
    with pytest.raises(FileNotFoundError, match="gone.py"):
        _direct.program("run", {})


@pytest.fixture
def task(tmp_path):
    """Return ``task(name, args, **variables)``: the answer of a module on this host,
    by default of http_health_info, and what the run said; a test may break the collection.
    """
    place = tmp_path / "ansible_collections/foobar/lamp"
    shutil.copytree(pathlib.Path(_direct.__file__).parents[1], place / "plugins")

    def task(name="http_health_info", args=None, **variables):
        pipe = {
            "ansible_pipelining": True,
            "ansible_python_interpreter": sys.executable,
            **variables,
        }
        options = ["--connection=local", "-vvv", f"--extra-vars={json.dumps(pipe)}"]
        words = [
            "ansible",
            "all",
            "--inventory=here,",
            f"--module-name=foobar.lamp.{name}",
            f"--args={json.dumps(args or PARAMS)}",
        ]
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(tmp_path),
            "HOME": str(tmp_path),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        }
        done = subprocess.run(
            [*words, *options],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        answer, _end = json.JSONDecoder().raw_decode(
            done.stdout.partition("\nhere | ")[2].partition("=> ")[2]
        )
        return answer, done.stdout + done.stderr

    task.files = place / "plugins" / "module_utils"
    return task


#: What shows that a module did the work: Ansible says which it sends.
MODULE = "Using module file"


def test_work_is_done_without_a_module(task):
    answer, said = task()
    assert timeless(answer) == ANSWER
    assert MODULE not in said


def test_program_that_cannot_be_made_is_the_modules_and_said_once(task):
    with (task.files / "host/http_health_info.py").open("a") as file:
        file.write(
            f"try:\n    from {_direct.PACKAGE}.gone import nothing\nexcept ImportError:\n    "
            f"nothing = None\n"
        )
    answer, said = task()
    assert {name: answer[name] for name in ANSWER} == ANSWER
    assert MODULE in said
    (words,) = [line for line in said.splitlines() if "without a module" in line]
    assert "foobar.lamp.http_health_info does not work without a module (FileNotFoundError" in words
    assert "gone.py" in words
    assert "WARNING" not in words


def test_switch_leaves_the_work_to_the_module(task):
    for off in (False, "no", "{{ 1 == 2 }}"):
        answer, said = task(lamp_direct=off)
        assert {name: answer[name] for name in ANSWER} == ANSWER
        assert MODULE in said
        assert "without a module" not in said


def released(tmp_path, step):
    """Return the arguments of a step with one application."""
    plan = {"name": "shop", "root": str(tmp_path / "shop"), "user": "root", "release": "new"}
    return {"step": step, "apps": [plan]}


def test_step_of_a_release_is_done_without_a_module(task, tmp_path):
    answer, said = task("app_release", released(tmp_path, "list"))
    assert [one["name"] for one in answer["applications"]] == ["shop"]
    assert MODULE not in said


def test_step_of_a_release_is_never_done_twice(task, tmp_path):
    with (task.files / "app/steps.py").open("a") as file:
        file.write(
            f"def run(**given):\n    open({str(tmp_path / 'done')!r}, 'a').write('migrated ')\n"
            "    raise ValueError('no more')\n"
        )
    answer, said = task("app_release", released(tmp_path, "migrate"))
    assert (tmp_path / "done").read_text() == "migrated "
    assert "here | FAILED!" in said
    assert answer["msg"].endswith("with status 1. Run again. ValueError: no more")
    assert MODULE not in said
