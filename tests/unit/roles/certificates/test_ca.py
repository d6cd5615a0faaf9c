"""What a CA may answer: each is a real answer of a real server."""

from __future__ import annotations

import datetime

import pytest
from site_certificates import (
    CertificateError,
    account,
    errors,
    moments,
    order,
    pem,
    protocol,
    report,
    run,
)
from support.fake_ca import FakeCa

DAY = datetime.timedelta(days=1)


def test_issue(host, ca):
    row, changed = host.run()
    assert changed == ["www.foobar.com"]
    assert (row["state"], row["source"], row["trusted"], row["reason"]) == (
        "issued",
        "acme",
        True,
        "",
    )
    assert row["serial"] == f"{2**70:x}"
    assert row["account"] == f"{ca.url}/account/0"
    assert ca.registered == [{"termsOfServiceAgreed": True}]
    asked = list(ca.asked)
    assert host.run() == (row, [])
    assert ca.asked == asked  # nothing is due, so nobody is asked


def test_name_that_a_wildcard_covers_is_not_ordered_beside_it(host, ca, clock):
    host.options["certificates"][0]["names"] = [
        "www.foobar.com",
        "foobar.com",
        "*.foobar.com",
        "tls-5.hosts.foobar.com",
    ]
    row, _changed = host.run()
    assert (row["state"], row["trusted"], row["reason"]) == ("issued", True, "")
    ordered = [one["value"] for one in ca.orders[0]["wanted"]["identifiers"]]
    assert ordered == ["foobar.com", "*.foobar.com", "tls-5.hosts.foobar.com"]
    said = pem.read((host.top / "www.foobar.com/current/fullchain.pem").read_bytes())
    assert said.names == ("*.foobar.com", "foobar.com", "tls-5.hosts.foobar.com")
    clock.forward(hours=2)
    assert host.run() == (row, [])  # it is the certificate that was wanted
    ca.window = (clock() + 50 * DAY, clock() + 50 * DAY)
    clock.forward(days=2)
    host.run()
    clock.forward(days=50)
    host.run()
    assert "replaces" in ca.orders[1]["wanted"]


def test_account_is_registered_once(host, ca, clock):
    host.run()
    clock.forward(days=70)
    assert host.run()[1] == ["www.foobar.com"]
    assert len(ca.registered) == 1
    ca.accounts.clear()
    clock.forward(days=70)
    assert host.run()[1] == ["www.foobar.com"]
    assert len(ca.registered) == 2


def test_eab_is_used_when_the_account_is_unknown(host, ca, clock):
    ca.meta = {"externalAccountRequired": True}
    assert "lamp_acme.eab" in host.run()[0]["reason"]
    host.options["authorities"][0]["eab"] = {
        "kid": "k1",
        "hmac": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",
    }
    clock.forward(minutes=2)
    assert host.run()[0]["state"] == "issued"
    assert set(ca.registered[0]["externalAccountBinding"]) == {"protected", "payload", "signature"}
    clock.forward(days=70)
    host.run()
    assert len(ca.registered) == 1


def test_retry_after_is_obeyed(host, ca, clock):
    ca.planned["newOrder"] = [(429, "rateLimited", {"Retry-After": "7200"})]
    row, changed = host.run()
    assert (row["state"], changed) == ("failed", ["www.foobar.com"])  # the placeholder is new
    assert "rateLimited as planned" in row["reason"]
    clock.forward(minutes=119)
    host.run()
    assert ca.asked.count("newOrder") == 1
    clock.forward(minutes=2)
    assert host.run()[0]["state"] == "issued"


def test_retry_after_as_a_date():
    at = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.UTC)
    assert moments.of_header("Fri, 27 Nov 2026 13:00:00 GMT", at) == at + datetime.timedelta(
        hours=1
    )
    assert moments.of_header("60", at) == at + datetime.timedelta(minutes=1)
    assert moments.of_header("soon", at) is moments.of_header(None, at) is None


def test_ca_out_of_order_is_not_asked_for_the_other_sites(host, ca, clock):
    other = {
        "name": "b.foobar.com",
        "names": ["b.foobar.com"],
        "source": "acme",
        "method": "http-01",
    }
    host.options["certificates"].append(other)
    ca.planned["newOrder"] = [(503, "serverInternal", {"Retry-After": "600"})]
    host.run()
    assert ca.asked.count("newOrder") == 1
    assert {row["reason"].partition(":")[0] for row in report.rows(host.site())} != {""}
    clock.forward(minutes=11)
    host.run()
    assert {row["state"] for row in report.rows(host.site())} == {"issued"}
    assert all(row["since"] < row["next"] < row["until"] for row in report.rows(host.site()))


@pytest.mark.parametrize("where", ["finalize", "order", "certificate"])
def test_order_is_not_made_again_when_the_ca_was_lost_meanwhile(host, ca, clock, where):
    ca.planned[where] = [(503, "serverInternal", {})]
    assert host.run()[0]["state"] == "failed"
    asked = len(ca.asked)
    assert host.run()[0]["state"] == "failed"
    assert len(ca.asked) == asked
    clock.forward(seconds=61)
    assert host.run()[0]["state"] == "issued"
    assert len(ca.orders) == 1


def test_order_that_is_lost_again_and_again_is_given_up(host, ca, clock):
    ca.planned["certificate"] = [(503, "serverInternal", {})] * 4
    for _attempt in range(5):
        host.run()
        clock.forward(days=1)
    assert host.run()[0]["state"] == "issued"
    assert len(ca.orders) == 2


@pytest.mark.parametrize(
    ("code", "kind"), [(409, "alreadyReplaced"), (404, "malformed"), (500, "serverInternal")]
)
def test_replaces_is_dropped_when_the_ca_does_not_take_it(host, ca, clock, code, kind):
    ca.window = (clock() + 50 * DAY, clock() + 50 * DAY)
    host.run()
    ca.planned["replaces"] = [(code, kind, {})]
    host.run()  # takes the advice
    clock.forward(days=51)
    assert host.run()[1] == ["www.foobar.com"]
    assert "replaces" not in ca.orders[-1]["wanted"]
    assert not ca.planned["replaces"]
    ca.window = (clock() + 50 * DAY, clock() + 50 * DAY)
    host.run()
    clock.forward(days=51)
    host.run()
    assert ca.orders[-1]["wanted"]["replaces"].count(".") == 1


def test_advice_brings_a_renewal_forward(host, ca, clock):
    ca.window = (clock() + 50 * DAY, clock() + 51 * DAY)
    host.run()
    drawn = host.run()[0]["next"]
    assert moments.shown(ca.window[0]) <= drawn <= moments.shown(ca.window[1])
    assert host.run()[0]["next"] == drawn
    asked = ca.asked.count("renewalInfo")
    clock.forward(hours=5)
    host.run()
    assert ca.asked.count("renewalInfo") == asked  # not before Retry-After
    ca.window = (clock() - 2 * DAY, clock() - DAY)
    clock.forward(hours=2)
    assert host.run()[1] == ["www.foobar.com"]


def test_challenge_without_a_token_is_refused(host, ca, monkeypatch):
    real = FakeCa._authorization

    def without(self, *words):
        status, headers, said = real(self, *words)
        for one in said["challenges"]:
            isinstance(one, dict) and one.pop("token", None)
        return status, headers, said

    monkeypatch.setattr(FakeCa, "_authorization", without)
    assert "token" in host.run()[0]["reason"]


def test_unknown_challenges_do_no_harm_and_a_missing_one_is_named(host, ca):
    ca.challenges = ("dns-01",)
    assert (
        "the CA offers no http-01 for www.foobar.com, but dns-persist-01, dns-01"
        in host.run()[0]["reason"]
    )


def test_name_that_is_not_proved_is_named_with_what_the_ca_saw_and_a_remedy(host, ca):
    ca.invalid = "connection"
    row, _changed = host.run()
    assert row["state"] == "failed"
    assert row["reason"].startswith(
        "test: www.foobar.com: the CA refused: "
        "connection it is (connection). See that port 80 is open"
    )


@pytest.mark.parametrize(("bad", "state"), [(5, "issued"), (10**6, "failed")])
def test_bad_nonces(host, ca, bad, state):
    ca.bad_nonces = bad
    row, _changed = host.run()
    assert row["state"] == state
    assert ca.bad_nonces == 0 or 10**6 - ca.bad_nonces == protocol._NONCES


def test_ca_that_is_gone(host, ca):
    host.options["authorities"][0]["directory"] = "http://127.0.0.1:1/directory"
    row, _changed = host.run()
    assert row["source"] == "placeholder"
    assert row["reason"].startswith("test: http://127.0.0.1:1/directory cannot be reached")


def test_compound_error_names_each_name():
    said = {
        "type": "urn:ietf:params:acme:error:compound",
        "detail": "Two errors.",
        "subproblems": [
            {
                "type": "urn:ietf:params:acme:error:caa",
                "detail": "CAA forbids",
                "identifier": {"type": "dns", "value": "a.foobar.com"},
            },
            {
                "type": "urn:ietf:params:acme:error:dns",
                "detail": "no such name",
                "identifier": {"type": "dns", "value": "b.foobar.com"},
            },
        ],
    }
    found = errors.problem(said)
    assert found.kind == "caa"
    assert "a.foobar.com: CAA forbids b.foobar.com: no such name" in str(found)


def test_certificate_of_other_names_is_not_served(host, ca, monkeypatch):
    monkeypatch.setattr(
        order.pem, "request", lambda private, names, real=pem.request: real(private, names[:1])
    )
    row, _changed = host.run()
    assert row["source"] == "placeholder"
    assert "lacks foobar.com" in row["reason"]


def test_rehearsal_at_staging_after_a_failure(host, ca, clock):
    staging = FakeCa(clock)
    try:
        host.options["authorities"][0]["staging"] = staging.directory
        ca.planned["challenge"] = [(403, "unauthorized", {})]
        assert host.run()[0]["state"] == "failed"
        assert not staging.orders
        staging.planned["newOrder"] = [(400, "caa", {})]
        clock.forward(minutes=2)
        assert "caa as planned" in host.run()[0]["reason"]
        assert len(ca.orders) == 1
        clock.forward(minutes=11)
        row, _changed = host.run()
        assert (row["state"], len(staging.orders), len(ca.orders)) == ("issued", 1, 2)
        # One that is out of order keeps nobody from the real one.
        ca.planned["newOrder"] = [(400, "dns", {})]
        clock.forward(days=70)
        host.run()
        staging.close()
        clock.forward(minutes=2)
        assert host.run()[0]["state"] == "issued"
    finally:
        staging.close()


def test_ca_with_a_bound_account_has_no_rehearsal(host, ca, clock):
    staging = FakeCa(clock)
    try:
        # Which knows nothing of the account that ours is bound to.
        ca.meta = staging.meta = {"externalAccountRequired": True}
        eab = {"kid": "k1", "hmac": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}
        host.options["authorities"][0] |= {"staging": staging.directory, "eab": eab}
        ca.planned["newOrder"] = [(403, "unauthorized", {})]
        host.run()
        clock.forward(minutes=2)
        row, _changed = host.run()
        assert (row["state"], row["reason"], staging.asked) == ("issued", "", [])
    finally:
        staging.close()


def test_next_ca_after_a_day(host, ca, clock):
    second = FakeCa(clock)
    try:
        host.options["authorities"].append(
            {"name": "second", "directory": second.directory, "trusted": True}
        )
        ca.planned["newOrder"] = [(503, "serverInternal", {})] * 9
        for _hour in range(26):
            host.run()
            clock.forward(hours=1)
        assert not second.orders
        for _hour in range(4):
            host.run()
            clock.forward(hours=1)
        assert len(second.orders) == 1
        assert host.run()[0]["state"] == "issued"
    finally:
        second.close()


def test_another_ca_is_another_certificate(host, ca, clock):
    host.options["authorities"][0]["trusted"] = False
    assert host.run()[0]["trusted"] is False
    new = FakeCa(clock)
    try:
        host.options["authorities"] = [{"name": "new", "directory": new.directory, "trusted": True}]
        clock.forward(hours=2)
        row, changed = host.run()
        assert (row["trusted"], changed, len(new.orders)) == (True, ["www.foobar.com"], 1)
    finally:
        new.close()


def test_revoke_asks_for_another_key(host, ca):
    before = host.run()[0]["serial"]
    revoke(host, "keyCompromise")
    assert ca.revoked == [1]
    assert host.run()[0]["serial"] != before
    assert len(ca.orders) == 2
    assert "replaces" not in ca.orders[1]["wanted"]


def revoke(host, reason="superseded"):
    site = host.site()
    with site.locked():
        run.revoke(site, "www.foobar.com", reason)
        return report.rows(site)[0]


def test_refused_revocation_is_said_and_a_new_certificate_asked_for_all_the_same(host, ca, clock):
    before = host.run()[0]["serial"]
    ca.planned["revokeCert"] = [(403, "unauthorized", {})] * 2
    row = revoke(host)
    assert (row["serial"] != before, ca.revoked) == (True, [])
    assert (
        f"the certificate {before} could not be revoked: the CA refused: unauthorized as planned"
        in row["reason"]
    )
    # It is asked again as seldom as for a certificate, and status says it until it is done.
    assert "could not be revoked" in report.rows(host.site())[0]["reason"]
    host.run()
    assert ca.asked.count("revokeCert") == 1
    clock.forward(seconds=61)
    host.run()
    assert ca.asked.count("revokeCert") == 2
    clock.forward(minutes=11)
    assert host.run()[0]["reason"] == ""
    assert ca.revoked == [4]


def test_revocation_by_a_ca_that_is_gone_stops_no_renewal(host, ca, clock):
    before = host.run()[0]["serial"]
    new = FakeCa(clock)
    try:
        host.options["authorities"] = [{"name": "new", "directory": new.directory, "trusted": True}]
        row = revoke(host)
        assert "set lamp_acme.directory to revoke" in row["reason"]
        clock.forward(days=61)
        host.run()
        clock.forward(days=61)
        row, changed = host.run()
        assert (changed, row["reason"], len(new.orders), row["serial"] != before) == (
            ["www.foobar.com"],
            "",
            3,
            True,
        )
    finally:
        new.close()


def test_renew_does_not_pass_the_back_off_and_retry_does_once(host, ca, clock):
    ca.planned["newOrder"] = [(400, "dns", {})] * 2
    host.run()
    host.run(forced=True)
    assert ca.asked.count("newOrder") == 1
    site = host.site()
    with site.locked():
        run.retry(site, ["www.foobar.com"])
    host.run()
    host.run()
    assert ca.asked.count("newOrder") == 2
    clock.forward(minutes=11)
    assert host.run()[0]["state"] == "issued"
    serial = host.run()[0]["serial"]
    assert host.run(forced=True)[0]["serial"] != serial


def test_thumbprint_is_of_the_key_that_signs():
    import josepy

    key = account.key("s" * 48)
    assert josepy.b64encode(josepy.JWKEC(key=key).thumbprint()).decode() == account.thumbprint(key)


def test_no_ca(host):
    host.options["authorities"] = []
    assert "lamp_acme.directory" in host.run()[0]["reason"]
    with pytest.raises(CertificateError, match="There is no certificate x"):
        host.site().wishes(["x"])
