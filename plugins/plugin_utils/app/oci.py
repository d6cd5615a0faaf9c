# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container images in files on the controller: read from a layout or an archive of any builder's,
and written as a layout for a host.

A *layout* is what the OCI calls so: ``index.json`` and ``blobs/sha256/``, as a directory or in a
tar archive. An archive of `docker save` has ``manifest.json`` instead, or beside it. Private to the
collection.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import io
import json
import lzma
import os
import posixpath
import shutil
import stat
import tarfile
import tempfile
from typing import NamedTuple

from ansible_collections.foobar.lamp.plugins.plugin_utils.app import references

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_INDEXES = (_INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
_GZIP = b"\x1f\x8b"
_PACKED = ((_GZIP, gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))
#: No list or configuration of an image is larger: registries take no more.
_MOST = 4 * 2**20
_DEPTH = 4  # lists of lists
#: What of an image's configuration says how it runs. When and by which words it was made changes
#: nothing.
_RUNS = ("Cmd", "Entrypoint", "Env", "ExposedPorts", "StopSignal", "User", "Volumes", "WorkingDir")


class ImageError(Exception):
    """An image that cannot be used:
    the end of a sentence that begins with its name, with the remedy.
    """


class Layer(NamedTuple):
    """A layer: its descriptor, and the name of its file."""

    descriptor: dict
    name: str


class Image(NamedTuple):
    """One image: its manifest and configuration as they are written,
    its layers, and the files that it is in.
    """

    manifest: bytes
    media_type: str
    config: bytes
    layers: list
    files: object

    @property
    def digest(self):
        """Return the digest of its configuration, which engines call the image's identifier."""
        return digest_of(self.config)

    @property
    def identity(self):
        """Return what tells it from an image that runs otherwise,
        however both were written to files.
        """
        said = json.loads(self.config)
        run = said.get("config") or {}
        how = {name: run[name] for name in _RUNS if run.get(name)}
        what = [said.get("os"), said.get("architecture"), said["rootfs"]["diff_ids"], how]
        return digest_of(json.dumps(what, sort_keys=True).encode())


def digest_of(content):
    """Return the digest of bytes, as images name them."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class _Directory:
    """The files of a layout in a directory. None of them may lead out of it."""

    def __init__(self, path):
        self._top = os.path.realpath(path)

    def open(self, name):
        """Return a file, open; None if there is none."""
        place = os.path.realpath(os.path.join(self._top, name))
        if references.leads_out(os.path.relpath(place, self._top)):
            raise ImageError(
                f"has {name}, which leads out of it: copy what it leads to into its place."
            )
        if not os.path.lexists(place):
            return None
        if not stat.S_ISREG(os.stat(place).st_mode):
            raise ImageError(f"has {name}, which is no file: make the layout anew.")
        return open(place, "rb")

    def size(self, name):
        """Return the size of a file in bytes."""
        return os.path.getsize(os.path.join(self._top, name))


class _Archive:
    """The files in a tar archive. A link in it stands for the file that it leads to."""

    def __init__(self, archive):
        self._archive, self._members = archive, {}
        for member in archive:
            if references.leads_out(member.name):
                raise ImageError(
                    f"has {member.name}, which leads out of it: make the archive anew."
                )
            self._members[posixpath.normpath(member.name)] = member

    def _found(self, name):
        seen = set()
        while (member := self._members.get(posixpath.normpath(name))) and (
            member.issym() or member.islnk()
        ):
            seen.add(member.name)
            beside = posixpath.dirname(member.name) if member.issym() else ""
            target = posixpath.join(beside, member.linkname)
            if references.leads_out(target) or posixpath.normpath(target) in seen:
                raise ImageError(
                    f"has the link {member.name}, which leads out of it: make the archive anew."
                )
            name = target
        return member if member and member.isreg() else None

    def open(self, name):
        """Return a file, open; None if there is none."""
        member = self._found(name)
        return self._archive.extractfile(member) if member else None

    def size(self, name):
        """Return the size of a file in bytes."""
        return self._found(name).size


@contextlib.contextmanager
def opened(path, architecture, scratch=None):
    """Yield the Image in the archive or layout ``path`` for a host that calls its processor
    ``architecture``; ImageError if it has none.

    ``scratch``: the directory for the tar archive in a file that is compressed.
    """
    with contextlib.ExitStack() as stack:
        try:
            if os.path.isdir(path):
                yield _image(_Directory(path), architecture)
            else:
                file = stack.enter_context(_plain(path, scratch))
                yield _image(
                    _Archive(stack.enter_context(tarfile.open(fileobj=file, mode="r:"))),
                    architecture,
                )
        except (tarfile.TarError, EOFError, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise ImageError(
                f"is no whole tar archive ({error}): "
                f"make it anew, for instance by 'docker save' or 'podman save'."
            ) from None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ImageError(
                f"is no image that can be read ({type(error).__name__}: {error}): make it anew."
            ) from None


@contextlib.contextmanager
def _plain(path, scratch):
    """Yield the tar archive in a file, whether that is compressed or not."""
    with open(path, "rb") as file:
        start = file.read(6)
        file.seek(0)
        unpack = next((unpack for magic, unpack in _PACKED if start.startswith(magic)), None)
        if not unpack:
            yield file
            return
        with tempfile.TemporaryFile(dir=scratch) as unpacked, unpack(file) as content:
            shutil.copyfileobj(content, unpacked, 2**20)
            unpacked.seek(0)
            yield unpacked


def _read(files, name):
    """Return the bytes of a small file; None if there is none."""
    file = files.open(name)
    if file is None:
        return None
    with file:
        content = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise ImageError(
            f"has {name} of more than {_MOST >> 20} MiB, which no image has: make it anew."
        )
    return content


def _place(digest):
    if not references.DIGEST.match(digest):
        raise ImageError(
            f"has something with the digest {digest[:80]!r}, and only sha256: and 64 hexadecimal "
            f"digits is known: make it anew."
        )
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _blob(files, digest):
    """Return the bytes of a small blob, None if there is none;
    ImageError if it is another than its name says.
    """
    content = _read(files, _place(digest))
    if content is not None and digest_of(content) != digest:
        raise ImageError(f"is damaged: the content of {digest} is another. Make it anew.")
    return content


def _image(files, architecture):
    if (index := _read(files, "index.json")) is not None:
        return _of_layout(files, json.loads(index), architecture)
    if (listed := _read(files, "manifest.json")) is not None:
        return _of_docker(files, json.loads(listed), architecture)
    raise ImageError(
        "has neither index.json nor manifest.json, so it is no image: "
        "make it by 'docker save' or 'podman save'."
    )


def _leaves(files, index, depth=0):
    """Return the descriptors of the images that an index lists and
    has, each with the platform that it is for.
    """
    found = []
    for one in index["manifests"]:
        if references.is_statement(one):
            continue
        content = _blob(files, one["digest"])
        if content is None:
            continue  # an archive of an image for one platform keeps the list of all
        said = json.loads(content)
        if one.get("mediaType") in _INDEXES or "manifests" in said:
            if depth == _DEPTH:
                raise ImageError(f"has lists in lists, {_DEPTH} deep: make it anew.")
            found += _leaves(files, said, depth + 1)
            continue
        found.append(
            {
                **one,
                "platform": one.get("platform")
                or json.loads(_config(files, said["config"]["digest"])),
            }
        )
    return found


def _config(files, digest):
    content = _blob(files, digest)
    if content is None:
        raise ImageError(f"lacks the configuration {digest} of its image: make it anew.")
    return content


def _of_layout(files, index, architecture):
    there = _leaves(files, index)
    # One image may have several names.
    fitting = list({one["digest"]: one for one in references.fitting(there, architecture)}.values())
    if not fitting:
        raise _another(there, architecture)
    if len(fitting) > 1:
        raise _several(
            [
                (one.get("annotations") or {}).get("org.opencontainers.image.ref.name")
                or one["digest"]
                for one in fitting
            ]
        )
    content = _blob(files, fitting[0]["digest"])
    said = json.loads(content)
    config = _config(files, said["config"]["digest"])
    _refuse_other(config, architecture)
    layers = [
        Layer({key: one[key] for key in ("mediaType", "digest", "size")}, _place(one["digest"]))
        for one in said["layers"]
    ]
    return Image(
        content,
        fitting[0].get("mediaType") or said.get("mediaType") or _MANIFEST,
        config,
        layers,
        files,
    )


def _another(there, architecture):
    wanted = references.platform(architecture)
    return ImageError(
        f"is for {references.platforms(there)}, and the host is {wanted}: "
        f"build it with --platform {wanted}."
    )


def _several(names):
    return ImageError(
        f"has {len(names)} images ({', '.join(sorted(names)[:3])}): "
        f"save the one that is meant alone."
    )


def _refuse_other(config, architecture):
    """What an index says of an image, the image says, too."""
    of = {"platform": json.loads(config)}
    if not references.fitting([of], architecture):
        raise _another([of], architecture)


def _of_docker(files, listed, architecture):
    """Return the image of an archive of `docker save`, with a manifest such as a builder writes."""
    if len({one["Config"] for one in listed}) != 1:
        raise _several([(one.get("RepoTags") or [one["Config"]])[0] for one in listed])
    (one, *_names) = listed
    config = _read(files, one["Config"])
    if config is None:
        raise ImageError(f"lacks the configuration {one['Config']} of its image: make it anew.")
    named = f"sha256:{posixpath.basename(one['Config']).removesuffix('.json')}"
    if references.DIGEST.match(named) and named != digest_of(config):
        raise ImageError(f"is damaged: the content of {one['Config']} is another. Make it anew.")
    _refuse_other(config, architecture)
    digests = json.loads(config)["rootfs"]["diff_ids"]
    if len(digests) != len(one["Layers"]):
        raise ImageError(
            f"is damaged: it has {len(one['Layers'])} layers, and its configuration "
            f"{len(digests)}. Make it anew."
        )
    layers = [
        _docker_layer(files, name, digest)
        for name, digest in zip(one["Layers"], digests, strict=True)
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": [layer.descriptor for layer in layers],
    }
    return Image(_written(manifest), _MANIFEST, config, layers, files)


def _docker_layer(files, name, digest):
    """Return the layer in the file ``name``, whose content has this digest;
    some builders compress it.
    """
    _place(digest)
    file = files.open(name)
    if file is None:
        raise ImageError(f"lacks the layer {name}: make it anew.")
    with file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        if packed:
            blob = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            with gzip.open(file) as content:
                if f"sha256:{_sha256(content)}" != digest:
                    raise _damaged(name)
    descriptor = {
        "mediaType": f"{_LAYER}+gzip" if packed else _LAYER,
        "digest": f"sha256:{blob}" if packed else digest,
    }
    return Layer({**descriptor, "size": files.size(name)}, name)


def _sha256(file):
    found = hashlib.sha256()
    while part := file.read(2**20):
        found.update(part)
    return found.hexdigest()


def _damaged(name):
    return ImageError(f"is damaged: the content of the layer {name} is another. Make it anew.")


def _written(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class _Summed:
    """A file that is summed up while it is read."""

    def __init__(self, file):
        self._file, self.sum = file, hashlib.sha256()

    def read(self, size=-1):
        """Read as a file does."""
        part = self._file.read(size)
        self.sum.update(part)
        return part


def lacking(image, have):
    """Return the digests of the layers of an image that are not in ``have``, sorted."""
    return sorted({layer.descriptor["digest"] for layer in image.layers} - set(have))


def write(image, target, have=()):
    """Write the layout of ``image`` as a tar.gz to the path ``target``,
    without the layers whose digests are in ``have``.

    The same image makes the same bytes. A layer that is damaged is an ImageError; what is at
    ``target`` then is not whole.
    """
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [
            {
                "mediaType": image.media_type,
                "digest": digest_of(image.manifest),
                "size": len(image.manifest),
            }
        ],
    }
    small = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": _written(index)}
    small |= {_place(digest_of(content)): content for content in (image.manifest, image.config)}
    due = {
        layer.descriptor["digest"]: layer
        for layer in image.layers
        if layer.descriptor["digest"] not in set(have)
    }
    # What is compressed gets no smaller.
    packed = all(layer.descriptor["mediaType"].endswith(("gzip", "zstd")) for layer in due.values())
    with (
        open(target, "wb") as file,
        gzip.GzipFile(
            filename="", fileobj=file, mode="wb", compresslevel=1 if packed else 4, mtime=0
        ) as content,
        tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, text in small.items():
            archive.addfile(_member(name, len(text)), io.BytesIO(text))
        for digest, layer in sorted(due.items()):
            _add(archive, image.files, layer, digest)


def _add(archive, files, layer, digest):
    file = files.open(layer.name)
    if file is None:
        raise ImageError(f"lacks the layer {digest}: make it anew.")
    with file:
        summed = _Summed(file)
        archive.addfile(_member(_place(digest), files.size(layer.name)), summed)
    if summed.sum.hexdigest() != digest.removeprefix("sha256:"):
        raise _damaged(layer.name)


def _member(name, size):
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member
