"""Tiny images in all ways in which they are written to files:
the same two layers and configuration.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def sha(content):
    """Return the digest of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def tar(files):
    """Return a tar archive of ``{name: bytes}``; what begins with ``link:`` is a link."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if content.startswith(b"link:"):
                member.type, member.linkname = tarfile.SYMTYPE, content[5:].decode()
                archive.addfile(member)
                continue
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def layers(words=("base", "shop")):
    """Return the layers of an image, as tar archives."""
    return [tar({f"srv/{word}": word.encode()}) for word in words]


def config(of=None, architecture="amd64", **more):
    """Return an image's configuration; ``more``: what runs."""
    run = {"Cmd": ["gunicorn"], "Env": ["A=1"], **more}
    ids = [sha(layer) for layer in of or layers()]
    return json.dumps(
        {
            "os": "linux",
            "architecture": architecture,
            "config": run,
            "rootfs": {"type": "layers", "diff_ids": ids},
        }
    ).encode()


def docker(conf=None, of=None, tags=("shop:1",), packed=False):
    """Return the files of an archive of `docker save`."""
    of = of or layers()
    conf = conf or config(of)
    names = [f"{number}/layer.tar" for number, _layer in enumerate(of)]
    listed = [{"Config": f"{sha(conf)[7:]}.json", "RepoTags": list(tags), "Layers": names}]
    shipped = [gzip.compress(layer) if packed else layer for layer in of]
    return {
        **dict(zip(names, shipped, strict=True)),
        f"{sha(conf)[7:]}.json": conf,
        "manifest.json": json.dumps(listed).encode(),
    }


def layout(*images, compressed=False):
    """Return the files of a layout with images, each
    ``(configuration, layers, more of its descriptor)``.
    """
    files, listed = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}, []

    def put(content, media_type, **more):
        files[f"blobs/sha256/{sha(content)[7:]}"] = content
        return {"mediaType": media_type, "digest": sha(content), "size": len(content), **more}

    for conf, of, more in images or [(config(), layers(), {})]:
        blobs = [
            put(gzip.compress(one, mtime=0), f"{LAYER}+gzip") if compressed else put(one, LAYER)
            for one in of
        ]
        manifest = {
            "schemaVersion": 2,
            "config": put(conf, "application/vnd.oci.image.config.v1+json"),
            "layers": blobs,
        }
        listed.append(put(json.dumps(manifest).encode(), MANIFEST, **more))
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": listed}).encode()
    return files


def nested(files):
    """Return a layout whose index lists an index, as a builder for several platforms writes it."""
    inner = files["index.json"]
    outer = {
        "schemaVersion": 2,
        "manifests": [{"mediaType": INDEX, "digest": sha(inner), "size": len(inner)}],
    }
    return {
        **files,
        f"blobs/sha256/{sha(inner)[7:]}": inner,
        "index.json": json.dumps(outer).encode(),
    }


def written(place, files, packed=False):
    """Write a tar archive of files to a path; returns that as text."""
    content = tar(files)
    place.write_bytes(gzip.compress(content) if packed else content)
    return str(place)


def unpacked(place, files):
    """Write files into a directory; returns its path as text."""
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return str(place)
