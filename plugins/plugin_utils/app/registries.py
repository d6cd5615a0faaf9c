# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image registries, as the controller asks them: by a tool that is on it, with credentials that no
other process sees. Private to the collection.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from ansible_collections.foobar.lamp.plugins.module_utils.app import mask, registry
from ansible_collections.foobar.lamp.plugins.module_utils.common import private
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import oci, references

_PATIENCE = 120  # seconds for one question


class RegistryError(Exception):
    """A registry that says nothing of use:
    the end of a sentence that begins with the image, with the remedy.
    """


class _ToolError(RegistryError):
    """A tool that failed."""


@contextlib.contextmanager
def credentials(host, login):
    """Yield the environment in which podman, buildah, skopeo and docker log in to the registry
    ``host``; the file for it goes.

    ``login``: ``username`` and ``password``; without them the tools use what this user's own logins
    are.
    """
    if not (login or {}).get("username"):
        yield dict(os.environ)
        return
    token = base64.b64encode(f"{login['username']}:{login['password']}".encode()).decode()
    # Docker's own registry has an old name with docker.
    names = [host, *(["https://index.docker.io/v1/"] if host == "docker.io" else [])]
    with tempfile.TemporaryDirectory() as place:
        own = pathlib.Path(os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker"))
        said = {}
        with contextlib.suppress(OSError, ValueError):
            said = json.loads((own / "config.json").read_text(encoding="utf-8"))
        # A store of credentials would be asked instead of this file.
        said = {
            key: value for key, value in said.items() if key not in ("credsStore", "credHelpers")
        }
        said["auths"] = {**said.get("auths", {}), **{name: {"auth": token} for name in names}}
        for name in ("cli-plugins", "contexts"):
            if (own / name).is_dir():
                os.symlink((own / name).absolute(), f"{place}/{name}")
        with open(
            f"{place}/config.json",
            "w",
            encoding="ascii",
            opener=private.opener,
        ) as file:
            json.dump(said, file)
        yield {**os.environ, "REGISTRY_AUTH_FILE": f"{place}/config.json", "DOCKER_CONFIG": place}


def digest(reference, architecture, login=None):
    """Return the digest of the image that ``reference`` names now,
    for a host that calls its processor ``architecture``.

    ``reference``: a references.Reference. Nothing but its list is fetched by skopeo or docker;
    podman fetches an image that is in no list.
    """
    ask = next((ask for tool, ask in _TOOLS.items() if shutil.which(tool)), None)
    if not ask:
        raise RegistryError(
            f"has a tag, and what that means can be asked by none of skopeo, podman and docker, "
            f"which this computer has not: install skopeo here, or give the digest, "
            f"{reference.registry}/{reference.repository}@sha256:…"
        )
    with credentials(reference.registry, login) as environment:
        return ask(
            reference, architecture, lambda *words: _run(words, environment, reference, login or {})
        )


def _run(words, environment, reference, login):
    try:
        done = subprocess.run(
            words,
            env={**environment, "LC_ALL": "C"},
            capture_output=True,
            check=False,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise RegistryError(
            f"cannot be asked for: {reference.registry} does not answer within {_PATIENCE} seconds."
        ) from None
    if done.returncode:
        said = mask.mask(done.stderr.decode(errors="replace").strip()[-2000:], login)
        if why := registry.cause(said, reference.registry, "this computer"):
            raise _ToolError(f"cannot be asked for: {why} {words[0]} said: {said.splitlines()[-1]}")
        raise _ToolError(f"cannot be asked for:\n{words[0]} said: {said}")
    return done.stdout


def of_manifest(content, architecture):
    """Return the digest of the image for a host that a manifest,
    or a list of them, is about. Pure.
    """
    said = json.loads(content)
    if "manifests" not in said:
        return oci.digest_of(content)
    there = [
        one for one in said["manifests"] if one.get("platform") and not references.is_statement(one)
    ]
    fitting = references.fitting(there, architecture)
    if not fitting:
        wanted = references.platform(architecture)
        raise RegistryError(
            f"is for {references.platforms(there)}, and the host is {wanted}: build it with "
            f"--platform {wanted}, too."
        )
    return fitting[0]["digest"]


def _by_skopeo(reference, architecture, run):
    return of_manifest(
        run("skopeo", "inspect", "--raw", f"docker://{reference.text}"), architecture
    )


def _by_podman(reference, architecture, run):
    # It shows lists as they are, and one image in a form of its own, or not at all; what that is,
    # only the image itself tells.
    with contextlib.suppress(_ToolError):
        said = run("podman", "manifest", "inspect", reference.text)
        if "manifests" in json.loads(said):
            return of_manifest(said, architecture)
    name = run("podman", "pull", "--quiet", reference.text).decode().split()[-1]
    return run("podman", "image", "inspect", "--format", "{{.Digest}}", name).decode().strip()


def _by_docker(reference, architecture, run):
    said = json.loads(run("docker", "manifest", "inspect", "--verbose", reference.text))
    found = [one["Descriptor"] for one in (said if isinstance(said, list) else [said])]
    there = [one for one in found if one.get("platform") and not references.is_statement(one)]
    fitting = references.fitting(there, architecture) if there else found
    return (
        of_manifest(json.dumps({"manifests": there}), architecture)
        if not fitting
        else fitting[0]["digest"]
    )


_TOOLS = {"skopeo": _by_skopeo, "podman": _by_podman, "docker": _by_docker}
