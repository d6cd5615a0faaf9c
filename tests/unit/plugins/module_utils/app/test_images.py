"""What the host makes of an image, as far as no Podman is needed for it."""

from __future__ import annotations

import io
import os
import tarfile

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.app import images


@pytest.fixture
def top(tmp_path):
    """Return the top of an image, with links as distributions have them."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(
        "root:x:0:0::/:/bin/sh\nshop:x:1000:1001::/home/shop:/bin/sh\nbig:x:70000:0::/:\n"
    )
    (tmp_path / "etc/group").write_text("root:x:0:\nstaff:x:50:shop\n")
    return tmp_path


@pytest.mark.parametrize(
    ("user", "ids"),
    [
        ("0", (0, 0)),
        ("shop", (1000, 1001)),
        ("1000", (1000, 1001)),
        ("1000:50", (1000, 50)),
        ("shop:staff", (1000, 50)),
        ("10001", (10001, 0)),
        ("10001:7", (10001, 7)),
    ],
)
def test_user_of_an_image_is_found_as_engines_do(top, user, ids):
    assert images._ids(user, str(top)) == ids


@pytest.mark.parametrize(
    ("user", "words"),
    [("nobody", "give USER a number"), ("shop:x", "give USER a number"), ("big", "below 65536")],
)
def test_user_that_cannot_be_is_refused(top, user, words):
    with pytest.raises(images.ImageError, match=words):
        images._ids(user, str(top))


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ({"kind": "registry", "reference": "r:5000/shop:1@sha256:0"}, "r:5000/shop@sha256:0"),
        ({"kind": "registry", "reference": "r:5000/shop@sha256:0"}, "r:5000/shop@sha256:0"),
        ({"kind": "layout", "reference": ""}, "localhost/shop.example.com-0123:latest"),
        # Its build gives it its tag.
        ({"kind": "context", "reference": ""}, ""),
    ],
)
def test_name_that_a_killed_run_leaves_is_known(image, name):
    assert images._pulled("shop.example.com", "0123", image) == name


def test_image_without_any_file_has_users_by_number(tmp_path):
    assert images._ids("65532:65532", str(tmp_path)) == (65532, 65532)


def test_links_of_an_image_lead_within_it(top):
    (top / "usr").mkdir()
    (top / "usr/static").mkdir()
    (top / "app").symlink_to("/usr")
    (top / "up").symlink_to("../../../../etc")
    (top / "loop").symlink_to("loop")
    assert images._within(str(top), "/app/static") == f"{top}/usr/static"
    assert images._within(str(top), "/up/passwd") == f"{top}/etc/passwd"
    assert images._within(str(top), "/app/../etc") == f"{top}/etc"
    assert images._within(str(top), "/loop").startswith(f"{top}/")


def packed(path, *names):
    with tarfile.open(path, "w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 2
            archive.addfile(member, io.BytesIO(b"{}"))
    return str(path)


def test_layout_is_unpacked_by_the_names_it_may_have(tmp_path):
    images._unpack(
        packed(tmp_path / "good.tar", "oci-layout", "./index.json", f"blobs/sha256/{'a' * 64}"),
        str(tmp_path / "good"),
    )
    assert (tmp_path / "good/blobs/sha256" / ("a" * 64)).read_text() == "{}"


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "blobs/../../x", "blobs/sha256/x/y", "manifest.json"]
)
def test_layout_with_anything_else_is_refused(tmp_path, name):
    with pytest.raises(images.ImageError, match="has no place in an image layout"):
        images._unpack(packed(tmp_path / "bad.tar", "oci-layout", name), str(tmp_path / "bad"))
    assert not (tmp_path / "x").exists()


def test_special_files_of_an_image_are_not_copied(tmp_path):
    (tmp_path / "static/in").mkdir(parents=True)
    (tmp_path / "static/in/shop.css").write_text("body")
    (tmp_path / "static/in/shop.css").chmod(0o4755)
    (tmp_path / "static/link").symlink_to("/etc/shadow")
    os.mkfifo(tmp_path / "static/pipe")
    images._copy(str(tmp_path / "static"), str(tmp_path / "copy"))
    assert sorted(os.listdir(tmp_path / "copy")) == ["in", "link"]
    assert (tmp_path / "copy/in/shop.css").stat().st_mode & 0o7111 == 0
    # Not followed; who makes the copy refuses it.
    assert (tmp_path / "copy/link").is_symlink()
