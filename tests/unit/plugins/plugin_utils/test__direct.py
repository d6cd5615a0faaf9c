"""What is sent to a host runs there with nothing of Ansible."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils import _direct

#: Whoever imports Ansible after this fails.
NO_ANSIBLE = "import sys; sys.modules['ansible'] = None; print('a word of the host')\n"
PARAMS = {"pages": [{"name": "shop", "host": None, "path": "/", "headers": {}}], "address": "127.0.0.1", "port": 1, "timeout": 0}
ANSWER = {"changed": False, "ill": {"shop": "does not answer ([Errno 111] Connection refused)"}}


def host(module, arguments, before=NO_ANSIBLE, **options):
    """Run the program as a host would."""
    program = before + _direct.program(module, arguments)
    return subprocess.run([sys.executable, "-"], input=program, capture_output=True, text=True, check=False, **options)


MODULES = [
    "config_tree.converge",
    "host.debian_packages",
    "dns.dns_records",
    "host.facts",
    "host.http_health",
    "host.login",
    "mysql.query_info",
]


@pytest.mark.parametrize("module", MODULES)
def test_host_needs_nothing_of_ansible(module):
    assert "run() got an unexpected keyword argument 'nobody'" in host(module, {"nobody": "takes this"}).stderr


def test_answer_is_found_among_other_words_and_whatever_the_status():
    bye = "import atexit, os; atexit.register(lambda: os.system('echo bye'))\n"
    said = host("host.http_health", {"params": PARAMS}, before=NO_ANSIBLE + bye)
    assert said.stdout.startswith("a word of the host\n")
    assert said.stdout.endswith("bye\n")
    assert _direct.answer(said.stdout) == ANSWER
    assert _direct.answer("a word of the host\n{}\n") is None


# The directory is the login user's, and the program often root's.
def test_nothing_is_imported_from_the_current_directory(tmp_path):
    for name in ("base64", "json", "zlib", "secrets", "http"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from here')\n")
    said = host("host.http_health", {"params": PARAMS}, before="", cwd=tmp_path)
    assert "imported from here" not in said.stderr
    assert _direct.answer(said.stdout) == ANSWER
