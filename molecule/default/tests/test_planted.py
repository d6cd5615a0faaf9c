"""Root steps into no trap that the user of a service can set: no link is followed, no file of
root's is changed or shown.
"""

from __future__ import annotations

import pathlib

import pytest
from support.plays import play
from support.web import SERVICE

from .visitors import INVENTORY, address_of

PLANT = pathlib.Path(__file__).with_name("plant.py")
SERVICES = {
    "bind": "named",
    "mysql": "mariadb",
    "www-data": SERVICE,
    "app-www-foobar-com": "'app-www.foobar.com@*'",
}


def _hosts():
    return [INVENTORY.get_host(name) for name in INVENTORY.get_hosts("lamp")]


def _plant(host, *words):
    """Run plant.py on a host; returns what it prints, line by line."""
    done = host.run(f"python3 - {' '.join(words)} <<'PROGRAM'\n{PLANT.read_text()}\nPROGRAM")
    assert done.succeeded, done.stderr
    return done.stdout.splitlines()


def _users(host, way):
    # A server whose own files are gone ends: what stands in their place then, a restore meets.
    return [
        user
        for user in SERVICES
        if host.user(user).exists and not (user == "mysql" and way != "beside")
    ]


@pytest.fixture
def planted(request, name_server, browser):
    """Plant traps in the way of the parameter on all hosts; put everything back after."""
    way, traps = request.param, 0
    # What a host has and does not run stays at rest.
    running = [
        (
            host,
            users,
            " ".join(
                SERVICES[user]
                for user in users
                if host.run(f"systemctl is-active {SERVICES[user]}").succeeded
            ),
        )
        for host in _hosts()
        if (users := _users(host, way))
    ]
    try:
        for host, users, _services in running:
            traps += int(_plant(host, "plant", way, *users)[0])
        assert traps
        yield way
    finally:
        for host, _users_of_it, services in running:
            _plant(host, "clear")
            if services:
                # One that waits for a pipe would be waited for, in vain.
                host.run(f"systemctl kill --signal=KILL {services}" if way == "fifo" else "true")
                host.run(f"systemctl restart {services}")
    # What the run made besides, it takes away again.
    name_server.run("rm -f /var/lib/bind/fresh.example.zone*")
    done = play("site")
    assert done.returncode == 0, done.stdout[-3000:]
    assert browser.get("/healthz").status == 200


# Root does the same on all hosts, whatever programs a version of Debian brings: where it is asked
# again, the way that the kernel leaves to everybody will do.
@pytest.mark.parametrize(
    "planted",
    [
        # Hosts apart do what the one host does, and of a secondary the scenario "bind" shows it.
        pytest.param("symlink", marks=pytest.mark.only("12", "13")),
        *(
            pytest.param(way, marks=pytest.mark.only("13"))
            for way in ("beside", "hardlink", "fifo")
        ),
    ],
    indirect=True,
)
def test_root_steps_into_no_trap(planted, name_server, name_servers):
    server = {"name": "ns1.foobar.com", "addresses": [address_of(name_server)]}
    zones = [
        {"name": "foobar.com", "nameservers": [server], "update_key": "lamp"},
        {"name": "fresh.example", "nameservers": [server]},
    ]
    # What is given on the command line is every host's: a secondary would take these for its own.
    more = {"bind_zones": zones} if len(name_servers) == 1 else {}
    site = play("site", mysql_settings={"mysqld": {"max_connections": 77}}, **more)
    backup, drill = play("backup"), play("backup_drill")
    for host in _hosts():
        if _users(host, planted):
            assert _plant(host, "look") == []
    if planted == "beside":
        for done in (site, backup, drill):
            assert done.returncode == 0, done.stdout[-3000:]
