"""What identifies an application that is an image, and what of it a host gets."""

from __future__ import annotations

import json
import os
import tarfile

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import (
    builders,
    images,
    model,
    references,
    registries,
    sources,
)

from . import image_files as files

DIGEST = f"sha256:{'a' * 64}"


@pytest.fixture
def cache(tmp_path):
    return sources.Cache("run", tmp_path / "cache")


def app(image=None, **more):
    return {"name": "shop", "serve": ["shop"], **({"image": str(image)} if image else {}), **more}


def shipped(one, cache, have=()):
    """Return the plan of an application, what was packed for a host, and the names in it."""
    plan = model.plan(one)
    path = images.pack_image(one, plan, cache, have, "x86_64")
    if not path:
        return plan, None, []
    with tarfile.open(path) as archive:
        return plan, path, archive.getnames()


def test_digest_of_a_reference_is_asked_of_nobody(cache, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    one = app(f"registry.foobar.com/shop:1.4@{DIGEST}")
    assert images.resolve(one, cache) == (
        f"image {DIGEST}",
        "registry.foobar.com/shop:1.4 (aaaaaaaaaaaa)",
    )
    plan, path, _names = shipped(one, cache)
    assert path is None
    assert plan["image"] == {
        "kind": "registry",
        "reference": f"registry.foobar.com/shop@{DIGEST}",
        "digest": DIGEST,
    }


def test_tag_is_asked_once_a_run(cache, tmp_path, monkeypatch):
    asked = []

    def digest(reference, architecture, login):
        asked.append((reference.text, architecture, login))
        return DIGEST

    monkeypatch.setattr(registries, "digest", digest)
    one = app(
        "registry.foobar.com/shop:{version}",
        version="1.4",
        registry={"username": "joe", "password": "x"},
    )
    for _host in range(2):
        assert images.resolve(one, cache, "x86_64")[0] == f"image {DIGEST}"
    assert asked == [("registry.foobar.com/shop:1.4", "x86_64", one["registry"])]
    images.resolve(one, sources.Cache("later", tmp_path / "cache"), "x86_64")
    assert len(asked) == 2


@pytest.mark.parametrize("image", ["Shop", "a b"])
def test_what_is_no_image(image, cache):
    with pytest.raises(
        sources.SourceError,
        match=r"python_app_apps has shop with the image '.*', which is no reference such as",
    ):
        images.resolve(app(image), cache)


def test_image_in_files_is_what_runs(cache, tmp_path):
    ways = [
        files.written(tmp_path / "a.tar", files.docker()),
        files.written(tmp_path / "b.tar.gz", files.layout(), packed=True),
    ]
    ways.append(files.unpacked(tmp_path / "layout", files.layout(compressed=True)))
    assert len({images.resolve(app(way), cache, "x86_64")[0] for way in ways}) == 1
    assert (
        images.resolve(app(ways[0]), cache, "x86_64")[1]
        == f"{ways[0]} ({files.sha(files.config())[7:19]})"
    )


def test_file_is_read_again_when_it_changed(cache, tmp_path):
    path = files.written(tmp_path / "a.tar", files.docker())
    first = images.resolve(app(path), cache, "x86_64")
    assert images.resolve(app(path), cache, "x86_64") == first
    about = os.stat(path)
    files.written(tmp_path / "a.tar", files.docker(files.config(Cmd=["gunicorm"])))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert os.stat(path).st_size == about.st_size
    assert images.resolve(app(path), cache, "x86_64")[0] != first[0]


def test_what_cannot_be_read_is_named(cache, tmp_path):
    with pytest.raises(
        sources.SourceError,
        match=r"with the image /nonexistent.tar, which cannot be read .*No such file",
    ):
        images.resolve(app("/nonexistent.tar"), cache)
    path = files.written(tmp_path / "a.tar", files.docker(files.config(architecture="arm64")))
    with pytest.raises(
        sources.SourceError,
        match=(
            r"python_app_apps has shop with the image .*a.tar, which is for linux/arm64, and the "
            r"host"
        ),
    ):
        images.resolve(app(path), cache, "x86_64")


def test_host_gets_a_layout_without_what_it_has(cache, tmp_path):
    one = app(files.written(tmp_path / "a.tar", files.docker()))
    plan, whole, names = shipped(one, cache)
    assert plan["image"] == {"kind": "layout", "reference": "", "digest": files.sha(files.config())}
    assert len(names) == 6
    made = whole.stat().st_mtime_ns
    assert shipped(one, cache)[1] == whole
    base = files.sha(files.layers()[0])
    _plan, part, fewer = shipped(one, cache, {base})
    assert set(names) - set(fewer) == {f"blobs/sha256/{base[7:]}"}
    # What else the host has is no matter.
    assert shipped(one, cache, {base, DIGEST})[1] == part
    assert whole.read_bytes() != part.read_bytes()
    assert whole.stat().st_mtime_ns >= made


def test_damaged_layer_leaves_nothing_in_the_cache(cache, tmp_path):
    made = files.docker()
    made["1/layer.tar"] = made["1/layer.tar"].replace(b"shop", b"shoq")
    one = app(files.written(tmp_path / "a.tar", made))
    with pytest.raises(
        sources.SourceError, match=r"is damaged: the content of the layer 1/layer.tar is another"
    ):
        shipped(one, cache)
    assert not list(cache.directory.glob("*.tar.gz*.new"))
    assert not list(cache.directory.glob("*.tar.gz"))


@pytest.fixture
def context(tmp_path):
    place = tmp_path / "shop"
    place.mkdir()
    (place / "Containerfile").write_text("FROM scratch\nCOPY . /srv\n")
    (place / "shop.py").write_text("application = None\n")
    return place


def test_without_a_builder_the_host_builds(cache, context, monkeypatch):
    monkeypatch.setattr(builders, "tool", lambda _tools: "")
    one = app(build=str(context))
    content, words = images.resolve(one, cache, "x86_64")
    plan, _path, names = shipped(one, cache)
    assert names == [
        "Containerfile",
        "build.json",
        "context",
        "context/Containerfile",
        "context/shop.py",
    ]
    assert plan["image"] == {
        "kind": "context",
        "reference": "",
        "digest": content.removeprefix("build "),
    }
    assert words == f"{context} (built, {plan['image']['digest'][7:19]})"


def test_image_is_built_once_for_all_hosts(cache, context, monkeypatch):
    built = []

    def build_here(tool, one, build, target, architecture, patience):
        built.append((tool, architecture, patience))
        files.written(target, files.docker())

    monkeypatch.setattr(builders, "tool", lambda _tools: "podman")
    monkeypatch.setattr(builders, "build_here", build_here)
    one = app(build={"directory": str(context)}, timeouts={"install": 77})
    for _host in range(2):
        plan, _path, names = shipped(one, cache)
        assert plan["image"] == {
            "kind": "layout",
            "reference": "",
            "digest": files.sha(files.config()),
        }
        assert "oci-layout" in names
    assert built == [("podman", "x86_64", 77)]
    (context / "shop.py").write_text("application = 1\n")
    shipped(one, cache)
    assert len(built) == 2


def test_archive_beside_an_image_has_launchers_and_the_release(cache, tmp_path):
    (tmp_path / "launchers").mkdir()
    (tmp_path / "launchers" / "run").write_text("#!/bin/sh\n")
    one = app(f"shop@{DIGEST}")
    plan = model.plan(one)
    content, plan["source"] = images.resolve(one, cache)
    plan["release"], plan["image"] = model.release(content, plan), images.planned(one, cache)
    with tarfile.open(images.pack(plan, cache, [tmp_path / "launchers" / "run"])) as archive:
        assert archive.getnames() == ["release.json", "run"]
        assert json.load(archive.extractfile("release.json"))["image"]["digest"] == DIGEST
        assert {member.uid for member in archive} == {0}


def test_layers_that_a_host_has():
    said = [
        {"id": "1", "compressed-diff-digest": "sha256:a", "diff-digest": "sha256:b"},
        {"id": "2", "diff-digest": "sha256:c"},
        {"id": "3", "diff-digest": "sha256:d", "flags": {"incomplete": True}},
        {"id": "4"},
    ]
    assert images.had(f"a banner\n{json.dumps(said)}\n") == {"sha256:a", "sha256:b", "sha256:c"}
    for nothing in ("", "[", "no such file", "[1]", "{}"):
        assert images.had(nothing) == set()


def test_kind():
    assert [
        model.kind(one) for one in (app("shop:1"), app(build="."), app(source="/srv/shop"))
    ] == ["image", "build", "directory"]
    assert references.is_path(model.located(app("./shop-{version}.tar", version="2"))["image"])
