# Made by Ansible.
"""The unit's reload: has haproxy read its configuration, and ends when it works by that; or fails.

The argument is its master process. What is known of the servers goes along: which of them work, and
which get no visitors. Without that, a new process takes all of them for well until it has asked
each twice. What has another address or port now is not the same server.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

CONFIG = "/etc/haproxy/haproxy.cfg"
SOCKET = "/run/lamp-haproxy/admin.sock"
STATE = "/run/lamp-haproxy/servers"
# Seconds: until a process that has not heard is told again, and until it is given up.
AGAIN, LONGEST = 1, 30
# What haproxy tells itself where it goes on as it was.
WAITS = b"HAPROXY_MWORKER_WAIT_ONLY="


def servers(config):
    """Return what the running process says of those servers that the configuration still has."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(5)
        stream.connect(SOCKET)
        stream.sendall(b"show servers state\n")
        version, names, *lines = (
            b"".join(iter(lambda: stream.recv(65536), b"")).decode().splitlines()
        )
    columns = names.lstrip("# ").split()
    declared = {
        tuple(line.split()[1:3]) for line in config.splitlines() if line.split()[:1] == ["server"]
    }
    kept = [
        line
        for line in lines
        if line and _place(dict(zip(columns, line.split(), strict=False))) in declared
    ]
    return "\n".join([version, names, *kept, ""])


def _place(said):
    address = f"[{said['srv_addr']}]" if ":" in said["srv_addr"] else said["srv_addr"]
    return said["srv_name"], f"{address}:{said['srv_port']}"


def children(master):
    """Return the processes of the master."""
    with open(f"/proc/{master}/task/{master}/children", encoding="ascii") as file:
        return set(file.read().split())


def environment(master):
    """Return the environment of the master,
    which begins anew to read its configuration, with another.
    """
    with open(f"/proc/{master}/environ", "rb") as file:
        return file.read()


def main(master):
    """Reload."""
    # Its option -q would keep what is wrong from the journal, too.
    wrong = subprocess.run(
        ["haproxy", "-c", "-f", CONFIG], stdout=subprocess.DEVNULL, check=False
    ).returncode
    if wrong:
        return wrong
    with open(CONFIG, encoding="utf-8") as file:
        config = file.read()
    # A process that does not answer is not kept for that.
    with contextlib.suppress(OSError, ValueError):
        said = servers(config)
        with open(f"{STATE}.new", "w", encoding="utf-8") as file:
            file.write(said)
        os.replace(f"{STATE}.new", STATE)
    workers, began, due = children(master), environment(master), time.monotonic()
    end = due + LONGEST
    while time.monotonic() < end:
        if children(master) - workers:
            return 0
        now = environment(master)
        if now != began and WAITS in now:
            break
        # A signal is lost that comes while the master is about to wait for some.
        if now == began and time.monotonic() >= due:
            os.kill(master, signal.SIGUSR2)
            due += AGAIN
        time.sleep(0.02)
    sys.stderr.write("haproxy goes on with its old configuration\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
