"""What the role database_proxy has haproxy do."""

from __future__ import annotations

import pathlib

import pytest
from ansible.template import Templar, trust_as_template
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import make

TEMPLATE = pathlib.Path(__file__).parents[4] / "roles/database_proxy/templates/haproxy.cfg.j2"


def render(*addresses):
    """Return the configuration for servers at these addresses."""
    servers = [{"name": f"db{n}", "address": one} for n, one in enumerate(addresses, 1)]
    given = {
        **make.defaults("database_proxy"),
        "ansible_managed": "Ansible",
        "database_proxy_servers": servers,
    }
    return Templar(variables=given).template(trust_as_template(TEMPLATE.read_text()))


@pytest.mark.parametrize(
    ("address", "place"), [("192.0.2.1", "192.0.2.1:3306"), ("2001:db8::1", "[2001:db8::1]:3306")]
)
def test_the_one_that_is_left_is_led_to_and_not_asked(address, place):
    text = render(address)
    lines = [line.strip() for line in text.splitlines()]
    assert [line for line in lines if line.startswith("server ")] == [
        f"server db1 {place} tcp-ut 3s"
    ]
    assert "httpchk" not in text


def test_of_several_that_one_is_led_to_which_says_that_it_writes():
    lines = [
        line.split()
        for line in render("192.0.2.1", "192.0.2.2", "192.0.2.3").splitlines()
        if line.strip().startswith("server ")
    ]
    assert [line[1] for line in lines] == ["db1", "db2", "db3", "it", "it", "it"]
    assert ["agent-check" in line for line in lines] == [True] * 3 + [False] * 3
    assert [line[2] for line in lines[3:]] == [f"192.0.2.{n}:3306" for n in (1, 2, 3)]
