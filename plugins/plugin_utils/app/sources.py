# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source of an application on the controller: what identifies it, and its archive for the
hosts. Private to the collection.

Whatever the source is, a host gets one archive: the source in ``src``, the wheels in ``wheels``
(where they are resolved on the controller), the launchers, and ``release.json``. It is made once in
a cache, however many hosts want it.
"""

from __future__ import annotations

import contextlib
import fcntl
import fnmatch
import hashlib
import importlib.util
import io
import itertools
import json
import os
import pathlib
import platform
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.parse
import zipfile
from typing import IO, NamedTuple

from ansible_collections.foobar.lamp.plugins.module_utils.app import mask, pip, server
from ansible_collections.foobar.lamp.plugins.module_utils.common import tree
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import git, installs, locks, model

# What is never part of an application, where no git says what is.
_LEFT_OUT = (
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "venv",
    "__pycache__",
    "*.pyc",
    ".*_cache",
    ".tox",
    "node_modules",
)
_POINTER = b"version https://git-lfs.github.com/spec/"
_KEPT = 24 * 3600  # seconds that an archive and a git answer stay in the cache


SourceError = git.SourceError


def listing(directory, exclude=(), include=()):
    """Return the files of the application in ``directory``, sorted, relative to it:
    what git would ship, without ``exclude``.

    In a repository git alone says that: what it ignores (settings, uploads) must never be shipped
    because git cannot be asked. ``include`` names what is shipped all the same.
    """
    if repository := _repository(directory):
        found = _known(directory, repository)
        if include:
            found += [
                name
                for name in _listed(directory, "--others", "--ignored", "--exclude-standard")
                if _excluded(name, include)
            ]
        if not found:
            raise SourceError(
                f"{directory} has no file that the git repository {repository} knows or would "
                f"add: take it out of .gitignore, "
                f"or give a copy of the directory that is in no repository."
            )
    else:
        found = []
        for folder, folders, names in os.walk(directory):
            folders[:] = [name for name in folders if not _matches(name, _LEFT_OUT)]
            found += [
                os.path.relpath(os.path.join(folder, name), directory)
                for name in names
                if not _matches(name, _LEFT_OUT)
            ]
    return sorted({name for name in found if not _excluded(name, exclude)})


def _known(directory, repository):
    """Return the files in ``directory`` that git knows or would add, those of submodules too."""
    try:
        names = _listed(directory, "--cached", "--others", "--exclude-standard")
    except SourceError as error:
        raise SourceError(
            f"{directory} is in the git repository {repository}, which says what is part of the "
            f"application. Put right what git says, "
            f"or give a copy of the directory that is in no repository.\n{error}"
        ) from None
    found = []
    for name in names:
        path = os.path.join(directory, name)
        if os.path.isdir(path) and not os.path.islink(path):
            # A repository in it: a submodule, or one that git does not know.
            if not os.path.lexists(os.path.join(path, ".git")):
                raise SourceError(
                    f"{path} is a submodule that is not there: run 'git submodule update --init "
                    f"--recursive' in {directory}."
                )
            found += [os.path.join(name, inner) for inner in _known(path, path)]
        # A file that git knows and that is gone from the disk is gone.
        elif os.path.lexists(path):
            found.append(name)
    return found


def _listed(directory, *words):
    names = (
        git.run("ls-files", "-z", *words, ".", cwd=directory)
        .decode("utf-8", "surrogateescape")
        .split("\0")
    )
    return [name for name in names if name]


def left_out(app):
    """Return what git ignores in the directory of ``app``,
    so that it is not shipped, but for what is never an application's.
    """
    source = model.located(app).get("source")
    if model.kind(app) != "directory" or not _repository(source):
        return []
    names = [
        name.rstrip("/")
        for name in _listed(source, "--others", "--ignored", "--exclude-standard", "--directory")
    ]
    known = (*_LEFT_OUT, *(app.get("exclude") or ()), *(app.get("include") or ()))
    return sorted(name for name in names if name != "." and not _excluded(name, known))


def _repository(directory):
    """Return the directory at or above ``directory`` that has a ``.git``, whether git can read
    it or not; none if there is none.
    """
    place = pathlib.Path(os.path.realpath(directory))
    return next((one for one in (place, *place.parents) if os.path.lexists(one / ".git")), None)


def _matches(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _excluded(name, patterns):
    """Return whether a pattern fits the path, one of the directories that it is in,
    or one of its names.
    """
    parts = pathlib.PurePath(name).parts
    return any(
        _matches("/".join(parts[: depth + 1]), patterns) or _matches(part, patterns)
        for depth, part in enumerate(parts)
    )


def digest_of_files(directory, names):
    """Return what identifies the content: names, executable bits and bytes of the files."""
    digest = hashlib.sha256()
    for name in names:
        path = os.path.join(directory, name)
        content = (
            os.readlink(path).encode("utf-8", "surrogateescape")
            if os.path.islink(path)
            else pathlib.Path(path).read_bytes()
        )
        kind = "link" if os.path.islink(path) else "program" if os.access(path, os.X_OK) else "file"
        digest.update(f"{name}\0{kind}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)
    return digest.hexdigest()


class Cache:
    """A directory of this user,
    for archives, git repositories and what this run has asked already.
    """

    def __init__(self, run, directory=None):
        """``run`` tells one run from another:
        a branch is asked once a run, so that all hosts get the same commit.
        """
        home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        self.directory = pathlib.Path(directory or os.path.join(home, "foobar.lamp"))
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.run = run

    @contextlib.contextmanager
    def file(self, *words, suffix=""):
        """Yield the path of a file that the words name, while nobody else makes it."""
        place = self.directory / (
            hashlib.sha256("\0".join(words).encode()).hexdigest()[:24] + suffix
        )
        with open(f"{place}.lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield place

    def commit(self, repository, version):
        """Return the commit that ``version`` (a branch, a tag, a commit
        or nothing) names in a git.Repository.
        """
        if git.COMMIT.match(version or ""):
            return version
        with self.file("commit", repository.url, version or "HEAD", self.run) as place:
            if not place.exists():
                place.write_text(repository.commit(version or "HEAD"))
            return place.read_text()

    def tidy(self):
        """Remove what is older than a day."""
        for entry in self.directory.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if entry.is_file() and time.time() - entry.stat().st_mtime > _KEPT:
                    entry.unlink()


def resolve(app, cache):
    """Return ``(content, words)``: what identifies the app's content, and its source in words.
    Fetches nothing but a commit's name.
    """
    content, words = _resolve(app, cache)
    return "\0".join(
        [content, *(f"{place} {_sha256(path)}" for place, path in model.beyond(app).items())]
    ), words


def _resolve(app, cache):
    app, kind = model.located(app), model.kind(app)
    if kind == "requirement":
        return f"requirement {model.requirement(app)}", model.described(app)
    source = app["source"]
    within = f" {app['subdirectory']}" if app.get("subdirectory") else ""
    if kind == "git":
        commit = commit_of(app, cache)
        return f"git {commit} {sorted(app.get('exclude') or [])}{within}", model.described(
            app, commit
        )
    if kind == "directory":
        source = _top(app)
        files = listing(source, app.get("exclude") or (), app.get("include") or ())
        return f"files {digest_of_files(source, files)}", model.described(app)
    checksum = app.get("checksum") if model.is_url(source) else _sha256(source)
    if app.get("checksum") and checksum != app["checksum"]:
        raise SourceError(
            f"{source} has the checksum {checksum}, not {app['checksum']}: correct the checksum, "
            f"or do not use the file."
        )
    return f"{kind} {checksum}{within}", model.described(app)


def commit_of(app, cache):
    """Return the commit of ``app``, whose source is a git repository."""
    return cache.commit(_repository_of(app), app.get("version"))


def _repository_of(app):
    return git.Repository(
        model.name_of(app), model.located(app)["source"], app.get("deploy_key") or ""
    )


def _top(app):
    """Return the directory of ``app``, or its subdirectory."""
    return os.path.normpath(os.path.join(app["source"], app.get("subdirectory") or ""))


def _sha256(path):
    with open(path, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _fetch(app, target, cache):
    """Put the source into the directory ``target``."""
    app, kind, above = model.located(app), model.kind(app), []
    if kind == "directory":
        source, above = (
            _top(app),
            locks.above(app, lambda place: os.listdir(os.path.join(app["source"], place))),
        )
        for name in listing(source, app.get("exclude") or (), app.get("include") or ()):
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(os.path.join(source, name), place, follow_symlinks=False)
    elif kind == "git":
        commit, exclude = commit_of(app, cache), app.get("exclude") or ()
        with _repository_of(app).fetched(commit, app.get("version")) as fetched:
            _write_commit(fetched, target, exclude, app.get("subdirectory") or "")
            above = locks.above(app, fetched.names)
    elif kind != "requirement":
        with contextlib.ExitStack() as stack:
            path = app["source"]
            if model.is_url(path):
                path = stack.enter_context(_downloaded(path, app["checksum"]))
            if kind == "wheel":
                shutil.copy(
                    path, target / os.path.basename(urllib.parse.urlsplit(app["source"]).path)
                )
            else:
                _unpack(path, target)
                above = locks.above(
                    app,
                    lambda place: os.listdir(target / place) if (target / place).is_dir() else [],
                )
                _keep_only(target, app.get("subdirectory"), path)
    try:
        locks.refuse_above(
            above, os.listdir(target), app.get("subdirectory"), app.get("requirements")
        )
    except locks.LockError as error:
        raise SourceError(
            f"{model.called(app)} the source {mask.plain(app.get('source'))}. {error}"
        ) from None
    if pointers := _pointers(target):
        more = f" and {len(pointers) - 1} more" if pointers[1:] else ""
        raise SourceError(
            f"{model.called(app)} the source {mask.plain(app.get('source'))}, where "
            f"{pointers[0]}{more} only points to a file of Git LFS: leave it out by exclude, or "
            f"give as source a directory on this computer "
            f"where 'git lfs pull' was run, or an archive."
        )


def _write_commit(fetched, target, exclude, subdirectory):
    """Unpack a commit, and those of its submodules into it."""
    try:
        with tarfile.open(fileobj=io.BytesIO(fetched.archive(subdirectory))) as archive:
            _extract(_tar_entries(archive), target, exclude)
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{mask.plain(fetched.url)} at {fetched.sha[:12]} cannot be unpacked: {error}."
        ) from None
    for path, repository, commit in fetched.submodules(subdirectory):
        if not _excluded(path, exclude):
            inner = [
                pattern[len(path) + 1 :] for pattern in exclude if pattern.startswith(f"{path}/")
            ]
            with repository.fetched(commit, "") as one:
                place = target / path
                if place.is_symlink() or place.resolve() != target.resolve() / path:
                    raise SourceError(
                        f"{mask.plain(fetched.url)} at {fetched.sha[:12]} has a link in the way "
                        f"of the submodule {path}."
                    )
                place.mkdir(parents=True, exist_ok=True)
                _write_commit(one, place, [*exclude, *inner], "")


def _keep_only(target, subdirectory, path):
    """Let ``target`` be its own subdirectory."""
    if not subdirectory:
        return
    inner = target / subdirectory
    if not inner.is_dir() or inner.resolve() != target.resolve() / subdirectory:
        raise SourceError(f"{path} has no directory {subdirectory}: correct subdirectory.")
    kept = inner.rename(target.with_name("kept"))
    shutil.rmtree(target)
    kept.rename(target)


def _pointers(directory):
    """Return the files that stand for one of Git LFS."""
    found = []
    for folder, _folders, names in os.walk(directory):
        for path in (os.path.join(folder, name) for name in names):
            if not os.path.islink(path) and os.path.getsize(path) < 1024:
                with open(path, "rb") as file:
                    if file.read(len(_POINTER)) == _POINTER:
                        found.append(os.path.relpath(path, directory))
    return sorted(found)


class _Entry(NamedTuple):
    """One name of an archive; ``kind`` is ``directory``, ``file``, ``link`` or nothing of these."""

    name: str
    kind: str
    program: bool
    content: str | IO | None  # where a link leads to, or the file, open


def _tar_entries(archive):
    for member in archive:
        kind = (
            "directory"
            if member.isdir()
            else "file"
            if member.isreg()
            else "link"
            if member.issym()
            else ""
        )
        content = (
            member.linkname
            if kind == "link"
            else archive.extractfile(member)
            if kind == "file"
            else None
        )
        yield _Entry(member.name, kind, bool(member.mode & 0o100), content)


def _zip_entries(archive):
    for member in archive.infolist():
        mode = member.external_attr >> 16
        known = {0: "file", stat.S_IFREG: "file", stat.S_IFLNK: "link"}
        kind = "directory" if member.is_dir() else known.get(stat.S_IFMT(mode), "")
        content = (
            archive.read(member).decode()
            if kind == "link"
            else archive.open(member)
            if kind == "file"
            else None
        )
        yield _Entry(member.filename, kind, bool(mode & 0o100), content)


def _extract(entries, target, exclude=()):
    """Unpack an archive into the empty directory ``target``;
    ValueError for what would lie, or lead, outside or has another kind.

    Links are made last: until then there are none that a name could lead over.
    """
    top, links = os.path.realpath(target), {}
    for entry in entries:
        place = os.path.normpath(os.path.join(top, entry.name))
        if place != top and not place.startswith(f"{top}/"):
            raise ValueError(f"{entry.name} would lie outside")
        if _excluded(os.path.relpath(place, top), exclude):
            continue
        if not entry.kind:
            raise ValueError(f"{entry.name} is no file, directory or symbolic link")
        os.makedirs(place if entry.kind == "directory" else os.path.dirname(place), exist_ok=True)
        if entry.kind == "link":
            links[place] = entry.content
        elif entry.kind == "file":
            with entry.content as content, open(place, "wb") as file:
                shutil.copyfileobj(content, file)
            os.chmod(place, 0o755 if entry.program else 0o644)
    for place, end in links.items():
        if os.path.lexists(place):
            raise ValueError(f"{os.path.relpath(place, top)} is a link and something else")
        os.symlink(end, place)
    if out := tree.links_out(top):
        raise ValueError(f"the link {out[0]} would lead outside")


@contextlib.contextmanager
def _downloaded(url, checksum):
    # Not sooner: it takes a while to load, and few sources are fetched so.
    from ansible.module_utils.urls import open_url

    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "file")
        try:
            with open_url(url, timeout=60) as answer, open(path, "wb") as file:
                shutil.copyfileobj(answer, file)
        except OSError as error:
            raise SourceError(f"{mask.plain(url)} cannot be fetched: {error}.") from None
        if (found := _sha256(path)) != checksum:
            raise SourceError(
                f"{mask.plain(url)} has the checksum {found}, not {checksum}: correct the "
                f"checksum, or do not use the file."
            )
        yield path


def _unpack(path, target):
    """Unpack an archive; the one directory that most archives have at their top is taken off."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                _extract(_zip_entries(archive), target)
        else:
            with tarfile.open(path) as archive:
                _extract(_tar_entries(archive), target)
    except (tarfile.TarError, zipfile.BadZipFile, OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be unpacked: {error}.") from None
    entries = list(target.iterdir())
    if len(entries) == 1 and entries[0].is_dir():
        top = entries[0].rename(target.with_name("top"))
        target.rmdir()
        top.rename(target)


def _wheels(plan, stage, found, python, pip_environment):
    """Resolve what the release needs into ``stage/wheels``,
    for hosts with Python ``python`` (such as ``3.13``).
    """
    if importlib.util.find_spec("pip") is None:
        raise SourceError(
            f"{sys.executable} has no pip, which python_app_resolve_on: controller needs: "
            f"install it there, or set python_app_resolve_on to host."
        )
    source, place = stage / "src", stage / "wheels"
    place.mkdir()
    own = python == platform.python_version().rpartition(".")[0]
    command = ["wheel", "--wheel-dir", str(place)]
    if not own:
        # Of another Python nothing can be built here but what is any Python's; its wheels can be
        # fetched.
        command = [
            "download",
            "--only-binary=:all:",
            "--implementation=cp",
            f"--python-version={python}",
            *_platforms(),
            "--dest",
            str(place),
        ]

    def path_of(word):
        """Return a path in the source, or that of its wheel, with what follows it."""
        path = re.sub(r"\[[^\]]*\]\Z", "", word)
        found = source / path
        if not own and path.endswith(".whl"):
            shutil.copy(found, place)
        elif not own:
            with tempfile.TemporaryDirectory() as new:
                _pip(["wheel", "--no-deps", "--wheel-dir", new, path], pip_environment, source)
                (wheel,) = pathlib.Path(new).glob("*.whl")
                if not wheel.name.endswith("-none-any.whl"):
                    raise SourceError(
                        f"{plan['name']}: {path} has to be built by Python {python}, and this "
                        f"computer has {platform.python_version()}: run from one that has it, or "
                        f"set python_app_resolve_on to host."
                    )
                found = shutil.copy(wheel, place)
        return f"{found}{word.removeprefix(path)}"

    # What markers ask, pip would ask this computer's Python.
    with tempfile.TemporaryDirectory() as scratch:
        for number, call in enumerate(found.calls):
            words = []
            for option, word in itertools.pairwise(["", *call]):
                if option == "--requirement":
                    (file := pathlib.Path(scratch, f"{number}-{len(words)}.txt")).write_text(
                        "".join(
                            f"{line}\n"
                            for line in installs.rewritten(source, word, path_of, python)
                        )
                    )
                    words.append(str(file))
                else:
                    words.append(
                        path_of(word) if word.startswith(".") and option != "--constraint" else word
                    )
            _pip([*command, *words], pip_environment, source)


def _platforms():
    machine = platform.machine()
    return [
        f"--platform={tag}_{machine}"
        for tag in ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014", "linux")
    ]


def pinned_wheels(requirements, python, cache, pip_environment):
    """Return the paths of the wheels that the file ``requirements`` pins, for Python ``python``,
    fetched only if the cache has none.
    """
    with cache.file(
        "wheels", pathlib.Path(requirements).read_text(encoding="utf-8"), python
    ) as place:
        kept = place.with_suffix(".wheels")
        if not kept.exists():
            directory = tempfile.mkdtemp(dir=cache.directory)
            _pip(
                [*server.download(requirements, python, directory), *_platforms()],
                pip_environment,
                cache.directory,
            )
            os.rename(directory, kept)
        return sorted(kept.iterdir())


def _pip(words, environment, directory):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            *words,
            "--no-input",
            "--progress-bar=off",
            "--disable-pip-version-check",
        ],
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = mask.mask(done.stdout + done.stderr, environment)
        raise SourceError(
            f"pip {words[0]} failed on this computer. {pip.cause(said, here=True)}\n"
            f"{said[-4000:].strip()}"
        )


def pack(app, plan, cache, launchers, wheels_for="", pip_environment=None):
    """Return the path of the archive of the release
    ``plan["release"]``, made only if the cache has none.

    ``launchers``: the directory of the files that go beside the source. ``wheels_for``: the Python
    of the hosts, where their wheels are resolved here; empty where the hosts do it.
    """
    cache.tidy()
    with cache.file(
        "archive", plan["name"], plan["release"], wheels_for, suffix=".tar.gz"
    ) as place:
        if place.exists():
            os.utime(place)
            return place
        with tempfile.TemporaryDirectory() as directory:
            stage = pathlib.Path(directory)
            (stage / "src").mkdir()
            _fetch(app, stage / "src", cache)
            for name, path in model.beyond(app).items():
                (stage / "src" / name).parent.mkdir(exist_ok=True)
                shutil.copy(path, stage / "src" / name)
            for name in (*plan["requirements"], *plan["constraints"]):
                if not (stage / "src" / name).is_file():
                    raise SourceError(
                        f"{plan['name']} wants the file {name}, which {plan['source']} has not: "
                        f"add or correct it."
                    )
            try:
                found = installs.of(plan, stage / "src", model.kind(app))
            except locks.LockError as error:
                raise SourceError(
                    f"{model.called(app)} the source {plan['source']}. {error}"
                ) from None
            if wheels_for:
                _wheels(plan, stage, found, wheels_for, pip_environment or {})
            (stage / "environment.json").write_text(json.dumps(found._asdict()))
            for file in pathlib.Path(launchers).iterdir():
                shutil.copy(file, stage)
            (stage / "release.json").write_text(model.made_of(plan))
            unfinished = place.with_suffix(".new")
            with tarfile.open(unfinished, "w:gz", compresslevel=4) as archive:
                for name in sorted(os.listdir(stage)):
                    archive.add(stage / name, name, filter=of_root)
            unfinished.rename(place)
        return place


def of_root(member):
    """Make a member root's, readable by all and writable by nobody else."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    if not member.issym():
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member
