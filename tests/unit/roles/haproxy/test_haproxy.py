"""What the role haproxy writes, and what it hands on from one process to the next."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading

import pytest
import support.haproxy
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import haproxy

TLS = {"chain": "/etc/x/chain.pem", "key": "/etc/x/key.pem", "trusted_file": "/etc/x/trusted"}
SERVERS = [
    {"name": "one", "address": "192.0.2.1"},
    {"name": "two", "address": "2001:DB8:0::2", "port": 8080},
]
SITES = [{"name": "www.foobar.com", "aliases": ["Foobar.com"], "tls": TLS}]
DEFAULT = {"chain": "/etc/x/default.pem", "key": "/etc/x/default.key"}


def render(name, version="13", **given):
    """Return a file that the role writes on a host, by these inputs."""
    return support.haproxy.render(name, version, **{"servers": SERVERS, **given})


def section(text, name):
    """Return the lines of a section of haproxy.cfg."""
    (found,) = re.findall(rf"^{name}\n((?:(?:    |#).*\n|\n)*)", text, re.MULTILINE)
    return [
        line.strip()
        for line in found.splitlines()
        if line.startswith("    ") and not line.strip().startswith("#")
    ]


def test_servers_are_told_by_address_and_port():
    text = render("haproxy.cfg.j2")
    assert section(text, "backend web")[-2:] == [
        "server one 192.0.2.1:80 tcp-ut 2s check",
        "server two [2001:db8::2]:8080 tcp-ut 2s check",
    ]
    assert section(text, "backend once")[-2:] == [
        "server one 192.0.2.1:80 tcp-ut 2s track web/one",
        "server two [2001:db8::2]:8080 tcp-ut 2s track web/two",
    ]
    assert section(text, "backend unchecked")[-2:] == [
        "server one 192.0.2.1:80 tcp-ut 2s",
        "server two [2001:db8::2]:8080 tcp-ut 2s",
    ]


def test_what_changes_something_is_sent_once():
    text = render("haproxy.cfg.j2")
    assert section(text, "frontend visitors")[-3:] == [
        "use_backend unchecked if { nbsrv(web) eq 0 }",
        "use_backend web if { method GET HEAD OPTIONS }",
        "default_backend once",
    ]
    assert "retry-on conn-failure empty-response response-timeout 502 503" in section(
        text, "backend web"
    )
    assert not any(
        line.startswith("retry-on")
        for name in ("once", "unchecked")
        for line in section(text, f"backend {name}")
    )


@pytest.mark.parametrize(
    ("check", "sites", "sent"),
    [
        (
            {"host": "a.com"},
            [],
            "meth GET uri / ver HTTP/1.1 hdr Host a.com hdr User-Agent haproxy",
        ),
        (
            {"host": "a.com", "path": "/health"},
            SITES,
            (
                "meth GET uri /health ver HTTP/1.1 hdr Host a.com hdr User-Agent haproxy hdr "
                "X-Forwarded-Proto https"
            ),
        ),
    ],
)
def test_health_is_asked_for_as_a_visitor_of_the_site_would(check, sites, sent):
    lines = section(render("haproxy.cfg.j2", check=check, sites=sites), "backend web")
    assert f"http-check send {sent}" in lines
    assert "http-check expect status 200-399" in lines


def test_server_that_hangs_is_noticed_within_2_3_seconds():
    text = render("haproxy.cfg.j2")
    seconds = {"s": 1, "ms": 0.001}
    (server,) = [
        line for line in section(text, "backend web") if line.startswith("default-server ")
    ]
    words = f"{server} {' '.join(section(text, 'defaults'))}"
    inter, fastinter, check = (
        int(number) * seconds[unit]
        for name in ("inter", "fastinter", "timeout check")
        for number, unit in re.findall(rf"\b{name} (\d+)(m?s)", words)
    )
    assert " fall 2 " in server
    assert inter + check + fastinter + check <= 2.3
    # Not in less time than a busy host takes for a page.
    assert check >= 0.7


def test_word_of_a_visitor_on_himself_is_removed_before_anything_is_set():
    lines = section(render("haproxy.cfg.j2"), "frontend visitors")
    at = lines.index("http-request del-header X-Forwarded- -m beg")
    assert lines[at + 1 : at + 7] == [
        "http-request del-header Forwarded",
        "http-request del-header X-Real-IP",
        "http-request del-header X-Remote-User",
        "http-request set-header X-Forwarded-By %[hostname]",
        "http-request set-header X-Forwarded-For %[src]",
        "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]",
    ]


def test_without_a_certificate_there_is_nothing_of_tls():
    text = render("haproxy.cfg.j2")
    assert [line for line in section(text, "frontend visitors") if line.startswith("bind")] == [
        "bind *:80",
        "bind [::]:80 v6only",
    ]
    assert not re.search("ssl-default|lua|redirect|Strict|Set-Cookie", text)
    assert "bind [::]" not in render("haproxy.cfg.j2", ipv6=False)


@pytest.mark.parametrize(
    ("version", "curves"),
    [("12", "X25519:prime256v1:secp384r1"), ("13", "X25519MLKEM768:X25519:prime256v1:secp384r1")],
)
def test_tls_is_that_of_the_web_servers(version, curves):
    text = render("haproxy.cfg.j2", version, sites=SITES, tls_listen=[8443], ipv6=False)
    lines = section(text, "global")
    assert f"ssl-default-bind-curves {curves}" in lines
    assert (
        "ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets prefer-client-ciphers" in lines
    )
    (ciphers,) = (line.split()[1] for line in lines if line.startswith("ssl-default-bind-ciphers"))
    assert all(
        re.fullmatch("ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)", one)
        for one in ciphers.split(":")
    )
    assert "bind *:8443 ssl crt-list /etc/haproxy/certificates.list alpn h2,http/1.1" in section(
        text, "frontend visitors"
    )
    assert "location https://%[var(txn.led)]:8443%[pathq]" in text


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"sites": SITES}, ["www.foobar.com"]),
        ({"sites": SITES, "default_tls": DEFAULT}, ["_default", "www.foobar.com"]),
        # The default site has one of its own.
        (
            {
                "sites": [{"name": "a.com", "tls": TLS}, *SITES],
                "default_tls": DEFAULT,
                "default_site": "www.foobar.com",
            },
            ["www.foobar.com", "a.com"],
        ),
        (
            {"sites": [{"name": "a.com"}, *SITES], "default_tls": DEFAULT, "default_site": "a.com"},
            ["_default", "www.foobar.com"],
        ),
    ],
)
def test_names_that_nobody_has_get_the_first_certificate(given, names):
    assert render("certificates.list.j2", **given).split() == [
        f"/etc/haproxy/certificates/{name}.pem" for name in names
    ]


@pytest.mark.parametrize(
    ("tls", "default", "call"),
    [
        (
            TLS,
            "",
            'site("/etc/x/trusted", {"www.foobar.com", "foobar.com"}, true, "15552000", false)',
        ),
        (
            {**TLS, "hsts": 0, "trusted_file": ""},
            "",
            'site("", {"www.foobar.com", "foobar.com"}, true, "", false)',
        ),
        (
            {**TLS, "redirect": False},
            "www.foobar.com",
            'site("/etc/x/trusted", {"www.foobar.com", "foobar.com"}, false, "15552000", true)',
        ),
    ],
)
def test_who_is_led_to_https(tls, default, call):
    assert (
        call
        in render(
            "sites.lua.j2",
            sites=[{**SITES[0], "tls": tls}, {"name": "b.com"}],
            default_site=default,
        ).splitlines()
    )


def test_sites_that_ask_for_it_keep_a_visitor_on_one_server():
    text = render(
        "haproxy.cfg.j2",
        sites=[{"name": "Shop.com", "aliases": ["www.shop.com"], "sticky": True}, *SITES],
    )
    for name in ("web", "once", "unchecked"):
        lines = section(text, f"backend {name}")
        assert lines[:4] == [
            "cookie lamp-host insert indirect nocache httponly",
            "acl stays req.hdr(host),host_only,lower,rtrim(.) -m str shop.com",
            "acl stays req.hdr(host),host_only,lower,rtrim(.) -m str www.shop.com",
            "ignore-persist unless stays",
        ]
        # All balancers call a server the same, whatever its address, and visitors see no name of a
        # host.
        cookies = [
            re.search(r" cookie ([0-9a-f]{8})\b", line)[1]
            for line in lines
            if line.startswith("server ")
        ]
        assert cookies == ["7692c3ad", "3fc4ccfe"]
    assert "default_backend once" in section(text, "frontend visitors")
    assert "cookie" not in render("haproxy.cfg.j2", sites=SITES).replace("Set-Cookie", "").replace(
        "# Neither is a cookie", ""
    )


def test_http_3_is_beside_https_and_told_there():
    text = render("haproxy.cfg.j2", sites=SITES, tls_listen=[8443], http3=True)
    assert {"limited-quic", "setcap cap_net_bind_service"} <= set(section(text, "global"))
    lines = section(text, "frontend visitors")
    assert [line for line in lines if "quic" in line] == [
        "bind quic4@*:8443 ssl crt-list /etc/haproxy/certificates.list alpn h3",
        "bind quic6@[::]:8443 v6only ssl crt-list /etc/haproxy/certificates.list alpn h3",
    ]
    assert (
        """http-after-response set-header Alt-Svc 'h3=":%[dst_port]"; ma=86400' if { ssl_fc }"""
        in lines
    )
    for given in ({"sites": SITES}, {"http3": True}):
        assert not re.search("quic|Alt-Svc|setcap", render("haproxy.cfg.j2", **given))


def test_haproxy_says_on_the_host_itself_whether_it_works():
    lines = section(render("haproxy.cfg.j2", status_port=9000), "frontend status")
    assert lines[:2] == ["bind 127.0.0.1:9000", "monitor-uri /monitor"]


def test_settings_of_the_inventory_win_and_null_takes_one_away():
    text = render(
        "haproxy.cfg.j2",
        settings={"balance": "roundrobin", "option httplog": None},
        **{"global": {"maxconn": 7, "nbthread": [4]}},
    )
    assert {"maxconn 7", "nbthread 4"} <= set(section(text, "global"))
    lines = section(text, "defaults")
    assert (
        "balance roundrobin" in lines
        and "option httplog" not in lines
        and "balance leastconn" not in lines
    )
    assert "LimitNOFILE=1038" in render("confine.conf.j2", **{"global": {"maxconn": 7}})


def test_words_in_haproxy_s_own_language_come_before_visitors_are_passed_on():
    lines = section(
        render(
            "haproxy.cfg.j2",
            extra="http-request deny if { path /x }\n\nhttp-request deny if { path /y }\n",
        ),
        "frontend visitors",
    )
    first = lines.index("http-request deny if { path /x }")
    assert (
        lines.index("http-request set-header X-Forwarded-For %[src]")
        < first
        < lines.index("default_backend once")
    )
    assert "http-request deny if { path /y }" in lines


def test_answer_to_a_ca_comes_before_all_else():
    first, second, answer, *_more = section(
        render("haproxy.cfg.j2", acme_thumbprint="x" * 43), "frontend visitors"
    )
    assert first.startswith("bind") and second.startswith("bind")
    assert answer.startswith("http-request return status 200") and "x" * 43 in answer


@pytest.fixture
def reload(tmp_path, monkeypatch):
    """Return the unit's reload, for which a process answers that is not there."""
    module = support.haproxy.reload_module()
    for name in ("CONFIG", "SOCKET", "STATE"):
        monkeypatch.setattr(module, name, str(tmp_path / name.lower()))
    (tmp_path / "config").write_text(render("haproxy.cfg.j2"))
    checker = tmp_path / "haproxy"
    checker.write_text("#!/bin/sh\nexit $(cat $0.status)\n")
    checker.chmod(0o755)
    (tmp_path / "haproxy.status").write_text("0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return module


COLUMNS = "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port"
#: The second has another port by now, the third is gone.
SAID = f"""1
# {COLUMNS}
3 web 1 one 192.0.2.1 0 8 80
3 web 2 two 2001:db8::2 0 0 80
3 web 3 old 192.0.2.9 0 0 80

"""


@pytest.fixture
def process(tmp_path):
    """Answer on a socket as haproxy does, once."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()

        def answer():
            with listening.accept()[0] as stream:
                assert stream.recv(100) == b"show servers state\n"
                stream.sendall(SAID.encode())

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield
        thread.join(5)


def test_what_is_known_of_servers_goes_along_but_for_those_that_are_others_now(
    reload, process, tmp_path
):
    config = (tmp_path / "config").read_text()
    assert reload.servers(config).splitlines() == [
        "1",
        f"# {COLUMNS}",
        "3 web 1 one 192.0.2.1 0 8 80",
    ]


@pytest.fixture
def master(reload, monkeypatch):
    """Return a master process that is not there: what it was sent,
    and what it is after how many of these.
    """

    class Master:
        def __init__(self):
            self.sent, self.becomes = [], {1: ({"1", "2"}, b"HAPROXY_PROCESSES=|reloads=1")}

        def now(self):
            return self.becomes.get(len(self.sent), ({"1"}, b""))

    one = Master()
    monkeypatch.setattr(reload, "AGAIN", 0.1)
    monkeypatch.setattr(reload.os, "kill", lambda *words: one.sent.append(words))
    monkeypatch.setattr(reload, "children", lambda _master: one.now()[0])
    monkeypatch.setattr(reload, "environment", lambda _master: one.now()[1])
    return one


def test_reload_ends_when_a_new_process_works(reload, process, master, tmp_path):
    assert reload.main(7) == 0
    assert master.sent == [(7, signal.SIGUSR2)]
    assert "one 192.0.2.1 0 8 80" in (tmp_path / "state").read_text()


def test_reload_goes_on_where_the_process_says_nothing(reload, master, tmp_path):
    assert reload.main(7) == 0
    assert not (tmp_path / "state").exists()


def test_nothing_is_reloaded_that_the_checker_refuses(reload, master, tmp_path):
    (tmp_path / "haproxy.status").write_text("1")
    assert reload.main(7) == 1
    assert master.sent == []


def test_master_that_has_not_heard_is_told_again(reload, master):
    master.becomes = {2: ({"1", "2"}, b"")}
    assert reload.main(7) == 0
    assert master.sent == [(7, signal.SIGUSR2)] * 2


def test_master_that_has_heard_is_left_to_its_work(reload, master, monkeypatch):
    monkeypatch.setattr(reload, "LONGEST", 0.5)
    master.becomes = {1: ({"1"}, b"HAPROXY_PROCESSES=|reloads=1")}
    assert reload.main(7) == 1
    assert master.sent == [(7, signal.SIGUSR2)]


def test_master_that_goes_on_with_what_it_has_is_told_of_at_once(reload, master, capsys):
    master.becomes = {1: ({"1"}, b"HAPROXY_MWORKER_WAIT_ONLY=1")}
    assert reload.main(7) == 1
    assert "goes on with its old configuration" in capsys.readouterr().err
    assert master.sent == [(7, signal.SIGUSR2)]


def test_balancers_on_which_a_run_left_something():
    paths = {
        "a": ["/run/lamp-haproxy/drained/web2", "/run/lamp-haproxy/drained/web1"],
        "b": ["/run/lamp-haproxy/closing"],
        "c": ["/srv/x"],
    }
    hostvars = {
        name: {"ansible_facts": {"foobar_lamp": {"paths": dict.fromkeys(found, {})}}}
        for name, found in paths.items()
    }
    assert haproxy.left_over(["a", "b", "c", "unknown"], hostvars) == ["a", "b"]
    assert haproxy.drained(hostvars["a"]) == ["web1", "web2"]
    assert haproxy.drained(hostvars["b"]) == []


def test_visitors_come_by_new_connections_when_haproxy_is_told_so():
    assert (
        "http-after-response set-header Connection close if { var(proc.lamp_closing) -m bool }"
        in render("haproxy.cfg.j2")
    )
