"""What is sent to a host runs there with nothing of Ansible."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils import _direct

#: Whoever imports Ansible after this fails.
NO_ANSIBLE = "import sys; sys.modules['ansible'] = None; print('a word of the host')\n"


def host(module, arguments):
    """Run the program as a host would."""
    program = NO_ANSIBLE + _direct.program(module, arguments)
    return subprocess.run([sys.executable, "-I", "-"], input=program, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", ["_config_tree_converge", "_dns_records", "_host_facts", "_http_health", "_mysql_query_info"])
def test_host_needs_nothing_of_ansible(module):
    assert "run() got an unexpected keyword argument 'nobody'" in host(module, {"nobody": "takes this"}).stderr


def test_answer_is_the_last_line():
    params = {"pages": [{"name": "shop", "host": None, "path": "/", "headers": {}}], "address": "127.0.0.1", "port": 1, "timeout": 0}
    said = host("_http_health", {"params": params}).stdout
    assert said.startswith("a word of the host\n")
    assert said.endswith('\n{"changed": false, "ill": {"shop": "does not answer ([Errno 111] Connection refused)"}}\n')
