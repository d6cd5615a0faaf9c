"""A primary and a secondary name server, asked from outside."""

from __future__ import annotations

import subprocess

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
import testinfra.utils.ansible_runner
import yaml
from support import containers, plays
from support.plays import ROOT
from support.waiting import wait_for

_inventory = testinfra.utils.ansible_runner.AnsibleRunner(plays.inventory())
ROLES = ("primary", "secondary")


def host_of(role):
    return _inventory.get_host(f"lamp-bind-{role}")


def address_of(role):
    return containers.address_of(f"lamp-bind-{role}")


def ask(role, name, kind, **options):
    """Return the answer of a server as a dnspython message."""
    return dns.query.tcp(
        dns.message.make_query(name, kind, flags=0, **options), address_of(role), timeout=5
    )


def values(answer):
    return sorted(value.to_text() for rrset in answer.answer for value in rrset)


@pytest.mark.parametrize("role", ROLES)
def test_declared_records_are_answered_by_both(role):
    answer = ask(role, "www.foobar.com", "A")
    assert answer.flags & dns.flags.AA
    assert values(answer) == ["192.0.2.10", "192.0.2.11"]
    assert values(ask(role, "10.2.0.192.in-addr.arpa", "PTR")) == ["www.foobar.com."]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [("www.foobar.com", "A", "192.0.2.10"), ("nobody.foobar.com", "A", "ncache nxdomain")],
)
def test_answers_are_validated_from_the_returned_ds_record(tmp_path, role, name, kind, words):
    # What the role returned for the zone's parent: "foobar.com. IN DS number algorithm kind
    # digest".
    returned = (plays.ephemeral() / "ds").read_text()
    _zone, _in, _ds, number, algorithm, kind, digest = returned.split()
    anchors = tmp_path / "anchors"
    anchors.write_text(
        f'trust-anchors {{ foobar.com. static-ds {number} {algorithm} {kind} "{digest}"; }};\n'
    )
    command = [
        "delv",
        f"@{address_of(role)}",
        "-a",
        anchors,
        "+root=foobar.com",
        "+tcp",
        "+multiline",
        name,
        kind,
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (
        "; fully validated" in said.stdout or "; negative response, fully validated" in said.stdout
    ), said.stdout + said.stderr
    assert words in said.stdout.lower() + said.stderr.lower()


def test_answer_is_not_validated_from_another_ds_record(tmp_path):
    """The same command fails: validation is not for show."""
    anchors = tmp_path / "anchors"
    anchors.write_text(f'trust-anchors {{ foobar.com. static-ds 1 13 2 "{"ab" * 32}"; }};\n')
    command = [
        "delv",
        f"@{address_of('primary')}",
        "-a",
        anchors,
        "+root=foobar.com",
        "+tcp",
        "www.foobar.com",
        "A",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "fully validated" not in said.stdout
    assert "resolution failed" in said.stdout + said.stderr


@pytest.mark.parametrize("role", ROLES)
def test_strangers_get_neither_zone_nor_version_nor_recursion(role):
    with pytest.raises(dns.query.TransferError):
        list(dns.query.xfr(address_of(role), "foobar.com"))
    assert ask(role, "debian.org", "A").rcode() == dns.rcode.REFUSED
    assert values(ask(role, "version.bind", "TXT", rdclass="CH")) == []


@pytest.mark.parametrize("role", ROLES)
def test_answer_of_dnssec_fits_a_small_packet_or_says_so(role):
    query = dns.message.make_query("www.foobar.com", "A", want_dnssec=True, payload=1232)
    answer = dns.query.udp(query, address_of(role), timeout=5)
    assert len(answer.to_wire()) <= 1232
    assert answer.flags & dns.flags.TC or [
        rrset for rrset in answer.answer if rrset.rdtype == dns.rdatatype.RRSIG
    ]


@pytest.mark.parametrize("role", ROLES)
def test_question_under_a_victims_address_brings_it_little(role):
    query = dns.message.make_query("foobar.com", "ANY")
    for _each in range(10):  # which record set the answer has is anybody's guess
        answer = dns.query.udp(query, address_of(role), timeout=5)
        assert len({rrset.rdtype for rrset in answer.answer}) == 1
        assert len(answer.to_wire()) < 4 * len(query.to_wire())
    long = dns.query.udp(
        dns.message.make_query("long.foobar.com", "TXT", use_edns=0, payload=4096),
        address_of(role),
        timeout=5,
    )
    assert long.flags & dns.flags.TC
    assert len(long.to_wire()) <= 1232


@pytest.mark.parametrize("role", ROLES)
def test_service_is_confined(role):
    host = host_of(role)
    said = host.run("systemd-analyze security --no-pager --threshold=30 named.service")
    assert said.rc == 0, said.stdout
    assert host.check_output("ps -o user= -C named").strip() == "bind"


def test_statistics_are_for_the_host_itself_only():
    host = host_of("primary")
    fetch = (
        'python3 -c "import urllib.request; '
        "print(len(urllib.request.urlopen('http://%s:8053/json/v1/status').read()))\""
    )
    assert int(host.check_output(fetch % "127.0.0.1")) > 100
    assert host.run(fetch % address_of("primary")).rc != 0


def test_zone_that_was_given_up_is_archived():
    host = host_of("primary")
    assert ask("primary", "parting.example", "SOA").rcode() == dns.rcode.REFUSED
    assert not host.file("/var/lib/bind/parting.example.zone").exists
    assert "ns.elsewhere.example." in host.check_output(
        "cat /var/lib/bind/archive/parting.example.*/parting.example.zone"
    )


@pytest.mark.parametrize("role", ROLES)
def test_root_follows_nothing_that_the_name_servers_user_planted(role):
    host = host_of(role)
    there = host.check_output("find /srv/root -printf '%P %u:%g %m %y\n' | sort").split("\n")
    files = ("hard", "journal", "key", "linked")
    assert there == [
        " root:root 755 d",
        "directory root:root 755 d",
        *(f"{name} root:root 600 f" for name in files),
    ]
    assert (
        host.check_output("cd /srv/root && cat hard journal key linked").split("\n")
        == ["root's"] * 4
    )
    assert not host.file("/srv/called").exists


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("zone", ["linked.example", "hard.example", "piped.example"])
def test_new_zone_is_made_by_the_name_servers_user_whatever_was_planted(role, zone):
    assert values(ask(role, zone, "NS")) == ["ns.elsewhere.example."]
    file = host_of(role).file(f"/var/lib/bind/{zone}.zone")
    assert (file.user, file.group, file.mode, file.is_symlink) == ("bind", "bind", 0o644, False)


@pytest.fixture
def foreign(tmp_path):
    """Return ``foreign(**variables)``:
    a run of playbooks/records.yml for a site whose zone the primary has, which is not ours.
    """
    key = host_of("primary").check_output(
        "sed -n 's/.*secret \"\\(.*\\)\";/\\1/p' /etc/bind/keys/update.key"
    )
    web = {
        "hosts": {
            "web1": {"lamp_address": ["192.0.2.80", "2001:db8::80"], "ansible_connection": "local"}
        }
    }
    site = {
        "lamp_domain": "foobar.com",
        "lamp_sites": {"shop.foobar.com": {"document_root": "/srv/www"}},
        "lamp_dns_records": [
            {
                "name": "_dmarc",
                "type": "TXT",
                "values": "v=DMARC1; rua=mailto:a@foobar.com,mailto:b@foobar.com",
            }
        ],
        "lamp_dns_server": address_of("primary"),
        "lamp_dns_key": {"name": "update", "secret": key},
    }

    def foreign(**variables):
        inventory = {
            "lamp": {"children": {"lamp_web": web, "lamp_db": web}, "vars": {**site, **variables}}
        }
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
        command = [
            "ansible-playbook",
            "-vvv",
            "-i",
            tmp_path / "inventory.yml",
            ROOT / "playbooks" / "records.yml",
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert key not in done.stdout + done.stderr
        return done

    return foreign


def test_records_go_to_the_name_server_of_someone_else(foreign):
    names = {
        (f"shop.foobar.com {kind}"): values(ask("primary", "shop.foobar.com", kind))
        for kind in ("A", "AAAA")
    }
    assert names == {"shop.foobar.com A": [], "shop.foobar.com AAAA": []}
    for changed in (1, 0):
        done = foreign()
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"changed={changed} " in done.stdout.partition("PLAY RECAP")[2]
    assert values(ask("primary", "shop.foobar.com", "A")) == ["192.0.2.80"]
    assert values(ask("primary", "shop.foobar.com", "AAAA")) == ["2001:db8::80"]
    assert values(ask("primary", "_dmarc.foobar.com", "TXT")) == [
        '"v=DMARC1; rua=mailto:a@foobar.com,mailto:b@foobar.com"'
    ]
    # Nothing else of somebody else's zone.
    assert values(ask("primary", "foobar.com", "TXT")) == ['"v=spf1 -all"']
    assert values(ask("primary", "foobar.com", "CAA")) == []


def test_key_that_the_name_server_of_someone_else_does_not_take_is_named(foreign):
    done = foreign(lamp_dns_key={"name": "update", "secret": "c2VjcmV0LXNlY3JldC1zZWNyZXQ="})
    assert done.returncode != 0
    assert (
        "answered BADSIG: its secret for the key update (hmac-sha256) is another one"
        in " ".join(done.stdout.split())
    )


def test_secrets_are_not_for_everyone():
    for role, key in (("primary", "update"), ("primary", "transfer"), ("secondary", "transfer")):
        assert host_of(role).file(f"/etc/bind/keys/{key}.key").mode == 0o640
    assert not host_of("secondary").file("/etc/bind/keys/update.key").exists


def test_lost_key_of_a_signed_zone_is_not_made_anew():
    host, keys = host_of("primary"), "/var/lib/bind/dnssec"
    before = host.check_output("systemctl show -p ActiveEnterTimestamp named")
    host.check_output(f"mkdir /root/kept && mv {keys}/Kfoobar.com.*.private /root/kept/")
    try:
        done = plays.play(ROOT / "molecule/bind/converge.yml")
        assert done.returncode != 0
        said = " ".join(done.stdout.split())
        for word in (
            "The zone foobar.com was signed with the key",
            "from a backup",
            "bind_new_dnssec_keys",
        ):
            assert word in said
        assert host.run(f"ls {keys}/Kfoobar.com.*.private").failed
        assert host.check_output("systemctl show -p ActiveEnterTimestamp named") == before
    finally:
        host.check_output(f"mv /root/kept/* {keys}/ && rmdir /root/kept")


@pytest.mark.parametrize("role", ROLES)
def test_zones_and_keys_that_are_lost_come_back_with_the_ds_record(tmp_path, role):
    """Among them is what the name server's user planted:
    root reads it as that user, and makes it anew and removes it as that user.
    """
    host = host_of(role)
    keys = (
        "cd /etc/bind/keys && ls -ln && sha256sum * && cd /var/lib/bind && stat -c '%U:%G %a' . && "
        "find . -name '*.private' | xargs -r sha256sum"
    )
    before = host.check_output(keys)
    host.check_output(
        "ln /srv/root/hard /var/lib/bind/shown && "
        "mkfifo /var/lib/bind/waiting && ln -s /srv/root /var/lib/bind/leading"
    )
    host.check_output("lamp-backup take")
    host.check_output("systemctl stop named && rm -r /var/lib/bind /etc/bind/keys")
    assert "no files that are wanted" in host.check_output("lamp-backup restore latest")
    assert not host.file("/var/lib/bind").exists
    host.check_output("lamp-backup restore latest --only-files bind bind_keys")
    assert host.check_output(keys) == before
    assert (
        host.check_output("cd /var/lib/bind && ls -d shown waiting leading 2> /dev/null || true")
        == "leading"
    )
    test_declared_records_are_answered_by_both(role)
    test_answers_are_validated_from_the_returned_ds_record(
        tmp_path, role, "www.foobar.com", "A", "192.0.2.10"
    )
    host.check_output("lamp-backup restore latest --only-files bind bind_keys && lamp-backup undo")
    host.check_output("lamp-backup drill && lamp-backup discard")
    assert host.check_output(keys) == before
    test_root_follows_nothing_that_the_name_servers_user_planted(role)


# From here on the hosts are a site's, whose inventory says which of them is the primary.
OLD, NEW = "lamp-bind-primary", "lamp-bind-secondary"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return ``site(playbook, *options, **variables)``:
    a run of a playbook of the collection for a site with these name servers.
    """
    directory = tmp_path_factory.mktemp("site")
    docker = {"ansible_connection": "community.docker.docker", "ansible_user": "root"}
    web = {"hosts": {"web1": {"lamp_address": "192.0.2.80", "ansible_connection": "local"}}}
    servers = {name: {**docker, "lamp_address": containers.address_of(name)} for name in (OLD, NEW)}
    own = {
        "lamp_domain": "foobar.com",
        "lamp_sites": {"shop.foobar.com": {"document_root": "/srv/www"}},
        "lamp_dnssec_policy": "default",
        "lamp_tls": "off",
        "lamp_secrets_dir": str(plays.ephemeral() / "secrets"),
    }

    def site(playbook, *options, **variables):
        groups = {"lamp_web": web, "lamp_db": web, "lamp_dns": {"hosts": servers}}
        (directory / "inventory.yml").write_text(
            yaml.safe_dump({"lamp": {"children": groups, "vars": {**own, **variables}}})
        )
        command = [
            "ansible-playbook",
            "-i",
            directory / "inventory.yml",
            ROOT / "playbooks" / f"{playbook}.yml",
            *options,
        ]
        return subprocess.run(
            command,
            cwd=ROOT,
            env=plays.ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            timeout=plays.LONGEST,
        )

    return site


def said(done):
    return " ".join((done.stdout + done.stderr).split())


def done_well(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done


NAME_SERVERS = ("--limit", "lamp_dns", "--tags", "bind,dns_records", "--skip-tags", "firewall")


def soa_at(role):
    return ask(role, "foobar.com", "SOA").answer[0][0]


def private_keys(role):
    return host_of(role).check_output("cd /var/lib/bind/dnssec && sha256sum Kfoobar.com.+*.private")


def look_up(container, name):
    """Return whether the system's resolver in a container finds a name, both name servers being
    its resolvers, the old one first.
    """
    lines = (
        "\\n".join(f"nameserver {address_of(role)}" for role in ("primary", "secondary"))
        + "\\noptions timeout:1\\n"
    )
    script = (
        f"printf '{lines}' > /run/resolv.conf && mount --bind /run/resolv.conf /etc/resolv.conf "
        f"&& getent ahostsv4 {name}"
    )
    return "192.0.2." in containers.on_host(container, f'unshare --mount sh -c "{script}"')


def test_secondary_takes_the_part_of_a_lost_primary(site, tmp_path):
    # What the tests before have planted is in the way of no root, but of the zones.
    host_of("secondary").check_output("find /var/lib/bind -maxdepth 1 -type l -delete")
    host_of("secondary").check_output("find /var/lib/bind -name 'Kfoobar.com.*' -delete")
    # The hosts become the site's; what the zone has stays.
    first = done_well(site("site", *NAME_SERVERS))
    keys, before = private_keys("primary"), soa_at("primary")
    secret = host_of("primary").check_output(
        "sed -n 's/^PrivateKey: //p' /var/lib/bind/dnssec/Kfoobar.com.+*.private"
    )
    assert secret
    assert secret not in first.stdout + first.stderr
    copies = host_of("secondary").check_output(
        "stat -c '%U:%G %a' /var/lib/foobar.lamp/bind_copies /var/lib/foobar.lamp/bind_copies/*"
    )
    assert copies.splitlines() == ["root:root 700", "root:root 600"]

    # As long as it answers there is no need, and by site.yml alone a secondary becomes no primary.
    refused = site("dns_promote", *NAME_SERVERS[:2], lamp_dns_primary=NEW)
    assert refused.returncode != 0
    assert f"The primary name server still answers at {address_of('primary')}" in said(refused)
    refused = site("site", *NAME_SERVERS, lamp_dns_primary=NEW)
    assert refused.returncode != 0
    assert "run foobar.lamp.dns_promote" in said(refused)

    containers.run("docker", "kill", OLD, check=True)
    assert all(look_up(NEW, "www.foobar.com") for _each in range(5))

    lost = ("--limit", f"lamp_dns:!{OLD}")
    refused = site("dns_promote", *lost)
    assert refused.returncode != 0
    assert f"{OLD} is to be the primary, and is not part of this run" in said(refused)
    assert f"set lamp_dns_primary to {NEW}" in said(refused)
    # A key that nobody has is not made anew.
    host = host_of("secondary")
    host.check_output(
        "mkdir -p /root/kept && mv /var/lib/foobar.lamp/bind_copies/foobar.com* /root/kept/"
    )
    refused = site("dns_promote", *lost, lamp_dns_primary=NEW)
    assert refused.returncode != 0
    assert "lacks Kfoobar.com.+" in said(refused)
    assert "type secondary" in host.check_output("cat /etc/bind/named.conf.local")
    host.check_output("mv /root/kept/* /var/lib/foobar.lamp/bind_copies/")

    promoted = done_well(site("dns_promote", *lost, "--diff", lamp_dns_primary=NEW))
    assert secret not in promoted.stdout + promoted.stderr
    assert private_keys("secondary") == keys
    after = soa_at("secondary")
    assert after.serial >= before.serial + 100000
    assert (before.mname.to_text(), after.mname.to_text()) == ("ns1.foobar.com.", "ns2.foobar.com.")
    assert after.expire >= 14 * 24 * 3600
    # Nothing of the zone is lost, and the same DS record holds.
    assert values(ask("secondary", "www.foobar.com", "A")) == ["192.0.2.10", "192.0.2.11"]
    test_answers_are_validated_from_the_returned_ds_record(
        tmp_path, "secondary", "www.foobar.com", "A", "192.0.2.10"
    )

    # Records go to the new primary, by a run that does not come to the lost host.
    new = [{"name": "new", "type": "A", "values": ["192.0.2.99"]}]
    done_well(
        site(
            "site",
            "--limit",
            f"lamp_dns:!{OLD}",
            *NAME_SERVERS[2:],
            lamp_dns_primary=NEW,
            lamp_dns_records=new,
        )
    )
    assert values(ask("secondary", "new.foobar.com", "A")) == ["192.0.2.99"]
    test_answers_are_validated_from_the_returned_ds_record(
        tmp_path, "secondary", "new.foobar.com", "A", "192.0.2.99"
    )

    # The old one returns, and answers what it knew. Whoever has not written down who is the primary
    # now is told to.
    containers.run("docker", "start", OLD, check=True)
    wait_for(lambda: containers.on_host(OLD, "systemctl is-active named").strip() == "active")
    containers.address_of.cache_clear()
    assert values(ask("primary", "new.foobar.com", "A")) == []
    refused = site("site", *NAME_SERVERS)
    assert refused.returncode != 0
    assert (
        f"{OLD} and {NEW} are both primary name servers of foobar.com: set lamp_dns_primary"
        in said(refused)
    )
    # Whoever names the wrong one is stopped by its records.
    refused = site("site", *NAME_SERVERS, lamp_dns_primary=OLD)
    assert refused.returncode != 0
    assert "newer records would be lost" in said(refused)
    done_well(site("site", *NAME_SERVERS, lamp_dns_primary=NEW, lamp_dns_records=new))
    assert values(ask("primary", "new.foobar.com", "A")) == ["192.0.2.99"]
    assert soa_at("primary") == soa_at("secondary")
    assert "type secondary" in host_of("primary").check_output("cat /etc/bind/named.conf.local")
    assert (
        host_of("primary")
        .check_output("ls /var/lib/foobar.lamp/bind_copies")
        .startswith("foobar.com+")
    )
    assert host_of("secondary").run("ls /var/lib/foobar.lamp/bind_copies/foobar.com*").failed
    test_answers_are_validated_from_the_returned_ds_record(
        tmp_path, "primary", "new.foobar.com", "A", "192.0.2.99"
    )
    again = done_well(site("site", *NAME_SERVERS, lamp_dns_primary=NEW, lamp_dns_records=new))
    assert plays.recap(again)["changed"] == 0, again.stdout
