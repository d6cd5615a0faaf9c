"""The command is killed at each step: what is served is whole, the next run goes on, and no
second order is made within the back-off.
"""

from __future__ import annotations

import os

import pytest
from site_certificates import CertificateError, files, moments, pem, run

NAME = "www.foobar.com"


def killed_at(step, work):
    """Do ``work`` in a process that dies at its n-th step; return whether it died."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    steps = iter(range(1, 100000))

    def checkpoint():
        if next(steps) == step:
            os._exit(9)

    files.checkpoint = checkpoint
    try:
        work()
    finally:
        os._exit(0)


def whole(host):
    """Return the serial of what is served; that it is whole is required,
    and that ``trusted`` says nothing false.
    """
    place = host.top / NAME / "current"
    if not place.is_symlink():
        return None
    chain, private = (place / "fullchain.pem").read_bytes(), (place / "key.pem").read_bytes()
    assert pem.fits(chain, private, (NAME,), moments.now()) is None
    found = pem.read(chain)
    if (host.top / NAME / "trusted").exists():
        assert found.issuer == ""  # the CA's, and not the placeholder's of the host's own authority
    return found.serial


def test_first_certificate(host, ca, clock):
    steps = {}
    for step in range(1, 1000):
        if not killed_at(step, host.run):
            break
        whole(host)
        began = len(ca.orders)
        # At once: an order that is known is gone on with, one that is not waits.
        row, _changed = host.run()
        whole(host)
        assert len(ca.orders) <= max(began, 1)
        steps[step] = row["state"]
        if row["state"] != "issued":
            clock.forward(seconds=61)
            host.run()
        assert whole(host) == f"{2**70 + len(ca.orders) - 1:x}"
        assert len(ca.orders) <= 2
        assert host.run()[0]["state"] == "issued"
        assert not list(host.top.glob("**/.*.new"))
        assert not list(host.top.glob("**/order.key"))
        reset(host, ca, clock)
    assert step > 50
    assert set(steps.values()) == {"issued", "asking"}
    # Whoever is killed when the order is known loses nothing.
    assert list(steps.values()).count("asking") < step / 3


def reset(host, ca, clock):
    clock.forward(hours=2)
    for path in sorted(host.top.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    ca.orders.clear()


def test_renewal(host, ca, clock):
    host.run()
    for step in range(1, 1000, 2):
        clock.forward(days=60)
        before, orders = whole(host), len(ca.orders)
        if not killed_at(step, host.run):
            break
        assert whole(host) in (before, f"{2**70 + orders:x}")
        assert (host.top / NAME / "trusted").exists()
        host.run()
        clock.forward(seconds=61)
        host.run()
        assert whole(host) != before
        assert len(ca.orders) - orders <= 2
        host.run()
        assert len(list((host.top / NAME / "by-serial").iterdir())) == 2  # the one before is kept
    assert step > 40


@pytest.mark.parametrize("reason", ["keyCompromise"])
def test_revocation(host, ca, clock, reason):
    host.run()
    for step in range(1, 1000, 2):
        clock.forward(hours=2)
        before, revoked = whole(host), len(ca.revoked)

        def revoke():
            site = host.site()
            with site.locked():
                run.revoke(site, NAME, reason)

        died = killed_at(step, revoke)
        host.run()
        clock.forward(seconds=61)
        host.run()
        assert (len(ca.revoked) > revoked) == (whole(host) != before)
        if not died:
            break
    assert step > 40


def test_archive(host, ca, clock):
    host.run()
    host.options["certificates"] = []
    for step in range(1, 1000):
        if not killed_at(step, lambda: run.run(host.site())):
            break
        site = host.site()
        run.run(site)
        assert not (host.top / NAME).exists()
        assert len(list((host.top / "archive").iterdir())) == 1
        os.rename(next((host.top / "archive").iterdir()), host.top / NAME)
    assert step > 2


def test_order_that_the_ca_has_forgotten(host, ca, clock):
    for step in range(1, 1000):
        reset(host, ca, clock)
        assert killed_at(step, host.run)
        site = host.site()
        (wish,) = site.settings.wishes
        if (site.ledger(wish).pace(wish.ordered).get("attempt") or {}).get("order"):
            break
    assert ca.orders
    ca.orders.clear()
    ca.planned["order"] = [(404, "malformed", {})]
    assert host.run()[0]["state"] == "failed"
    clock.forward(seconds=61)
    assert host.run()[0]["state"] == "issued"


def test_second_command_waits(host):
    site = host.site()
    with site.locked():
        child = os.fork()
        if not child:
            os.closerange(3, 256)  # the lock is the parent's as long as anybody has it open
            with host.site().locked():
                (host.top / "second").touch()
            os._exit(0)
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        assert not (host.top / "second").exists()
    assert os.waitpid(child, 0)[1] == 0
    with pytest.raises(CertificateError, match="no certificate nobody"):
        host.site().wishes(["nobody"])
