# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applications that are container images: what identifies one, and what
of it a host gets. Private to the collection.

``plan["image"]`` says what a host has to do: ``kind`` is ``registry`` (pull ``reference``, which
has the digest), ``layout`` (load the layout that was sent; ``digest`` is its configuration's, which
engines call the image's identifier) or ``context`` (build what was sent).
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import tarfile
import tempfile

from ansible_collections.foobar.lamp.plugins.plugin_utils.app import (
    builders,
    model,
    oci,
    references,
    registries,
    sources,
)

SourceError = sources.SourceError
#: Where engines keep what layers they have, below the directory of their storage.
LAYERS = "overlay-layers/layers.json"


def resolve(app, cache, architecture=""):
    """Return ``(content, words)``:
    what identifies the image of ``app``, and where it comes from in words.

    An image in files is identified by what runs, so that `docker save` and a layout of the same
    image are the same. ``architecture``: the host's processor as `uname -m` has it, to choose by
    where there are several images; empty takes the only one.
    """
    if model.kind(app) == "build":
        build = builders.of(app)
        digest = builders.digest(build)
        return f"build {digest}", f"{build.directory} (built, {_short(digest)})"
    image = model.located(app)["image"]
    if references.is_path(image):
        identity, digest = _described(app, image, cache, architecture)
        return f"image {identity}", f"{image} ({_short(digest)})"
    digest = _digest(app, cache, architecture)
    return f"image {digest}", f"{image.partition('@')[0]} ({_short(digest)})"


def planned(app, cache, architecture=""):
    """Return ``plan["image"]`` of ``app`` as far as it is known without a build,
    whose ``kind`` is ``build`` until `pack_image`.
    """
    if model.kind(app) == "build":
        return {"kind": "build", "reference": "", "digest": builders.digest(builders.of(app))}
    image = model.located(app)["image"]
    if references.is_path(image):
        return {
            "kind": "layout",
            "reference": "",
            "digest": _described(app, image, cache, architecture)[1],
        }
    digest = _digest(app, cache, architecture)
    return {"kind": "registry", "reference": _reference(app, image).at(digest), "digest": digest}


def _short(digest):
    return digest.removeprefix("sha256:")[:12]


def _reference(app, image):
    found = references.parsed(image)
    if not found:
        raise SourceError(
            f"{model.called(app)} the image {image!r}, which is no reference such as "
            f"registry.foobar.com/shop:1.4: correct it, or begin the path of a layout with ./"
        )
    return found


def _digest(app, cache, architecture):
    """Return the digest of an image in a registry.

    What a tag means is asked once a run, so that all hosts get the same image.
    """
    image = model.located(app)["image"]
    reference = _reference(app, image)
    if reference.digest:
        return reference.digest
    with cache.file("tag", reference.text, architecture, cache.run) as place:
        if not place.exists():
            try:
                place.write_text(registries.digest(reference, architecture, app.get("registry")))
            except registries.RegistryError as error:
                raise SourceError(f"{model.called(app)} the image {image}, which {error}") from None
        return place.read_text()


def _described(app, path, cache, architecture):
    """Return identity and digest of the image in a file or a layout.

    What a file has is read once, as long as nobody touches it.
    """
    with _reading(app, path), contextlib.ExitStack() as stack:
        about = os.stat(path)
        words = [
            os.path.realpath(path),
            *map(str, (about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)),
            architecture,
        ]
        place = None if os.path.isdir(path) else stack.enter_context(cache.file("image", *words))
        if place and place.exists():
            os.utime(place)
            return json.loads(place.read_text())
        with oci.opened(path, architecture, cache.directory) as image:
            found = [image.identity, image.digest]
        if place:
            place.write_text(json.dumps(found))
        return found


@contextlib.contextmanager
def _reading(app, path):
    """Say what is wrong with the image at ``path`` in a whole sentence."""
    try:
        yield
    except oci.ImageError as error:
        raise SourceError(f"{model.called(app)} the image {path}, which {error}") from None
    except OSError as error:
        raise SourceError(
            f"{model.called(app)} the image {path}, which cannot be read or packed "
            f"({error.strerror}): correct that."
        ) from None


def pack_image(app, plan, cache, have=(), architecture="", tools=()):
    """Return the path of what a host gets of the image, made only if the cache has none,
    and set ``plan["image"]``; None for a registry's.

    ``have``: the digests of the layers that the host has. A layout is sent without those.
    ``tools``: what may build one here, the first that works; where none does, the host builds.
    """
    plan["image"] = planned(app, cache, architecture)
    kind = plan["image"]["kind"]
    if kind == "registry":
        return None
    if kind == "layout":
        return _pack_layout(app, model.located(app)["image"], plan, cache, have, architecture)
    context = plan["image"]["digest"]
    with cache.file("built", context, architecture, suffix=".tar") as built:
        if built.exists():
            os.utime(built)
        elif tool := builders.tool(tools):
            with _unfinished(built) as unfinished:
                build = builders.of(app)
                builders.build_here(
                    tool, app, build, unfinished, architecture, plan["timeouts"]["install"]
                )
        else:
            return _pack_context(app, plan, cache)
        with _reading(app, str(built)), oci.opened(built, architecture, cache.directory) as image:
            plan["image"] = {"kind": "layout", "reference": "", "digest": image.digest}
        return _pack_layout(app, str(built), plan, cache, have, architecture)


def _pack_layout(app, path, plan, cache, have, architecture):
    with contextlib.ExitStack() as stack:
        stack.enter_context(_reading(app, path))
        image = stack.enter_context(oci.opened(path, architecture, cache.directory))
        # By what is sent: what else a host has makes no other archive.
        place = stack.enter_context(
            cache.file(
                "layout", oci.digest_of(image.manifest), *oci.lacking(image, have), suffix=".tar.gz"
            )
        )
        if place.exists():
            os.utime(place)
        else:
            with _unfinished(place) as unfinished:
                oci.write(image, unfinished, have)
        return place


def _pack_context(app, plan, cache):
    plan["image"]["kind"] = "context"
    with cache.file("context", plan["image"]["digest"], suffix=".tar.gz") as place:
        if place.exists():
            os.utime(place)
        else:
            with _unfinished(place) as unfinished:
                builders.write(builders.of(app), unfinished)
        return place


@contextlib.contextmanager
def _unfinished(place):
    """Yield the path of a file that gets the name ``place`` once it is whole."""
    unfinished = place.with_name(f"{place.name}.new")
    unfinished.unlink(missing_ok=True)
    try:
        yield unfinished
        unfinished.rename(place)
    finally:
        unfinished.unlink(missing_ok=True)


def pack(plan, cache, launchers):
    """Return the path of the archive with the launchers and ``release.json`` of the release
    ``plan["release"]``: no source, no wheels.

    ``launchers``: the paths of the files that go with it.
    """
    cache.tidy()
    with cache.file(
        "archive",
        plan["name"],
        plan["release"],
        json.dumps(plan["image"], sort_keys=True),
        suffix=".tar.gz",
    ) as place:
        if place.exists():
            os.utime(place)
            return place
        with tempfile.TemporaryDirectory() as directory, _unfinished(place) as unfinished:
            stage = pathlib.Path(directory)
            for file in launchers:
                shutil.copy(file, stage)
            (stage / "release.json").write_text(model.made_of(plan))
            with tarfile.open(unfinished, "w:gz", compresslevel=4) as archive:
                for name in sorted(os.listdir(stage)):
                    archive.add(stage / name, name, filter=sources.of_root)
        return place


def had(said):
    """Return the digests of the layers that a host has, by what its ``layers.json`` says;
    none where that says nothing. Pure.
    """
    try:
        layers = json.loads(said[said.index("[") : said.rindex("]") + 1])
        whole = [layer for layer in layers if not (layer.get("flags") or {}).get("incomplete")]
    except (ValueError, AttributeError):
        return set()
    return {
        layer[key]
        for layer in whole
        for key in ("compressed-diff-digest", "diff-digest")
        if layer.get(key)
    }
