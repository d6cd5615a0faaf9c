"""What a host says of its packet filter."""

from __future__ import annotations

import errno
import socket
import struct

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.host import firewall

ACTIVE = {"ActiveState": "active", "UnitFileState": "enabled"}
DISABLED = {"ActiveState": "inactive", "UnitFileState": "disabled"}


class Kernel:
    """A socket of netlink that answers with an error, or with the generation of the rules."""

    def __init__(self, number):
        self._number = number

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        pass

    def settimeout(self, seconds):
        pass

    def send(self, question):
        assert struct.unpack_from("=I", question) == (len(question),)

    def recv(self, _size):
        kind = 2 if self._number else 10 << 8 | 15
        return struct.pack("=IHHIIi", 36, kind, 0, 1, 0, -self._number) + bytes(16)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (0, ""),
        (errno.EPERM, "it lacks the capability CAP_NET_ADMIN"),
        (errno.EINVAL, "its kernel has no nf_tables"),
        (errno.EOPNOTSUPP, "its kernel has no nf_tables"),
    ],
)
def test_kernel_says_whether_there_can_be_one(monkeypatch, number, reason):
    monkeypatch.setattr(firewall.os, "geteuid", lambda: 0)
    monkeypatch.setattr(socket, "socket", lambda *_of: Kernel(number))
    assert firewall.unable() == reason


def test_kernel_without_netfilter_has_no_such_socket(monkeypatch):
    def refuse(*_of):
        raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")

    monkeypatch.setattr(firewall.os, "geteuid", lambda: 0)
    monkeypatch.setattr(socket, "socket", refuse)
    assert firewall.unable() == "its kernel has no nf_tables"
    monkeypatch.setattr(firewall.os, "geteuid", lambda: 1000)
    assert firewall.unable() == ""


@pytest.mark.parametrize(
    ("units", "files", "found"),
    [
        ({}, {}, []),
        ({"ufw": ACTIVE}, {"/etc/ufw/ufw.conf": "# ENABLED=yes\nENABLED=no\n"}, []),
        ({"ufw": ACTIVE}, {"/etc/ufw/ufw.conf": "ENABLED=yes\n"}, ["ufw"]),
        # What a removed package leaves behind.
        ({}, {"/etc/ufw/ufw.conf": "ENABLED=yes\n"}, []),
        ({"ferm": ACTIVE}, {"/etc/default/ferm": 'ENABLED="yes"\n'}, ["ferm"]),
        (
            {"firewalld": ACTIVE, "netfilter-persistent": ACTIVE},
            {},
            ["firewalld", "netfilter-persistent"],
        ),
        ({"firewalld": DISABLED}, {}, []),
        ({"nftables": DISABLED}, {"/etc/nftables.conf": "theirs"}, []),
        ({"nftables": ACTIVE}, {"/etc/nftables.conf": "theirs"}, ["nftables"]),
        ({"nftables": ACTIVE}, {"/etc/nftables.conf": "the package's"}, []),
        ({"nftables": ACTIVE}, {}, []),
    ],
)
def test_foreign_firewalls(monkeypatch, units, files, found):
    monkeypatch.setattr(firewall, "read", lambda path: files.get(path, ""))
    monkeypatch.setattr(
        firewall.conffiles, "is_pristine", lambda _path, content: content == b"the package's"
    )
    assert firewall.foreign(units) == found


SOCKETS = """\
udp   UNCONN 0      0            0.0.0.0:68         0.0.0.0:*    users:(("dhclient",pid=5,fd=6))
udp   UNCONN 0      0            0.0.0.0:41641      0.0.0.0:*    users:(("asks",pid=5,fd=6))
udp   UNCONN 0      0            0.0.0.0:51820      0.0.0.0:*
udp   UNCONN 0      0               [::]:51820         [::]:*
udp   UNCONN 0      0      192.0.2.1%eth0:1194      0.0.0.0:*    users:(("openvpn",pid=7,fd=3))
tcp   LISTEN 0      128          0.0.0.0:22         0.0.0.0:*    users:(("sshd",pid=1,fd=3))
tcp   LISTEN 0      5                  *:8099             *:*    users:(("python3",pid=2,fd=3),("python3",pid=3,fd=3))
tcp   LISTEN 0      100        127.0.0.1:25         0.0.0.0:*    users:(("exim4",pid=4,fd=3))
tcp   LISTEN 0      100       127.0.0.53%lo:53      0.0.0.0:*    users:(("systemd-resolve",pid=4,fd=3))
tcp   LISTEN 0      100            [::1]:25            [::]:*    users:(("exim4",pid=4,fd=3))
tcp   LISTEN 0      100   [::ffff:127.0.0.1]:8005             *:*    users:(("java",pid=6,fd=3))
tcp   LISTEN 0      100   [::ffff:192.0.2.1]:8009             *:*    users:(("java",pid=6,fd=4))
tcp   LISTEN 0      70                 *:33060            *:*    users:(("mysqld",pid=8,fd=3))
tcp   LISTEN 0      100             [::]:111           [::]:*    users:(("rpcbind",pid=9,fd=3),("systemd",pid=1,fd=9))
"""  # noqa: E501


def test_programs_that_listen_for_others():
    assert firewall.listening(SOCKETS) == {
        "51820/udp": "",
        "1194/udp": "openvpn",
        "22/tcp": "sshd",
        "8099/tcp": "python3",
        "8009/tcp": "java",
        "33060/tcp": "mysqld",
        "111/tcp": "rpcbind",
    }


def test_published_ports_are_those_that_others_reach():
    listing = (
        "shop 0.0.0.0:8080->80/tcp, "
        "[::]:8080->80/tcp\ninner 127.0.0.1:5432->5432/tcp\nquiet 6379/tcp\nnone \n"
    )
    assert firewall.published(listing) == ["shop 0.0.0.0:8080->80/tcp", "shop [::]:8080->80/tcp"]
