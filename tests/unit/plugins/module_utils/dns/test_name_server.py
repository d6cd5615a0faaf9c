"""The options that name a server and its key: what is refused before anything is sent."""

from __future__ import annotations

import dns.name
import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.dns import (
    arguments,
    gss_tsig,
    name_server,
)

ZONE = dns.name.from_text("foobar.com")
DEFAULTS = {name: option.get("default") for name, option in arguments.NAME_SERVER.items()}
GSS = {"key_algorithm": "gss-tsig", "server": "ns1.foobar.com"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"gss_server": "ns1.foobar.com"},
            "gss_server is ns1.foobar.com, which only applies with key_algorithm gss-tsig",
        ),
        ({"gss_principal": "admin"}, "gss_principal is admin, which only applies with"),
        ({"gss_keytab": "/etc/x"}, "gss_keytab is /etc/x, which only applies with"),
        (
            {**GSS, "key_file": "/etc/key"},
            "key_file is /etc/key, but with key_algorithm gss-tsig the key is made by Kerberos",
        ),
        (
            {**GSS, "key_name": "lamp", "key_secret": "c2VjcmV0"},
            "key_name is lamp, but with key_algorithm gss-tsig",
        ),
        (
            {**GSS, "server": "192.0.2.53"},
            "server is 192.0.2.53, and Kerberos knows servers by name: set gss_server",
        ),
        (
            {**GSS, "gss_server": "2001:db8::53"},
            "gss_server is 2001:db8::53, and Kerberos knows servers by name",
        ),
        ({"key_name": "lamp", "key_secret": "secret"}, "The secret of the key lamp is not base64"),
    ],
)
def test_options_that_do_not_go_together(options, message):
    with pytest.raises(ValueError, match=message):
        name_server.server({**DEFAULTS, **options}, ZONE)


@pytest.mark.parametrize(
    ("server", "name", "known_as"),
    [
        ("ns1.foobar.com", None, "ns1.foobar.com"),
        ("ns1.foobar.com.", None, "ns1.foobar.com"),
        ("192.0.2.53", "ns1.foobar.com", "ns1.foobar.com"),
        ("elsewhere.example", "ns1.foobar.com", "ns1.foobar.com"),
    ],
)
def test_name_that_kerberos_knows_a_server_by(server, name, known_as):
    assert gss_tsig.server_name(server, name) == known_as
