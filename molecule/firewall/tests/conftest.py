"""The hosts of the scenario: those of the site, to which the tests come by SSH, and a stranger."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml
from support import plays
from support.containers import run

WEB, DB, STRANGER = (f"lamp-firewall-{name}" for name in ("web", "db", "stranger"))
#: Tries to connect to ports of addresses, all at once, and says which answer: by letting in, or by
#: refusing.
SCAN = """
import errno, json, selectors, socket, sys, time
targets, seconds = json.loads(sys.argv[1]), float(sys.argv[2])
waiting, found = selectors.DefaultSelector(), []
for address, port in targets:
    one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    one.setblocking(False)
    one.connect_ex((address, port))
    waiting.register(one, selectors.EVENT_WRITE, (address, port))
end = time.monotonic() + seconds
while waiting.get_map() and (left := end - time.monotonic()) > 0:
    for key, _events in waiting.select(left):
        said = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if said in (0, errno.ECONNREFUSED):
            found.append(key.data)
        elif said not in (errno.ETIMEDOUT, errno.EHOSTUNREACH):
            sys.exit(f"{key.data}: {errno.errorcode[said]}")
        waiting.unregister(key.fileobj)
        key.fileobj.close()
print(json.dumps(found))
"""


def addresses(host):
    """Return the addresses of a host, IPv4 and IPv6."""
    shown = (
        "{{ range .NetworkSettings.Networks }}{{ .IPAddress }} {{ .GlobalIPv6Address }} {{ end }}"
    )
    return run("docker", "inspect", "--format", shown, host, check=True).stdout.split()


def scan(from_host, targets, seconds=3):
    """Return those of ``targets``, pairs of an address and a port,
    that answer when a host asks for them by TCP.
    """
    command = [
        "docker",
        "exec",
        "-i",
        from_host,
        "python3",
        "-c",
        SCAN,
        json.dumps(targets),
        str(seconds),
    ]
    done = run(*command)
    assert done.returncode == 0, done.stderr
    return {tuple(one) for one in json.loads(done.stdout)}


def table(host, *of):
    """Return the rules of a table as a host lists them, without what changes with the packets;
    our table by default.
    """
    done = run(
        "docker",
        "exec",
        host,
        "nft",
        "--stateless",
        "--terse",
        "list",
        "table",
        *(of or ("inet", "foobar_lamp")),
    )
    return done.stdout


def _inventory(name, given=None, **more):
    """Return a file that says more of the hosts than Molecule's:
    their addresses, so that a run may be about one of them.

    ``given``: inputs of the role.
    """
    file = plays.ephemeral() / f"{name}.yml"
    hosts = {
        host: {
            "lamp_address": addresses(host),
            **{key: value(host) for key, value in more.items()},
            **(given or {}),
        }
        for host in (WEB, DB)
    }
    file.write_text(yaml.safe_dump({"lamp": {"hosts": hosts}}))
    return ["--inventory", str(file), "--tags", "firewall"]


def _play(name, **more):
    """Return ``play(host, *options, **variables)``, which runs the play of the firewall.

    Inputs of the role stand in the inventory.
    """

    def play(host, *options, **variables):
        given = {key: variables.pop(key) for key in list(variables) if key.startswith("firewall_")}
        return plays.play(
            "site", *_inventory(name, given, **more), "--limit", host, *options, **variables
        )

    return play


@pytest.fixture(scope="session")
def ssh():
    """Return the variables by which Ansible comes to the hosts by SSH."""
    options = (
        f"-i {plays.ephemeral()}/key -o StrictHostKeyChecking=no "
        f"-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    )
    return {
        "ansible_connection": lambda _host: "ssh",
        "ansible_user": lambda _host: "root",
        "ansible_host": lambda host: addresses(host)[0],
        "ansible_ssh_args": lambda _host: f"{options} -o ControlMaster=auto -o ControlPersist=60s",
    }


@pytest.fixture(scope="session")
def firewall(ssh):
    """Return what runs the play of the firewall on a host by SSH."""
    return _play("ssh", **ssh)


@pytest.fixture(scope="session")
def firewall_by_docker():
    """Return the same for a run that does not come by SSH."""
    return _play("docker")


@pytest.fixture(scope="session")
def begun(ssh):
    """Return what starts a run by SSH and does not wait for it."""

    def start(host, **variables):
        words = plays.command("site", *_inventory("ssh", **ssh), "--limit", host, **variables)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(words, cwd=plays.ROOT, env=plays.ENVIRONMENT, text=True, **pipes)

    return start
