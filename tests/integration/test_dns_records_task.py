"""The task dns_records, as a playbook has it: through the connection's pipe, and by the module."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

COLLECTIONS = pathlib.Path(__file__).parents[2] / ".cache" / "collections"
WWW = {"name": "www", "type": "A", "values": ["192.0.2.1"]}


@pytest.fixture(params=["pipe", "module"])
def task(request, bind, tmp_path):
    """Return ``task(records, module="dns_records", **options)``:
    the result of the task against a BIND, which ``task.server`` is.
    """

    def task(records=None, module="dns_records", **options):
        arguments = {
            "zone": "foobar.com",
            "port": bind.port,
            "key_file": str(bind.key_file),
            "timeout": 3,
            **options,
        }
        if records is not None:
            arguments["records"] = records
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {
                "ansible_python_interpreter": sys.executable,
                "ansible_pipelining": request.param == "pipe",
            },
            "tasks": [
                {f"foobar.lamp.{module}": arguments, "register": "result", "ignore_errors": True},
                {
                    "ansible.builtin.copy": {
                        "content": "{{ result | to_json }}",
                        "dest": str(tmp_path / "result"),
                        "mode": "0600",
                    }
                },
            ],
        }
        # Written as people do: a text without quotes where YAML lets them.
        text = re.sub(r"'yaml: (.*?)'", r"\1", yaml.safe_dump([play], width=1000))
        (tmp_path / "play.yml").write_text(text)
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "PYTHONPATH": str(COLLECTIONS),
        }
        command = ["ansible-playbook", "-i", "localhost,", "-vvv", "play.yml"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert bind.secret not in done.stdout
        result = json.loads((tmp_path / "result").read_text())
        if "serial" in result:
            assert (f"{sys.executable} - foobar.lamp.dns_records" in done.stdout) == (
                request.param == "pipe"
            )
        return result

    task.server = bind
    return task


@pytest.mark.parametrize(
    ("written", "read"),
    [("10.20", "10.2"), ("no", "false"), ("010", "8"), ("2026-11-27", "2026-11-27")],
)
def test_name_that_yaml_reads_as_something_else_is_refused(task, written, read):
    result = task([WWW, {**WWW, "name": f"yaml: {written}"}])
    assert f"records[1].name is {read}, " in result["msg"]
    assert "put it in quotes" in result["msg"]
    assert task.server.ask("www.foobar.com", "A") == []
    assert task([{**WWW, "name": written}])["changed"]
    assert task.server.ask(f"{written}.foobar.com", "A") == ["192.0.2.1"]


def test_zone_that_yaml_reads_as_something_else_is_refused(task):
    for module in ("dns_records", "dns_records_info"):
        assert task(module=module, zone="yaml: 10.20")["msg"].startswith(
            "zone is 10.2, a number where a text is wanted: put it in quotes"
        )


def test_text_with_commas_is_one_value(task):
    text = "v=DMARC1; rua=mailto:a@example.com,mailto:b@example.com"
    assert task([{"name": "_dmarc", "type": "TXT", "values": text}])["changed"]
    assert task.server.ask("_dmarc.foobar.com", "TXT") == [f'"{text}"']


def test_what_is_likely_not_meant_is_done_and_a_warning(task):
    records = [
        {"name": "shop", "type": "CNAME", "values": ["shops.example.net"]},
        {"name": "copied", "type": "TXT", "values": [r"v=DMARC1\; p=none"]},
        {"name": "prod", "type": "CNAME", "values": ["www.eu"]},
        {**WWW, "name": "www.eu"},
    ]
    for changed in (True, False):
        result = task(records)
        assert result["changed"] == changed
        leads, copied = result["warnings"]
        assert leads.startswith("records[0] (shop CNAME) leads to shops.example.net.foobar.com.")
        assert copied.startswith("records[1] (copied TXT) has the value")
    assert task.server.ask("shop.foobar.com", "CNAME") == ["shops.example.net.foobar.com."]
    assert task.server.ask("copied.foobar.com", "TXT") == [r'"v=DMARC1\\; p=none"']


def test_target_that_the_server_refuses_comes_with_the_reason(task):
    """BIND refuses an MX that leads to a name of the zone without an address."""
    result = task([{"name": "@", "type": "MX", "values": ["10 mail.foobar.com"]}])
    assert "REFUSED" in result["msg"]
    assert result["warnings"][0].startswith(
        "records[0] (@ MX) leads to mail.foobar.com.foobar.com."
    )


def test_warning_is_none_where_the_zone_has_the_name(task):
    assert task([{**WWW, "name": "www.eu"}])["changed"]
    assert "warnings" not in task([{"name": "alias", "type": "CNAME", "values": ["www.eu"]}])
