"""Images in files: the same one in each way, what is refused, and the layout that a host gets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import oci

from . import image_files as files


def read(path, architecture="x86_64"):
    with oci.opened(path, architecture) as image:
        return image.identity, image.digest


def test_same_image_is_the_same_in_each_way(tmp_path):
    ways = {
        "docker": files.docker(),
        "docker, compressed layers": files.docker(packed=True),
        "two names": files.docker(tags=("shop:1", "shop:latest")),
        "layout": files.layout(),
        "layout, compressed layers": files.layout(compressed=True),
        "nested": files.nested(files.layout()),
        "both": {**files.layout(), **files.docker()},
        "with ./": {f"./{name}": content for name, content in files.layout().items()},
    }
    found = {}
    for name, made in ways.items():
        found[name] = read(files.written(tmp_path / f"{name}.tar".replace("/", ""), made))
        found[f"{name}, compressed"] = read(
            files.written(tmp_path / "packed.tar.gz", made, packed=True)
        )
        found[f"{name}, directory"] = read(files.unpacked(tmp_path / name.replace("/", ""), made))
    assert set(found.values()) == {(found["layout"][0], files.sha(files.config()))}


def test_how_it_was_made_makes_no_other_image_and_how_it_runs_does(tmp_path):
    plain = json.loads(files.config())
    later = json.dumps(
        {
            **plain,
            "created": "2026-01-01",
            "history": [{}],
            "config": {**plain["config"], "Labels": {"at": "x"}},
        }
    ).encode()
    known = read(files.written(tmp_path / "a.tar", files.docker()))
    assert read(files.written(tmp_path / "b.tar", files.docker(later)))[0] == known[0]
    others = [
        files.config(Cmd=["uwsgi"]),
        files.config(Env=["A=2"]),
        files.config(User="shop"),
        files.config(files.layers(("base", "other"))),
    ]
    of = [files.layers()] * 3 + [files.layers(("base", "other"))]
    found = {
        read(files.written(tmp_path / "c.tar", files.docker(*one)))[0]
        for one in zip(others, of, strict=True)
    }
    assert len(found - {known[0]}) == 4


def test_image_of_several_is_the_hosts(tmp_path):
    conf = {name: files.config(architecture=name) for name in ("amd64", "arm64")}
    both = [
        (conf[name], files.layers(), {"platform": {"os": "linux", "architecture": name}})
        for name in conf
    ]
    statement = (b"{}", [], {"platform": {"os": "unknown", "architecture": "unknown"}})
    path = files.written(tmp_path / "both.tar", files.nested(files.layout(*both, statement)))
    assert read(path)[1] == files.sha(conf["amd64"])
    assert read(path, "aarch64")[1] == files.sha(conf["arm64"])
    with pytest.raises(
        oci.ImageError,
        match=r"is for linux/amd64, linux/arm64, and the host is linux/riscv64: build it with",
    ):
        read(path, "riscv64")
    # What a list has and the archive has not, was not saved.
    some = files.layout(*both)
    manifest = json.loads(some["index.json"])["manifests"][1]["digest"]
    del some[f"blobs/sha256/{manifest[7:]}"]
    assert read(files.written(tmp_path / "some.tar", some), "")[1] == files.sha(conf["amd64"])


def one_blob(made, content):
    """Return the files with another content of the blob that has this one."""
    return {**made, f"blobs/sha256/{files.sha(content)[7:]}": content.replace(b"s", b"t")}


def several():
    other = files.config(Cmd=["uwsgi"])
    return files.layout((files.config(), files.layers(), {}), (other, files.layers(), {}))


def lacking(made, name):
    return {key: content for key, content in made.items() if not key.startswith(name)}


def two_of_docker():
    other = files.docker(files.config(Cmd=["uwsgi"]), tags=("other:1",))
    made = files.docker()
    return {
        **other,
        **made,
        "manifest.json": json.dumps(
            json.loads(made["manifest.json"]) + json.loads(other["manifest.json"])
        ).encode(),
    }


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"readme": b"x"}, "has neither index.json nor manifest.json"),
        (several(), r"has 2 images \(.*\): save the one that is meant alone"),
        (two_of_docker(), r"has 2 images \(other:1, shop:1\)"),
        (
            files.docker(files.config(architecture="arm64")),
            "is for linux/arm64, and the host is linux/amd64",
        ),
        (
            files.layout((files.config(architecture="arm64"), files.layers(), {})),
            "is for linux/arm64",
        ),
        (
            files.layout((b'{"os":"windows","architecture":"amd64"}', [], {})),
            "is for windows/amd64",
        ),
        (one_blob(files.layout(), files.config()), "is damaged: the content of sha256:"),
        (lacking(files.docker(), files.sha(files.config())[7:]), "lacks the configuration"),
        (lacking(files.docker(), "1/"), "lacks the layer 1/layer.tar"),
        (
            files.docker(files.config(files.layers(("base", "other"))), packed=True),
            "is damaged: the content of the layer 1/layer.tar",
        ),
        (
            files.docker(files.config(files.layers(("one",)))),
            "it has 2 layers, and its configuration 1",
        ),
        ({**files.docker(), "../out": b"x"}, r"has \.\./out, which leads out of it"),
        (
            {**files.docker(), "1/layer.tar": b"link:../../etc/passwd"},
            "has the link 1/layer.tar, which leads out of it",
        ),
        ({**files.docker(), "1/layer.tar": b"link:layer.tar"}, "has the link 1/layer.tar"),
        ({**files.layout(), "index.json": b"[1]"}, "is no image that can be read"),
        ({**files.layout(), "index.json": b"{"}, "is no image that can be read"),
        (
            {**files.layout(), "index.json": b'{"manifests":[{"digest":"sha256:../../x"}]}'},
            "only sha256: and 64 hexadecimal digits",
        ),
        ({**files.layout(), "index.json": b" " * (4 * 2**20 + 1)}, "more than 4 MiB"),
    ],
)
def test_refused(made, said, tmp_path):
    with pytest.raises(oci.ImageError, match=said):
        read(files.written(tmp_path / "image.tar", made))


def test_file_that_is_no_archive(tmp_path):
    (tmp_path / "x.tar").write_bytes(b"no archive" * 100)
    with pytest.raises(oci.ImageError, match=r"is no whole tar archive .*: make it anew"):
        read(str(tmp_path / "x.tar"))
    whole = tmp_path / "y.tar.gz"
    files.written(whole, files.docker(), packed=True)
    whole.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(oci.ImageError, match="is no whole tar archive"):
        read(str(whole))


def test_layout_that_leads_out(tmp_path):
    top = files.unpacked(tmp_path / "layout", files.layout())
    os.rename(f"{top}/index.json", tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", f"{top}/index.json")
    with pytest.raises(oci.ImageError, match=r"has index.json, which leads out of it"):
        read(top)
    os.unlink(f"{top}/index.json")
    os.mkfifo(f"{top}/index.json")
    with pytest.raises(oci.ImageError, match=r"has index.json, which is no file"):
        read(top)


def layout_of(path, target, have=()):
    with oci.opened(path, "x86_64") as image:
        oci.write(image, target, have)
    with tarfile.open(target) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


@pytest.mark.parametrize(
    "made",
    [files.docker(), files.docker(packed=True), files.layout(), files.layout(compressed=True)],
)
def test_host_gets_a_layout_of_one_image(made, tmp_path):
    path = files.written(tmp_path / "image.tar", made)
    sent = layout_of(path, tmp_path / "sent.tar.gz")
    assert all(
        files.sha(content)[7:] == name.rpartition("/")[2]
        for name, content in sent.items()
        if name.startswith("blobs/")
    )
    # What is sent is an image itself, and the same.
    assert read(str(tmp_path / "sent.tar.gz")) == read(path)
    layout_of(path, tmp_path / "again.tar.gz")
    assert (tmp_path / "again.tar.gz").read_bytes() == (tmp_path / "sent.tar.gz").read_bytes()
    assert (tmp_path / "sent.tar.gz").read_bytes()[4:8] == bytes(4)  # no time


def test_layers_that_the_host_has_are_not_sent(tmp_path):
    path = files.written(tmp_path / "image.tar", files.docker())
    base, shop = (f"blobs/sha256/{files.sha(layer)[7:]}" for layer in files.layers())
    sent = layout_of(path, tmp_path / "sent.tar.gz", {files.sha(files.layers()[0])})
    assert base not in sent
    assert shop in sent
    assert read(str(tmp_path / "sent.tar.gz")) == read(path)


@pytest.mark.parametrize("made", [files.docker(), files.layout()])
def test_damaged_layer_is_not_sent(made, tmp_path):
    (name,) = (name for name, content in made.items() if content == files.layers()[1])
    path = files.written(
        tmp_path / "image.tar", {**made, name: files.layers()[1].replace(b"shop", b"shoq")}
    )
    with pytest.raises(oci.ImageError, match=r"is damaged: the content of the layer .* is another"):
        layout_of(path, tmp_path / "sent.tar.gz")
    short = files.written(tmp_path / "short.tar", {**made, name: b"x"})
    with pytest.raises(oci.ImageError, match="is damaged"):
        layout_of(short, tmp_path / "sent.tar.gz")


@pytest.mark.skipif(not shutil.which("docker"), reason="docker is not there")
def test_archive_of_docker_itself(tmp_path):
    (tmp_path / "Dockerfile").write_text(
        "FROM scratch\nCOPY Dockerfile /a\nCOPY Dockerfile /b\nCOPY Dockerfile /a\nCMD ['/a']\n"
    )
    built = subprocess.run(
        ["docker", "build", "--quiet", tmp_path], capture_output=True, text=True, check=False
    )
    if built.returncode:
        pytest.skip("no engine runs")
    name = built.stdout.strip()
    try:
        subprocess.run(["docker", "save", "--output", tmp_path / "image.tar", name], check=True)
    finally:
        subprocess.run(["docker", "image", "rm", name], capture_output=True, check=False)
    assert read(str(tmp_path / "image.tar"))[1] == name
    layout_of(str(tmp_path / "image.tar"), tmp_path / "sent.tar.gz")
    assert read(str(tmp_path / "sent.tar.gz"))[1] == name
