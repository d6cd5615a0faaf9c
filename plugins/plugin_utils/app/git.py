# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Git repositories, as the controller reads them: no work tree, no
hook, nothing kept. Private to the collection.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import posixpath
import re
import shlex
import subprocess
import tempfile

from ansible_collections.foobar.lamp.plugins.module_utils.app import mask
from ansible_collections.foobar.lamp.plugins.module_utils.common import private
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import model

COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_OF_A_REPOSITORY = (
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
)
# Neither git nor ssh, whose command may be anybody's.
_ASK_NOBODY = {"GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS": "false", "SSH_ASKPASS_REQUIRE": "force"}
_SUBMODULE = "160000"
_NETWORK = re.compile(r"(https?|ssh|git)://")
#: What git and ssh say, and what is to be done: {host} is the server's name.
_REMEDIES = (
    (
        r"Host key verification failed|No \S+ host key is known",
        "this computer does not know the key of {host}: compare what 'ssh-keyscan {host}' prints "
        "with what the server's operator publishes, and add it to ~/.ssh/known_hosts.",
    ),
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        (
            "the key of {host} is another than in ~/.ssh/known_hosts: "
            "find out why, then correct it there."
        ),
    ),
    (
        r"Load key .*(incorrect passphrase|error in libcrypto|invalid format)",
        "the key cannot be read: give deploy_key a private key without a passphrase.",
    ),
    (
        r"Permission denied \(.*publickey",
        "{host} takes none of our keys: give deploy_key one that may read the repository.",
    ),
    (
        (
            r"could not read Username|terminal prompts disabled|Authentication failed"
            r"|HTTP Basic: Access denied"
        ),
        (
            "it wants a password: give an address of ssh "
            "and deploy_key, or https://TOKEN@… from a vault."
        ),
    ),
    (
        r"Could not resolve host",
        "no name server knows {host}: correct the address, or this computer's network.",
    ),
    (
        r"Connection (refused|timed out)|Network is unreachable|Failed to connect",
        "{host} does not answer: correct the address, or this computer's network.",
    ),
    (
        r"[Rr]epository .*not found|does not appear to be a git repository|HTTP 404|does not exist",
        "it is not there, or may not be read with this key: correct the address.",
    ),
    (
        r"server certificate verification failed|SSL certificate problem",
        "this computer does not trust the certificate of {host}: add its authority here.",
    ),
)


class SourceError(Exception):
    """The source cannot be had; says why and what to do."""


def run(*words, cwd=None, ssh=""):
    """Run git; returns what it printed. ``ssh``: the command line that it reaches servers by."""
    # Which repository is meant the arguments say, not the hook that this may run in.
    environment = {
        name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY
    }
    environment |= {**_ASK_NOBODY, "LC_ALL": "C", **({"GIT_SSH_COMMAND": ssh} if ssh else {})}
    try:
        done = subprocess.run(
            ["git", *words], cwd=cwd, capture_output=True, check=False, env=environment
        )
    except FileNotFoundError:
        raise SourceError("git is not installed on this computer: install it.") from None
    if done.returncode:
        said = mask.plain(done.stderr.decode(errors="replace").strip())
        raise SourceError(f"git {words[0]} failed with exit status {done.returncode}:\n{said}")
    return done.stdout


class Repository:
    """The repository at an address, for the application that messages call ``called``.

    ``key``: a private SSH key that may read it, or the path of one; empty for the keys of this
    user.
    """

    def __init__(self, called, address, key=""):
        self.called, self.url, self._key = called, address.removeprefix("git+"), key

    def commit(self, version):
        """Ask for the commit that a branch or tag names, or HEAD."""
        lines = (
            self._reach("ls-remote", "--", self.url, version, f"{version}^{{}}")
            .decode()
            .splitlines()
        )
        names = {name: commit for commit, name in (line.split("\t") for line in lines)}
        for name in (
            f"refs/tags/{version}^{{}}",
            f"refs/tags/{version}",
            f"refs/heads/{version}",
            version,
        ):
            if name in names:
                return names[name]
        raise SourceError(
            f"{mask.plain(self.url)} has no branch or tag {version}: "
            f"correct version, or give a commit in 40 digits."
        )

    @contextlib.contextmanager
    def fetched(self, commit, version):
        """Yield the Fetched of a commit."""
        with tempfile.TemporaryDirectory() as place:
            run("init", "--quiet", "--bare", place)
            try:
                self._reach("fetch", "--quiet", "--depth", "1", "--", self.url, commit, cwd=place)
            except SourceError:  # not every server gives a commit by its name
                self._reach(
                    "fetch",
                    "--quiet",
                    "--",
                    self.url,
                    version or "HEAD",
                    "+refs/heads/*:refs/heads/*",
                    "+refs/tags/*:refs/tags/*",
                    cwd=place,
                )
            yield Fetched(self, place, commit)

    def beside(self, address, path):
        """Return the repository of the submodule at ``path``,
        whose address may be relative to this one's.
        """
        joined = _joined(self.url, address)
        # What a repository says must not make us read another one of this computer's.
        if not _NETWORK.match(joined) and not model.SCP.match(joined) and joined == address:
            raise SourceError(
                f"{self.called}: the submodule {path} has the address {mask.plain(address)}, "
                f"which is no server's: leave it out by exclude."
            )
        return Repository(f"{self.called}, submodule {path}", joined, self._key)

    def _reach(self, *words, cwd=None):
        """Run git with the key."""
        with _ssh(self.called, self._key) as ssh:
            try:
                return run(*words, cwd=cwd, ssh=ssh)
            except SourceError as error:
                raise SourceError(
                    f"{self.called}: the repository {mask.plain(self.url)} cannot be "
                    f"read{_remedy(str(error), self.url)}\n{error}"
                ) from None


@contextlib.contextmanager
def _ssh(called, key):
    """Yield the ssh command for a key,
    which lies in a file that only this user reads while it is needed.
    """
    if not key:
        yield ""
        return
    if "-----BEGIN" not in key:
        try:
            key = pathlib.Path(key).expanduser().read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise SourceError(
                f"{called}: deploy_key is a file that cannot be read "
                f"({getattr(error, 'strerror', '') or 'no text'}): correct it."
            ) from None
    with tempfile.TemporaryDirectory() as place:
        with open(
            f"{place}/key",
            "w",
            encoding="ascii",
            opener=private.opener,
        ) as file:
            # Without a line break at its end ssh takes it for no key.
            file.write(key.strip() + "\n")
        own = os.environ.get("GIT_SSH_COMMAND") or "ssh"
        yield f"{own} -o IdentitiesOnly=yes -o IdentityAgent=none -i {shlex.quote(f'{place}/key')}"


def _remedy(said, url):
    host = re.sub(r"^[a-z+]+://", "", mask.plain(url)).rpartition("@")[2]
    host = re.split(r"[:/]", host)[0]
    return next(
        (f": {remedy.format(host=host)}" for words, remedy in _REMEDIES if re.search(words, said)),
        ":",
    )


def _joined(base, address):
    """Return ``address`` as git understands it in a repository that was fetched from ``base``."""
    if not address.startswith(("./", "../")):
        return address
    # user@host:path has its directories behind the colon.
    lead, split, path = base.rpartition(":") if model.SCP.match(base) else ("", "", base)
    if not split and (found := re.match(r"([a-z+]+://[^/]*)(/.*)\Z", base)):
        lead, path = found.groups()
    return f"{lead}{split}{posixpath.normpath(posixpath.join(path, address))}"


class Fetched:
    """The commit ``sha`` of a repository, which is fetched into ``place``."""

    def __init__(self, repository, place, sha):
        self._repository, self._place, self.sha, self.url = repository, place, sha, repository.url

    def archive(self, subdirectory=""):
        """Return it, or a directory of it, as a tar archive."""
        if subdirectory and not self._is_directory(subdirectory):
            raise SourceError(
                f"{mask.plain(self.url)} at {self.sha[:12]} has no directory {subdirectory}: "
                f"correct subdirectory."
            )
        return run(
            "archive",
            "--format=tar",
            f"{self.sha}:{subdirectory}" if subdirectory else self.sha,
            cwd=self._place,
        )

    def names(self, directory=""):
        """Return the names in a directory of it."""
        said = run("ls-tree", "-z", "--name-only", f"{self.sha}:{directory}", cwd=self._place)
        return [name for name in said.decode("utf-8", "surrogateescape").split("\0") if name]

    def _is_directory(self, path):
        return run("ls-tree", "-d", "-z", self.sha, "--", path, cwd=self._place).startswith(
            b"040000"
        )

    def submodules(self, subdirectory=""):
        """Yield ``(path, repository, commit)`` of each submodule in it or in a directory of it,
        the path seen from there.
        """
        listed = (
            run("ls-tree", "-r", "-z", self.sha, cwd=self._place)
            .decode("utf-8", "surrogateescape")
            .split("\0")
        )
        entries = [entry.split("\t", 1) for entry in listed if entry.startswith(_SUBMODULE)]
        if not entries:
            return
        addresses = self._addresses()
        for what, path in entries:
            if subdirectory and not path.startswith(f"{subdirectory}/"):
                continue
            if path not in addresses:
                raise SourceError(
                    f"{mask.plain(self.url)} at {self.sha[:12]} has the submodule {path}, and no "
                    f"address of it in .gitmodules: add it."
                )
            yield (
                path.removeprefix(f"{subdirectory}/"),
                self._repository.beside(addresses[path], path),
                what.split()[2],
            )

    def _addresses(self):
        """Return the address of each submodule, by its path."""
        try:
            said = run(
                "config", "--blob", f"{self.sha}:.gitmodules", "--null", "--list", cwd=self._place
            ).decode("utf-8", "surrogateescape")
        except SourceError:
            return {}
        found = {}
        for line in filter(None, said.split("\0")):
            key, _line, value = line.partition("\n")
            section, _dot, name = key.rpartition(".")
            found.setdefault(section, {})[name] = value
        return {one["path"]: one["url"] for one in found.values() if {"path", "url"} <= one.keys()}
