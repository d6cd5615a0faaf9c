"""What the role keepalived writes, and what its scripts do."""

from __future__ import annotations

import http.server
import pathlib
import re
import socket
import subprocess
import threading

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import make
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import keepalived

ROLE = pathlib.Path(__file__).parents[4] / "roles/keepalived"
NETWORKS = {"eth0": ["203.0.113.0/24", "2001:db8::/64"], "eth1": ["10.0.0.0/8", "fd00::/8"]}
GIVEN = {
    "addresses": ["203.0.113.5"],
    "hosts": ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
    "host": "10.0.0.2",
}


def render(name, own=None, **given):
    """Return a file that the role writes on a host, by these inputs;
    ``own``: variables of the role's in the place of its own.
    """
    loader = DataLoader()
    variables = {
        **make.defaults("keepalived"),
        **loader.load_from_file(str(ROLE / "vars/main.yml"), trusted_as_template=True),
    }
    facts = {"networks": NETWORKS, "packages": [], "running": [], "made": []}
    inputs = {f"keepalived_{key}": value for key, value in {**GIVEN, **given}.items()}
    variables |= {
        "ansible_managed": "Ansible",
        "ansible_facts": {"foobar_lamp": facts},
        **inputs,
        **(own or {}),
    }
    return Templar(loader=loader, variables=variables).template(
        trust_as_template((ROLE / "templates" / name).read_text())
    )


def block(text, name):
    """Return the lines of a block of keepalived.conf."""
    (found,) = re.findall(rf"^( *){name} \{{\n(.*?)^\1\}}", text, re.MULTILINE | re.DOTALL)
    return [line.strip() for line in found[1].splitlines()]


@pytest.mark.parametrize(
    ("host", "priority", "peers"),
    [
        ("10.0.0.1", 250, ["10.0.0.2", "10.0.0.3"]),
        ("10.0.0.2", 240, ["10.0.0.1", "10.0.0.3"]),
        ("10.0.0.3", 230, ["10.0.0.1", "10.0.0.2"]),
    ],
)
def test_each_host_has_a_priority_of_its_own_and_the_others_as_peers(host, priority, peers):
    text = render("keepalived.conf.j2", host=host)
    assert block(text, "vrrp_instance lamp")[:7] == [
        "state BACKUP",
        "nopreempt",
        "interface eth1",
        "virtual_router_id 51",
        f"priority {priority}",
        "advert_int 0.25",
        f"unicast_src_ip {host}",
    ]
    assert block(text, "unicast_peer") == peers


def test_address_goes_to_the_interface_of_its_network_which_has_to_be_up():
    text = render("keepalived.conf.j2")
    assert block(text, "virtual_ipaddress") == ["203.0.113.5/32 dev eth0"]
    assert block(text, "track_interface") == ["eth0"]
    text = render("keepalived.conf.j2", addresses=["10.0.0.9/8"])
    assert block(text, "virtual_ipaddress") == ["10.0.0.9/8 dev eth1"]
    assert "track_interface" not in text
    # In no network: beside the host's own address; or where the inventory wants it.
    assert block(render("keepalived.conf.j2", addresses=["198.51.100.5"]), "virtual_ipaddress") == [
        "198.51.100.5/32 dev eth1"
    ]
    text = render("keepalived.conf.j2", interface="bond0")
    assert block(text, "virtual_ipaddress") == ["203.0.113.5/32 dev bond0"]
    assert "interface bond0" in block(text, "vrrp_instance lamp")


def test_addresses_of_both_families_move_together():
    both = ["2001:db8::5", "203.0.113.5"]
    text = render("keepalived.conf.j2", addresses=both)
    assert text.count("vrrp_instance") == 1
    assert block(text, "virtual_ipaddress") == ["203.0.113.5/32 dev eth0"]
    assert block(text, "virtual_ipaddress_excluded") == ["2001:db8::5/128 dev eth0 preferred_lft 0"]
    text = render(
        "keepalived.conf.j2",
        addresses=["2001:db8::5/64", "203.0.113.5"],
        hosts=["fd00::1", "fd00::2"],
        host="fd00::1",
    )
    assert block(text, "virtual_ipaddress") == ["2001:db8::5/64 dev eth0 preferred_lft 0"]
    assert block(text, "virtual_ipaddress_excluded") == ["203.0.113.5/32 dev eth0"]
    assert "excluded" not in render("keepalived.conf.j2")


def test_host_on_which_the_page_fails_is_out_of_it_whatever_the_priorities():
    text = render("keepalived.conf.j2", check={"port": 8404})
    lines = block(text, "vrrp_script works")
    assert "script /etc/keepalived/lamp-check" in lines and "weight 0" in lines
    assert block(text, "track_script") == ["works"]
    assert "script works" not in render("keepalived.conf.j2")


def test_service_that_ends_has_keepalived_leave_at_once():
    (line,) = [line for line in render("give_up.conf.j2").splitlines() if line.startswith("Exec")]
    # By the whole of root's rights, whatever the service may; and without waiting for the service
    # that waits for it.
    assert line == "ExecStopPost=-+/usr/bin/systemctl --no-block try-restart keepalived.service"


def test_settings_of_the_inventory_win_and_null_takes_one_away():
    text = render(
        "keepalived.conf.j2",
        settings={"virtual_router_id": 7, "nopreempt": None, "preempt_delay": 300},
    )
    lines = block(text, "vrrp_instance lamp")
    assert "virtual_router_id 7" in lines and "preempt_delay 300" in lines
    assert "nopreempt" not in lines and "virtual_router_id 51" not in lines
    assert "Restart=no" in render("confine.conf.j2", confinement={"Restart": False}).splitlines()


class Page(http.server.BaseHTTPRequestHandler):
    """Answers as haproxy does, in as few words."""

    def do_GET(self):
        self.send_response(200 if self.path == "/monitor" else 404)
        self.end_headers()

    def log_message(self, *_words):
        pass


@pytest.fixture
def listening():
    """Return the port of a server with a page."""
    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def checked(port, path):
    script = render("check.sh.j2", check={"port": port, "path": path})
    done = subprocess.run(
        ["bash"], input=script, capture_output=True, text=True, check=False, timeout=10
    )
    assert done.stdout + done.stderr == ""
    return done.returncode == 0


@pytest.mark.parametrize(("path", "works"), [("/monitor", True), ("/else", False)])
def test_page_is_asked_whether_the_host_works(listening, path, works):
    assert checked(listening, path) == works


def test_server_that_is_gone_or_hangs_does_not_work():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert not checked(port, "/monitor")
        server.listen()
        assert not checked(port, "/monitor")


COMMAND = ["attach", "--token", 'it\'s "s e c r e t" $HOME', "--to"]


SYSTEMCTL = """#!/bin/sh
verb=$1; shift 2
for unit; do
    address=${{unit#lamp-address@}}
    case $verb in
        restart) {0}/lamp-command "${{address%.service}}" ;;
        stop) echo "${{address%.service}}" >> {0}/stopped ;;
    esac
done
"""


@pytest.fixture
def notified(tmp_path, monkeypatch):
    """Return a function that tells the script of a change.

    Beside it stands what would have systemd run a command, and runs it itself.
    """
    (tmp_path / "attach").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/attached\n')
    (tmp_path / "systemctl").write_text(SYSTEMCTL.format(tmp_path))
    for name in ("attach", "systemctl"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    own = {"__keepalived_run": str(tmp_path), "__keepalived_dir": str(tmp_path)}

    def tell(state, **given):
        script = tmp_path / "lamp-command"
        script.write_text(render("command.sh.j2", own, **given))
        script.chmod(0o700)
        subprocess.run(
            ["sh", "-s", "INSTANCE", "lamp", state, "250"],
            input=render("notify.sh.j2", own, **given),
            text=True,
            check=True,
        )
        return (tmp_path / "state").read_text()

    return tell


def test_who_holds_the_addresses_is_written_down(notified):
    for state in ("BACKUP", "MASTER", "FAULT"):
        assert notified(state) == f"{state}\n"


def test_command_is_run_word_by_word_for_each_address_where_this_host_begins_to_hold_them(
    notified, tmp_path
):
    given = {"addresses": ["203.0.113.5/24", "2001:db8::5"], "command": COMMAND}
    for state in ("BACKUP", "FAULT"):
        notified(state, **given)
        assert not (tmp_path / "attached").exists()
        # One that an earlier move began, and that goes on trying.
        assert (tmp_path / "stopped").read_text().split() == ["203.0.113.5", "2001:db8::5"]
        (tmp_path / "stopped").unlink()
    notified("MASTER", **given)
    assert not (tmp_path / "stopped").exists()
    assert (tmp_path / "attached").read_text().splitlines() == [
        *COMMAND[1:],
        "203.0.113.5",
        *COMMAND[1:],
        "2001:db8::5",
    ]


def test_words_of_the_command_stand_in_the_file_of_roots_alone():
    for name in (
        "keepalived.conf.j2",
        "check.sh.j2",
        "notify.sh.j2",
        "command.service.j2",
        "confine.conf.j2",
    ):
        assert "s e c r e t" not in render(name, command=COMMAND, check={"port": 80})


@pytest.mark.parametrize(
    ("holds", "order"),
    [
        ({"b": True}, ["a", "c", "b"]),
        ({}, ["a", "b", "c"]),
        ({"a": True, "b": False}, ["b", "c", "a"]),
    ],
)
def test_host_that_holds_the_addresses_comes_last(holds, order):
    hostvars = {
        name: {"ansible_facts": {"foobar_lamp": {"holds": value}}} for name, value in holds.items()
    }
    assert keepalived.holder_last(["a", "b", "c"], hostvars) == order
    assert keepalived.holder_last(["a", "b", "c"], {"a": {}, "b": {"ansible_facts": {}}}) == [
        "a",
        "b",
        "c",
    ]
