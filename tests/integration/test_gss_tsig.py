"""dns_records and dns_records_info with GSS-TSIG: a real Kerberos realm, BIND in it, and
Debian's own dnspython and gssapi.
"""

from __future__ import annotations

import os
from pathlib import Path

import ansible
import pytest
from support.kerberos import HOST, Kerberos
from support.modules import run_module
from support.name_servers import Bind, Knot

WWW = {"name": "www", "type": "A", "values": ["192.0.2.1", "192.0.2.2"]}
# The distribution's Python has gssapi from a package, and the oldest dnspython that the modules
# take; of ours it gets only Ansible.
PYTHON = "/usr/bin/python3"
COLLECTIONS = Path(__file__).parents[2] / ".cache" / "collections"
PACKAGES = (COLLECTIONS, "/usr/lib/python3/dist-packages", Path(ansible.__file__).parents[1])


def hosts(count):
    return [{"name": f"h{number}", "type": "A", "values": ["192.0.2.1"]} for number in range(count)]


def later(time):
    """Return the environment in which it is later than it is."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    return {"LD_PRELOAD": str(library), "FAKETIME": f"+{time}"}


@pytest.fixture
def realm(place):
    (place / "realm").mkdir()
    realm = Kerberos(place / "realm")
    yield realm
    realm.stop()


@pytest.fixture
def bind(place, realm):
    """Return a BIND of the realm."""
    server = Bind(place, realm=realm)
    yield server
    server.stop()


@pytest.fixture
def admin(realm):
    """Return the keytab of the one who may change the zone."""
    return realm.add("admin", "admin")


@pytest.fixture
def run(realm, bind):
    """Return ``run(records, check=False, prelude="", **options)``:
    what dns_records, or another module, says of foobar.com.
    """

    def run(records, check=False, prelude="", module="dns_records", environment=None, **options):
        arguments = {
            "zone": "foobar.com",
            "port": bind.port,
            "timeout": 3,
            "key_algorithm": "gss-tsig",
            "gss_server": HOST,
        }
        arguments.update(options, _ansible_check_mode=check, _ansible_diff=True)
        if records is not None:
            arguments["records"] = records
        environment = {
            **realm.environment,
            "PYTHONPATH": os.pathsep.join(map(str, PACKAGES)),
            **(environment or {}),
        }
        return run_module(module, arguments, prelude, python=PYTHON, environment=environment)

    return run


def test_ticket_of_the_cache_changes_the_zone_and_reads_it(run, realm, bind, admin):
    realm.log_in("admin", admin)
    planned = run([WWW], check=True)
    assert planned["changed"], planned
    assert bind.ask("www.foobar.com", "A") == []
    assert run([WWW])["changes"] == planned["changes"]
    assert bind.ask("www.foobar.com", "A") == ["192.0.2.1", "192.0.2.2"]
    again = run([WWW])
    assert (again["changed"], again["changes"]) == (False, [])
    read = run(None, module="dns_records_info")
    assert {"name": "www", "type": "A", "ttl": 3600, "values": ["192.0.2.1", "192.0.2.2"]} in read[
        "records"
    ]


def test_keytab_needs_no_ticket_and_leaves_none(run, realm, bind, admin):
    assert run([WWW], gss_keytab=str(admin))["changed"]
    assert bind.ask("www.foobar.com", "A") == ["192.0.2.1", "192.0.2.2"]
    assert not run([WWW], gss_keytab=str(admin), gss_principal="admin")["changed"]
    assert not (realm.place / "tickets").exists()


def test_client_keytab_of_the_system_is_found(run, bind, admin):
    assert run([WWW], environment={"KRB5_CLIENT_KTNAME": f"FILE:{admin}"})["changed"]
    assert bind.ask("www.foobar.com", "A") == ["192.0.2.1", "192.0.2.2"]


def test_name_of_the_server_is_its_name_in_kerberos(run, realm, bind, admin):
    realm.add("DNS/localhost", "named")
    bind.stop()
    bind.start()
    assert run([WWW], server="localhost", gss_server=None, gss_keytab=str(admin))["changed"]
    assert bind.ask("www.foobar.com", "A") == ["192.0.2.1", "192.0.2.2"]
    message = run([WWW], gss_server=None, gss_keytab=str(admin))["msg"]
    assert message == (
        "server is 127.0.0.1, and Kerberos knows servers by name: "
        "set gss_server to the server's host name."
    )


def test_one_key_serves_many_messages_over_several_connections_and_is_given_back(
    run, bind, admin, relay
):
    between = relay(bind.port)
    # A zone in several messages, an update in several parts, each on a connection of its own.
    assert len(run(hosts(3000), gss_keytab=str(admin), port=between.port)["changes"]) == 3000
    assert between.connections > 3
    assert between.tkeys == 2
    assert not run(hosts(3000), gss_keytab=str(admin))["changed"]


def test_zone_that_may_not_be_transferred_is_asked_for_by_signed_queries(run, realm, bind, admin):
    run(hosts(300), gss_keytab=str(admin))
    stranger = realm.add("stranger", "stranger")
    assert run(hosts(300), gss_keytab=str(stranger))["changes"] == []
    assert (
        "answered REFUSED to the transfer"
        in run(None, module="dns_records_info", gss_keytab=str(stranger))["msg"]
    )


def test_service_is_a_user_too(run, realm, bind):
    service = realm.add("dnsadmin/deploy.foobar.com", "service")
    bind.stop()
    bind.configure(
        realm=realm,
        policy=r"zonesub any; grant dnsadmin\047deploy.foobar.com@FOOBAR.COM wildcard * ANY",
    )
    bind.start()
    assert run(
        [WWW], gss_keytab=str(service), gss_principal="dnsadmin/deploy.foobar.com@FOOBAR.COM"
    )["changed"]
    assert bind.ask("www.foobar.com", "A") == ["192.0.2.1", "192.0.2.2"]


def test_update_that_the_policy_refuses_names_the_user(run, realm, bind):
    reader = realm.add("reader", "reader")
    message = run([WWW], gss_keytab=str(reader))["msg"]
    assert (
        "by reader@FOOBAR.COM, answered REFUSED to the update of www.foobar.com. "
        "A: let the key or user do this"
    ) in message
    assert bind.ask("www.foobar.com", "A") == []


def test_no_ticket(run, realm, admin):
    message = run([WWW])["msg"]
    assert (
        f"Kerberos says 'No Kerberos credentials available (default cache: "
        f"FILE:{realm.place}/tickets)': log in with kinit"
    ) in message
    realm.log_in("admin", admin)
    assert "log in with kinit" in run([WWW], gss_principal="other")["msg"]


def test_expired_ticket(run, realm, admin):
    realm.log_in("admin", admin, "-l", "10m")
    assert (
        "Kerberos says 'Ticket expired': log in with kinit"
        in run([WWW], environment=later("1h"))["msg"]
    )


def test_keytab_without_the_user(run, admin, place):
    for name in ("other", "admin@ELSEWHERE.EXAMPLE"):
        assert (
            "see with klist -k whether the keytab holds"
            in run([WWW], gss_keytab=str(admin), gss_principal=name)["msg"]
        )
    (place / "junk").write_text("junk")
    assert (
        "see with klist -k whether the keytab holds"
        in run([WWW], gss_keytab=str(place / "junk"))["msg"]
    )
    assert (
        f"No such file or directory: '{place}/none'"
        in run([WWW], gss_keytab=str(place / "none"))["msg"]
    )
    planned = run([WWW], gss_keytab=str(place / "none"), check=True)
    assert planned["changed"]
    assert planned["warnings"][0]["event"]["msg"].startswith(
        f"The key file {place}/none does not exist yet."
    )


def test_user_whom_the_realm_turns_away(run, realm, admin):
    realm.change("modprinc -allow_tix admin")
    assert "the realm has locked the user" in run([WWW], gss_keytab=str(admin))["msg"]
    realm.change("modprinc +allow_tix admin")
    realm.change("cpw -randkey admin")
    assert (
        "the keytab has another key than the realm: fetch it again"
        in run([WWW], gss_keytab=str(admin))["msg"]
    )
    realm.change("delprinc -force admin")
    assert (
        "'admin@FOOBAR.COM' not found in Kerberos database\": the realm has no such user"
        in run([WWW], gss_keytab=str(admin))["msg"]
    )


@pytest.mark.parametrize("name", ["ns9.foobar.com", "ns1.elsewhere.example"])
def test_server_that_the_realm_does_not_know(run, admin, name):
    message = run([WWW], gss_keytab=str(admin), gss_server=name)["msg"]
    assert f"cannot be spoken to as DNS/{name}: Kerberos says 'Server " in message
    assert "set gss_server to the name for which the realm has DNS/NAME" in message


def test_realm_that_does_not_answer(run, realm, admin):
    realm.stop()
    assert "see that the realm's servers run" in run([WWW], gss_keytab=str(admin))["msg"]


def test_server_with_another_key_than_the_realm(run, realm, admin):
    realm.change(f"cpw -randkey DNS/{HOST}")
    message = run([WWW], gss_keytab=str(admin))["msg"]
    assert (
        f"answered BADKEY to the ticket for DNS/{HOST}: "
        f"see that its keytab holds the newest key of that name"
    ) in message


@pytest.mark.parametrize("kind", [Bind, Knot])
def test_server_without_kerberos(run, place, admin, kind):
    (place / "other").mkdir()
    server = kind(place / "other")
    try:
        message = run([WWW], gss_keytab=str(admin), port=server.port)["msg"]
    finally:
        server.stop()
    assert (
        "to the ticket for DNS/ns1.foobar.com: see that it is set up for Kerberos (BIND: "
        "tkey-gssapi-keytab)."
    ) in message


def test_clock_that_is_wrong(run, realm, admin):
    # Where Kerberos gets the ticket itself, it learns the realm's time; the name server looks at
    # the signature's.
    message = run([WWW], gss_keytab=str(admin), environment=later("1h"))["msg"]
    assert "answered BADTIME: correct the clocks of both hosts" in message
    realm.log_in("admin", admin)
    message = run([WWW], environment=later("1h"))["msg"]
    assert (
        "Kerberos says 'Clock skew too great': correct the clocks of this host, of the realm's "
        "servers and of the name server"
    ) in message


def test_key_that_is_given_back_is_forgotten(run, bind, admin):
    give_back = """
from ansible_collections.foobar.lamp.plugins.module_utils.dns import rfc2136
update = rfc2136.Server.update
def late(self, *arguments):
    self.__exit__()
    update(self, *arguments)
rfc2136.Server.update = late
"""
    message = run([WWW], gss_keytab=str(admin), prelude=give_back)["msg"]
    assert (
        "answered BADKEY: it has forgotten the negotiated key, "
        "for instance after a restart: run again."
    ) in message
    assert bind.ask("www.foobar.com", "A") == []


# What a forger may do to the server's answers, as a change of ``message``, and what is said of it.
# The signature is the last record, and begins with the key's name, of which the question has the
# first label too.
FORGERIES = {
    "update, signed otherwise": (
        "UPDATE",
        "message[-20] ^= 1",
        "gave an answer that cannot be understood (BadSignature",
    ),
    "update, not signed": ("UPDATE", "message[4:] = bytes(8)", "did not sign its answer"),
    "key, signed otherwise": (
        "KEY",
        "message[-20] ^= 1",
        "signed the agreed key wrongly: it is not the server that Kerberos knows.",
    ),
    "key, not signed": (
        "KEY",
        "message[11] -= 1; del message[message.rindex(message[12:29]):]",
        "did not sign the agreed key",
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_answer_is_not_believed(run, bind, admin, forgery):
    which, change, said = FORGERIES[forgery]
    prelude = f"""
from ansible_collections.foobar.lamp.plugins.module_utils.dns import rfc2136
right = rfc2136._next
def wrong(stream):
    message = bytearray(right(stream))
    if {{"UPDATE": message[2] & 0x78 == 0x28, "KEY": b"\\0\\xf9\\0\\xff" in message}}["{which}"]:
        {change}
    return bytes(message)
rfc2136._next = wrong
"""
    assert said in run([WWW], gss_keytab=str(admin), prelude=prelude)["msg"]


def test_refusal_that_is_signed_wrongly_is_a_refusal(run, realm):
    reader = realm.add("reader", "reader")
    prelude = """
from ansible_collections.foobar.lamp.plugins.module_utils.dns import rfc2136
right = rfc2136._next
def wrong(stream):
    message = bytearray(right(stream))
    if message[2] & 0x78 == 0x28:
        message[-20] ^= 1
    return bytes(message)
rfc2136._next = wrong
"""
    assert (
        "answered REFUSED to the update of www.foobar.com. A"
        in run([WWW], gss_keytab=str(reader), prelude=prelude)["msg"]
    )


def test_over_tls(run, bind, admin):
    tls = {
        "tls": True,
        "port": bind.tls_port,
        "tls_ca": str(bind.place / "tls.crt"),
        "tls_name": "ns.foobar.com",
    }
    assert run([WWW], gss_keytab=str(admin), **tls)["changed"]
    assert bind.ask("www.foobar.com", "A") == ["192.0.2.1", "192.0.2.2"]


def test_library_that_is_missing(run, admin):
    hide = "import sys; sys.modules['gssapi'] = None"
    for module, records in (("dns_records", [WWW]), ("dns_records_info", None)):
        result = run(records, module=module, gss_keytab=str(admin), prelude=hide)
        assert "Failed to import the required Python library (gssapi)" in result["msg"]
    planned = run([WWW], check=True, gss_keytab=str(admin), prelude=hide)
    assert planned["changed"]
    assert planned["warnings"][0]["event"]["msg"].startswith("gssapi is not installed yet.")
