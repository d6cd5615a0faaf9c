"""What a reference to an image means, and which of several images a host runs."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import references

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ("registry.foobar.com/shop:1.4", "registry.foobar.com/shop:1.4"),
        ("registry.foobar.com:5000/team/shop", "registry.foobar.com:5000/team/shop:latest"),
        ("localhost/shop", "localhost/shop:latest"),
        ("[::1]:5000/shop:1", "[::1]:5000/shop:1"),
        ("shop:1.4", "docker.io/library/shop:1.4"),
        ("team/shop", "docker.io/team/shop:latest"),
        (f"registry.foobar.com/shop:1.4@{DIGEST}", f"registry.foobar.com/shop@{DIGEST}"),
    ],
)
def test_reference_is_whole(image, text):
    assert references.parsed(image).text == text


@pytest.mark.parametrize(
    "image",
    [
        "",
        "Shop",
        "shop:",
        "shop@sha256:12",
        "registry.foobar.com/Shop",
        "a//b",
        "shop 1",
        "shop:1\n",
        "-x/shop",
    ],
)
def test_what_is_no_reference(image):
    assert references.parsed(image) is None


def test_paths_are_told_from_references():
    paths = [
        "./layout",
        "../images/shop",
        "/srv/layout",
        "~/layout",
        "shop.tar",
        "images/shop.tar.gz",
    ]
    assert all(map(references.is_path, paths))
    assert not any(
        map(references.is_path, ["shop:1.4", "images/shop", "registry.foobar.com/shop.tar/x"])
    )


def test_image_is_that_of_the_hosts_processor():
    there = [
        {"platform": {"os": "linux", "architecture": "arm", "variant": variant}}
        for variant in ("v6", "v7")
    ]
    there += [
        {"platform": {"os": "linux", "architecture": "amd64"}},
        {"platform": {"os": "windows", "architecture": "amd64"}},
    ]
    assert references.fitting(there, "x86_64") == [there[2]]
    assert references.fitting(there, "armv7l") == [there[1]]
    assert references.fitting(there, "riscv64") == []
    assert references.fitting(there, "") == there[:3]
    assert references.platform("x86_64") == "linux/amd64"
    assert references.platform("aarch64") == "linux/arm64"


@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("a/b", False),
        ("./a", False),
        ("a/../b", False),
        ("../a", True),
        ("a/../../b", True),
        ("/a", True),
    ],
)
def test_leads_out(name, out):
    assert references.leads_out(name) is out
