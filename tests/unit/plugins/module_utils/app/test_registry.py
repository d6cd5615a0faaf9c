"""What is to be done about a registry that gives no image, and who says it."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.app import failures, registry


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "unauthorized: authentication required",
            "registry.foobar.com does not let us read it: give registry.username",
        ),
        (
            "denied: requested access to the resource is denied",
            "registry.foobar.com does not let us read it",
        ),
        (
            "unable to retrieve auth token: invalid username/password: unauthorized",
            "or correct them or the name in image.",
        ),
        ("manifest unknown: manifest unknown", "registry.foobar.com has no such image"),
        ("no such manifest: registry.foobar.com/shop:1", "registry.foobar.com has no such image"),
        ("http: server gave HTTP response to HTTPS client", "registry.foobar.com speaks no TLS"),
        (
            "x509: certificate signed by unknown authority",
            "the host does not trust the certificate of registry.foobar.com",
        ),
        (
            "dial tcp: lookup registry.foobar.com on 192.0.2.1:53: no such host",
            "no name server knows registry.foobar.com",
        ),
        (
            "dial tcp 192.0.2.1:443: connect: connection refused",
            "registry.foobar.com does not answer: correct the address in image",
        ),
        (
            "toomanyrequests: You have reached your pull rate limit",
            "registry.foobar.com wants fewer questions",
        ),
    ],
)
def test_cause_and_remedy_follow_from_what_tools_say(said, words):
    assert words in registry.cause(said, "registry.foobar.com", "the host")


def test_what_nobody_knows_has_no_cause():
    assert registry.cause("something else", "registry.foobar.com", "the host") == ""


@pytest.mark.parametrize(
    ("kind", "headline"),
    [
        (
            "registry",
            (
                "shop: release 11 of r:5000/shop:1 failed (image): r:5000 does not answer: correct "
                "the address in image, or the network"
            ),
        ),
        # What a build on the host could not reach may be anything.
        (
            "context",
            "shop: release 11 of r:5000/shop:1 failed (image): Error: dial tcp: connection refused",
        ),
    ],
)
def test_host_that_cannot_pull_says_what_is_to_be_done(kind, headline):
    image = {"kind": kind, "reference": f"r:5000/shop@sha256:{'0' * 64}"}
    plan = {"name": "shop", "release": "11", "source": "r:5000/shop:1", "image": image}
    failure = failures.failed_step(
        plan, "image", "Trying to pull ...\nError: dial tcp: connection refused\n(exit status 125)"
    )
    assert failure["headline"].startswith(headline)
    assert "connection refused" in failure["words"]
