"""What an image is built from, and how a build that fails is told."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import tarfile

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import builders, oci, sources


@pytest.fixture
def context(tmp_path):
    place = tmp_path / "shop"
    place.mkdir()
    (place / "Containerfile").write_text(
        "FROM scratch\nARG TOKEN\nCOPY . /srv\nCMD ['/srv/shop']\n"
    )
    (place / "shop.py").write_text("application = None\n")
    (place / "shop.log").write_text("visits\n")
    return place


def app(context, **build):
    return {"name": "www.foobar.com", "build": {"directory": str(context), **build}}


def test_ignore_file_says_what_is_left_out(context):
    (context / ".dockerignore").write_text("*.log\n")
    (context / ".git").mkdir()
    (context / ".git" / "HEAD").write_text("x")
    (context / "away").symlink_to("shop.py")
    os.mkfifo(context / "fifo")
    assert builders.listing(builders.of(app(context))) == [
        ".dockerignore",
        "Containerfile",
        "away",
        "shop.py",
    ]
    # Podman's own name counts more, and what builders read is there whatever the file says.
    (context / ".containerignore").write_text("*\n")
    assert builders.listing(builders.of(app(context))) == [".containerignore", "Containerfile"]
    (context / "Containerfile.dockerignore").write_text("**\n!shop.*\n")
    assert builders.listing(builders.of(app(context))) == [
        "Containerfile",
        "Containerfile.dockerignore",
        "shop.log",
        "shop.py",
    ]


def test_without_one_git_says_it(context):
    subprocess.run(["git", "init", "--quiet", context], check=True)
    (context / ".gitignore").write_text("*.log\n")
    assert builders.listing(builders.of(app(context))) == [".gitignore", "Containerfile", "shop.py"]


def test_what_makes_another_image(context):
    def digest(**build):
        return builders.digest(builders.of(app(context, **build)))

    first = digest()
    (context / "away").mkdir()
    assert digest() == first
    found = [first, digest(target="web"), digest(args={"TOKEN": "1"}), digest(args={"TOKEN": 2})]
    (context / "Other").write_text((context / "Containerfile").read_text())
    found += [digest(), digest(file="Other")]
    (context / "shop.py").chmod(0o755)
    found.append(digest())
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        ({"file": "Other"}, r"has no Other: add one, or name it in build.file"),
        (
            {"file": "../Containerfile"},
            r"with the build.file ../Containerfile, which is not in .*: give one that is",
        ),
    ],
)
def test_containerfile_that_is_not_there(build, said, context):
    with pytest.raises(sources.SourceError, match=said):
        builders.of(app(context, **build))
    (context / "Containerfile").unlink()
    with pytest.raises(sources.SourceError, match=r"has no Containerfile and no Dockerfile"):
        builders.of(app(context))
    (context / "Dockerfile").write_text("FROM scratch\n")
    assert builders.of({"name": "shop", "build": str(context)}).file == "Dockerfile"


def test_host_that_builds_gets_what_is_built_from(context, tmp_path):
    (context / "shop.py").chmod(0o700)
    builders.write(
        builders.of(app(context, args={"TOKEN": "x"}, target="web")), tmp_path / "context.tar.gz"
    )
    assert (tmp_path / "context.tar.gz").stat().st_mode & 0o077 == 0
    with tarfile.open(tmp_path / "context.tar.gz") as archive:
        found = {member.name: member.mode for member in archive}
        assert {(member.uid, member.gid, member.uname) for member in archive} == {(0, 0, "root")}
        assert json.load(archive.extractfile("build.json")) == {
            "target": "web",
            "args": {"TOKEN": "x"},
            "registry": "",
        }
    assert found == {
        "Containerfile": 0o644,
        "build.json": 0o600,
        "context": 0o755,
        "context/Containerfile": 0o644,
        "context/shop.log": 0o644,
        "context/shop.py": 0o755,
    }


def tool(tmp_path, monkeypatch, script):
    """Have a program be the builder that there is."""
    place = tmp_path / "bin"
    place.mkdir()
    (place / "docker").write_text(f"#!/bin/sh\n{script}\n")
    (place / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")


def test_build_that_fails_shows_its_end_and_no_secret(context, tmp_path, monkeypatch):
    tool(
        tmp_path,
        monkeypatch,
        'echo "first of all"; seq 2000; echo "TOKEN is $TOKEN, called as $*" >&2; exit 3',
    )
    one = app(context, args={"TOKEN": "hunter22"}) | {
        "registry": {"username": "joe", "password": "swordfish"}
    }
    with pytest.raises(
        sources.SourceError, match=r"docker build failed on this computer\.\n"
    ) as error:
        builders.build_here("docker", one, builders.of(one), tmp_path / "x.tar", "", 60)
    said = str(error.value)
    assert said.endswith(f"--build-arg TOKEN {said.rpartition(' ')[2]}")
    assert "TOKEN is ***, called as build" in said
    assert "hunter22" not in said
    assert "first of all" not in said


def test_build_that_takes_too_long(context, tmp_path, monkeypatch):
    tool(tmp_path, monkeypatch, "echo begun; exec sleep 30")
    with pytest.raises(
        sources.SourceError,
        match=r"was not done with after 1 seconds on this computer: .*timeouts.install\.\nbegun",
    ):
        builders.build_here(
            "docker", app(context), builders.of(app(context)), tmp_path / "x.tar", "", 1
        )


@pytest.mark.parametrize(
    ("text", "registry"),
    [
        (
            "FROM registry.foobar.com/base:1 AS base\nFROM base\nFROM scratch\n",
            "registry.foobar.com",
        ),
        ("FROM --platform=linux/amd64 python:3.13\n", "docker.io"),
        ("FROM registry.foobar.com/base:1\nFROM python:3.13\n", ""),
        ("ARG BASE\nFROM $BASE\n", ""),
        ("FROM scratch\n", ""),
    ],
)
def test_login_is_for_the_one_registry_that_is_built_from(text, registry, context):
    (context / "Containerfile").write_text(text)
    assert builders._registry(builders.of(app(context))) == registry


def test_first_tool_that_works_builds(tmp_path, monkeypatch):
    place = tmp_path / "bin"
    place.mkdir()
    for name, status in (("podman", 1), ("docker", 0), ("buildah", 0)):
        (place / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (place / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(place))
    assert builders.tool(["podman", "docker", "buildah"]) == "docker"
    assert builders.tool(["buildah", "docker"]) == "buildah"
    assert builders.tool(["podman"]) == builders.tool([]) == ""


@pytest.fixture
def storage(tmp_path, monkeypatch):
    """Have podman and buildah keep their images apart: what tests build is nobody's."""
    lines = f'driver = "vfs"\ngraphroot = "{tmp_path}/images"\nrunroot = "{tmp_path}/run"\n'
    (tmp_path / "storage.conf").write_text(f"[storage]\n{lines}")
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(tmp_path / "storage.conf"))


@pytest.mark.usefixtures("storage")
@pytest.mark.parametrize("one", ["podman", "docker", "buildah"])
def test_build_of_each_tool_itself(one, context, tmp_path):
    if not builders.tool([one]):
        pytest.skip(f"{one} is not there, or does not work")
    (context / ".dockerignore").write_text("*.log\n")
    target = tmp_path / "image.tar"
    shop = app(context, args={"TOKEN": "x"}) | {"name": f"ship-test-{os.getpid()}"}
    try:
        builders.build_here(one, shop, builders.of(shop), target, "", 120)
        with oci.opened(target, "") as image:
            oci.write(image, tmp_path / "layout.tar.gz")
            (layer,) = image.layers
            with tarfile.open(fileobj=image.files.open(layer.name)) as archive:
                names = {pathlib.PurePath(name).name for name in archive.getnames()}
        assert {"shop.py", "Containerfile"} <= names
        assert "shop.log" not in names
    finally:
        subprocess.run(
            [one, "rmi", f"localhost/foobar-lamp/{shop['name']}"], capture_output=True, check=False
        )
