"""What needs no CA: the host's own authority, placeholders, private
and given certificates, those of certbot.
"""

from __future__ import annotations

import datetime
import os
import stat
import subprocess

import pytest
from site_certificates import account, authority, moments, pem, report, run
from support.certificates import ACCOUNT

NAME = "www.foobar.com"


def place(host):
    site = host.site()
    with site.locked():
        run.place(site)
    return site.changed


def wish(host, **words):
    host.options["certificates"] = [{"name": NAME, "names": [NAME, "foobar.com"], **words}]


def current(host, file="fullchain.pem"):
    return host.top / NAME / "current" / file


def verify(host, *more):
    words = [
        "openssl",
        "verify",
        "-CAfile",
        str(host.top / "authority/authority.pem"),
        "-no_check_time",
        *more,
        str(current(host)),
    ]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def test_placeholder(host):
    assert place(host) == [NAME]
    assert place(host) == []
    assert stat.S_IMODE(os.stat(current(host, "key.pem")).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(current(host)).st_mode) == 0o644
    assert stat.S_IMODE(os.stat(host.top / NAME).st_mode) == 0o755
    assert stat.S_IMODE(os.stat(host.top / "authority/key.pem").st_mode) == 0o600
    assert not (host.top / NAME / "trusted").exists()


def test_private(host, clock):
    wish(host, source="private")
    assert place(host) == [NAME]
    assert "OK" in verify(host, "-verify_hostname", NAME)
    first = current(host).read_bytes()
    clock.forward(days=59)
    assert place(host) == []
    clock.forward(days=2)  # two thirds of its life
    assert place(host) == [NAME]
    assert current(host).read_bytes() != first
    (host.top / "authority/key.pem").unlink()
    assert place(host) == [NAME]
    assert "OK" in verify(host)


def test_what_was_made_by_a_clock_that_was_wrong_is_made_anew(host, clock):
    wish(host, source="private")
    clock.forward(days=300)
    place(host)
    clock.forward(days=-300)
    assert place(host) == [NAME]
    assert pem.read(current(host).read_bytes()).start < moments.now()
    assert pem.read((host.top / "authority/authority.pem").read_bytes()).start < moments.now()


def test_other_names_are_another_certificate_and_the_same_key_of_the_authority(host):
    wish(host, source="private")
    place(host)
    old = (host.top / "authority/authority.pem").read_bytes()
    host.options["certificates"][0]["names"].append("www.other.net")
    assert place(host) == [NAME]
    new = (host.top / "authority/authority.pem").read_bytes()
    assert new != old
    assert (
        pem.chain(new)[0].public_key().public_numbers()
        == pem.chain(old)[0].public_key().public_numbers()
    )
    assert "OK" in verify(host, "-verify_hostname", "www.other.net")


def test_authority_cannot_sign_for_others(host, tmp_path):
    wish(host, source="private")
    place(host)
    own = authority.Authority(host.top / "authority", "web1")
    own.make(["foobar.com", "web1", NAME], moments.now())
    for names in (["www.example.com"], ["notfoobar.com"], ["192.0.2.1"]):
        (tmp_path / "leaf").write_bytes(own.leaf(names, moments.now())[0])
        words = [
            "openssl",
            "verify",
            "-CAfile",
            str(host.top / "authority/authority.pem"),
            str(tmp_path / "leaf"),
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert "permitted subtree violation" in done.stderr, (names, done)


def test_clients_that_do_not_know_constraints_refuse_the_authority(host):
    place(host)
    found = pem.chain((host.top / "authority/authority.pem").read_bytes())[0]
    assert found.extensions.get_extension_for_class(pem.x509.NameConstraints).critical
    assert (
        found.extensions.get_extension_for_class(pem.x509.BasicConstraints).value.path_length == 0
    )


def test_constraints_are_as_few_as_can_be():
    said = [
        str(one.value)
        for one in authority.permitted(
            ["*.foobar.com", "a.foobar.com", "barfoobar.com", "127.0.0.1"]
        )
    ]
    assert said == ["barfoobar.com", "foobar.com", "localhost", "127.0.0.1/32", "::1/128"]


@pytest.fixture
def given(host, tmp_path):
    """Return chain and key that somebody has given, and what writes others there."""
    other = authority.Authority(tmp_path / "other", "other")
    other.make(["foobar.com"], moments.now())
    chain, key = tmp_path / "chain.pem", tmp_path / "key"

    def write(*names):
        for path, content in zip(
            (chain, key), other.leaf(names or [NAME, "foobar.com"], moments.now()), strict=True
        ):
            path.write_bytes(content)

    write()
    wish(host, source="given", chain=str(chain), key=str(key))
    write.chain, write.key = chain, key
    return write


def test_given(host, given):
    assert place(host) == [NAME]
    assert current(host).read_bytes() == given.chain.read_bytes()
    assert place(host) == []
    assert not (host.top / NAME / "trusted").exists()
    given()
    assert place(host) == [NAME]
    host.options["certificates"][0]["trusted"] = True
    assert place(host) == [NAME]
    assert (host.top / NAME / "trusted").exists()


def test_given_one_that_cannot_serve_leaves_what_there_is(host, given, clock):
    place(host)
    good = current(host).read_bytes()
    given("a.foobar.com")
    assert place(host) == []
    assert current(host).read_bytes() == good
    row = host.run()[0]
    assert (
        f"cannot serve {NAME}: it is for a.foobar.com, "
        f"and lacks {NAME}, foobar.com. Give another one."
    ) in row["reason"]
    given.key.write_text("nonsense")
    assert "there is no private key in PEM in it" in host.run()[0]["reason"]
    given.chain.unlink()
    assert "No such file or directory" in host.run()[0]["reason"]
    given()
    assert host.run()[0]["reason"] == ""
    clock.forward(days=91)
    assert "it ended on" in host.run()[0]["reason"]


def test_given_one_that_cannot_serve_has_a_placeholder(host, given):
    given.key.write_bytes(pem.key_pem(pem.new_key()))
    place(host)
    row = host.run()[0]
    assert (row["source"], row["state"]) == ("placeholder", "placeholder")
    assert "the private key is of another certificate" in row["reason"]


def test_given_pipe_makes_nobody_wait(host, given):
    given.key.unlink()
    os.mkfifo(given.key)
    assert (
        f"{given.key} on this host: it is no regular file. Give chain and key of {NAME}."
        == host.run()[0]["reason"]
    )


@pytest.mark.parametrize(
    ("mode", "read"), [(0o755, True), (0o775, False), (0o777, False), (0o1777, True)]
)
@pytest.mark.parametrize("where", ["file", "directory"])
def test_given_link_is_followed_where_nobody_else_can_put_one(
    host, given, tmp_path, mode, read, where
):
    live = tmp_path / "live"
    live.mkdir()
    if where == "file":  # as certbot has them
        (live / "key").symlink_to("../key")
        host.options["certificates"][0]["key"] = str(live / "key")
    else:
        (live / "up").symlink_to(tmp_path)
        host.options["certificates"][0]["key"] = str(live / "up/key")
    live.chmod(mode)
    reason = host.run()[0]["reason"]
    assert (
        reason == ""
        if read
        else "is a link that others can change, and root does not follow it" in reason
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to another user")
def test_given_link_of_another_user_is_not_followed_in_tmp(host, given, tmp_path):
    live = tmp_path / "live"
    live.mkdir()
    live.chmod(0o1777)
    (live / "key").symlink_to("../key")
    os.lchown(live / "key", 65534, 65534)
    host.options["certificates"][0]["key"] = str(live / "key")
    assert "key is a link that others can change" in host.run()[0]["reason"]


@pytest.mark.parametrize(("mode", "read"), [(0o755, True), (0o777, False)])
def test_given_file_with_another_name_is_not_read_where_others_can_make_some(
    host, given, tmp_path, mode, read
):
    (tmp_path / "home").mkdir()
    os.link(given.key, tmp_path / "home/key")
    (tmp_path / "home").chmod(mode)
    host.options["certificates"][0]["key"] = str(tmp_path / "home/key")
    reason = host.run()[0]["reason"]
    assert reason == "" if read else "it has another name (a hard link)" in reason


def test_given_links_in_a_circle_and_large_files_are_refused(host, given, tmp_path):
    given.key.unlink()
    given.key.symlink_to("key")
    assert "link" in host.run()[0]["reason"]
    given.key.unlink()
    given.key.touch()
    os.truncate(given.key, 2**21)
    assert "too many for a certificate or key" in host.run()[0]["reason"]


def test_trust_is_judged_by_what_was_read(host, given, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other/authority.pem"))
    real = pem.fits

    def fits(*words):
        # Whoever may change the files does it now.
        given.chain.unlink(missing_ok=True)
        given.key.unlink(missing_ok=True)
        return real(*words)

    monkeypatch.setattr(pem, "fits", fits)
    place(host)
    assert (host.top / NAME / "trusted").exists()


def test_given_one_is_trusted_as_the_host_trusts_it(host, given, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other/authority.pem"))
    place(host)
    assert (host.top / NAME / "trusted").exists()
    host.options["certificates"][0]["names"] = [NAME]  # one name less is served as well
    assert place(host) == []


def test_alias_that_the_certificate_lacks_is_not_redirected_to_a_warning(host, ca):
    host.run()
    assert (host.top / NAME / "trusted").exists()
    ca.planned["newOrder"] = [(400, "dns", {})]
    host.options["certificates"][0]["names"].append("new.foobar.com")
    assert host.run()[0]["source"] == "acme"  # what is there goes on
    assert not (host.top / NAME / "trusted").exists()


def test_certificate_of_certbots_is_taken_over(host, ca, tmp_path, clock):
    other = authority.Authority(tmp_path / "other", "other")
    other.make(["foobar.com"], moments.now())
    for name, names in (("a", [NAME]), ("b", [NAME, "foobar.com"])):
        live = tmp_path / "letsencrypt/live" / name
        live.mkdir(parents=True)
        for file, content in zip(
            ("fullchain.pem", "privkey.pem"), other.leaf(names, moments.now()), strict=True
        ):
            (live / file).write_bytes(content)
    (tmp_path / "letsencrypt/renewal").mkdir()
    renewal = tmp_path / "letsencrypt/renewal/b.conf"
    renewal.write_text("# renew\nserver = https://staging/\n")
    assert place(host) == [NAME]
    assert report.rows(host.site())[0]["source"] == "placeholder"  # that of another CA is none
    for path in sorted((host.top / NAME).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    renewal.write_text(f"# renew\nserver = {ca.directory}\n")
    row = host.run()[0]
    assert (row["state"], row["source"], row["trusted"], ca.orders) == ("issued", "acme", True, [])
    clock.forward(days=61)
    host.run()
    assert len(ca.orders) == 1


def test_account_key_is_what_the_controller_computes():
    secret, thumbprint = ACCOUNT
    assert account.thumbprint(account.key(secret)) == thumbprint


def test_moments():
    when = datetime.datetime(2026, 11, 27, 12, 0, 0, tzinfo=datetime.UTC)
    assert moments.read(moments.shown(when)) == when
    assert moments.read("2026-11-27T13:00:00.5+01:00").hour == 13
    assert moments.read(None) is moments.read("") is None
