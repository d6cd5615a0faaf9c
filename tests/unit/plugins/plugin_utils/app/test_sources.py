"""What identifies the content of each kind of source, and what its archive holds."""

from __future__ import annotations

import os
import pathlib
import subprocess
import tarfile
import zipfile

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import git as git_sources
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import model, sources


@pytest.fixture
def source(tmp_path):
    place = tmp_path / "shop"
    place.mkdir()
    (place / "shop.py").write_text("application = None\n")
    return place


@pytest.fixture
def cache(tmp_path):
    return sources.Cache("run", tmp_path / "cache")


@pytest.fixture
def app(source):
    return {"name": "www.foobar.com", "source": str(source), "wsgi": "shop:application"}


def git(place, *words):
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", "-C", place, *who, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(source):
    git(source, "init", "--quiet")
    git(source, "add", ".")
    git(source, "commit", "--quiet", "--message", "one")
    git(source, "tag", "--annotate", "v1", "--message", "one")
    return source


def packed(app, cache, tmp_path):
    """Return the names in the archive of an app, and the place where it is unpacked."""
    plan = model.plan(app)
    content, plan["source"] = sources.resolve(app, cache)
    plan["release"] = model.release(content, plan)
    (tmp_path / "launchers").mkdir(exist_ok=True)
    with tarfile.open(sources.pack(app, plan, cache, tmp_path / "launchers")) as archive:
        assert {member.uid for member in archive} == {0}
        archive.extractall(tmp_path / "out")  # noqa: S202 # made here
        return sorted(name for name in archive.getnames() if name.startswith("src/"))


def test_directory_is_its_content(app, source, cache):
    first = sources.resolve(app, cache)
    (source / "__pycache__").mkdir()
    (source / "__pycache__/shop.pyc").write_text("x")
    assert sources.resolve(app, cache) == first
    (source / "shop.py").write_text("application = 1\n")
    assert sources.resolve(app, cache) != first


def test_directory_without_what_is_excluded(app, source, cache, tmp_path):
    for name in ("notes.txt", "tests/test_shop.py", "deep/tests/test_shop.py"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("x")
    assert packed({**app, "exclude": ["*.txt", "tests"]}, cache, tmp_path) == ["src/shop.py"]


def test_work_tree_ships_what_git_would(app, repository, cache, tmp_path):
    (repository / ".gitignore").write_text("secret.txt\n")
    (repository / "secret.txt").write_text("x")
    (repository / "new.py").write_text("x")
    assert packed(app, cache, tmp_path) == ["src/.gitignore", "src/new.py", "src/shop.py"]


@pytest.fixture
def secret(repository):
    """Return a repository that ignores a secret, and has one that git does not know."""
    (repository / ".gitignore").write_text(".env\n")
    (repository / ".env").write_text("SECRET_KEY=hush\n")
    return repository


@pytest.mark.parametrize("place", ["", "deep/er"])
def test_work_tree_that_git_refuses_is_not_shipped(app, secret, cache, tmp_path, place):
    (secret / place).mkdir(parents=True, exist_ok=True)
    (secret / place / "x.py").write_text("x")
    (secret / ".git/HEAD").unlink()
    with pytest.raises(
        sources.SourceError,
        match=r"(?s)shop.*which says what is part .*fatal: not a git repository",
    ):
        packed({**app, "source": str(secret / place)}, cache, tmp_path)


def test_work_tree_of_another_user_is_not_shipped(app, secret, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(sources.SourceError, match="dubious ownership"):
        packed(app, cache, tmp_path)


def test_work_tree_is_not_shipped_without_git(app, secret, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        sources.SourceError, match="git is not installed on this computer: install it"
    ):
        packed(app, cache, tmp_path)


def test_linked_work_tree_that_git_refuses_is_not_shipped(app, source, cache, tmp_path):
    (source / ".git").write_text(f"gitdir: {tmp_path}/gone\n")
    with pytest.raises(sources.SourceError, match="fatal: not a git repository"):
        packed(app, cache, tmp_path)


def test_work_tree_of_which_git_knows_nothing_is_not_shipped(app, secret, cache, tmp_path):
    (secret / "ignored").mkdir()
    (secret / "ignored/.env").write_text("x")
    with pytest.raises(sources.SourceError, match="has no file that the git repository"):
        packed({**app, "source": str(secret / "ignored")}, cache, tmp_path)


def test_work_tree_is_its_own_in_the_hook_of_another(app, secret, cache, tmp_path, monkeypatch):
    (other := tmp_path / "other").mkdir()
    git(other, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert packed(app, cache, tmp_path) == ["src/.gitignore", "src/shop.py"]


@pytest.mark.parametrize("version", ["v1", "main"])
def test_git_is_its_commit(app, repository, cache, tmp_path, version):
    commit = git(repository, "rev-parse", "HEAD")
    content, words = sources.resolve({**app, "version": version}, cache)
    assert commit in content
    assert f"at {version} ({commit[:12]})" in words
    assert sources.resolve({**app, "version": commit}, cache)[0] == content
    assert packed({**app, "version": version, "exclude": []}, cache, tmp_path) == ["src/shop.py"]


def test_branch_is_asked_once_a_run(app, repository, cache, tmp_path):
    first = sources.resolve({**app, "version": "main"}, cache)
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "two")
    assert sources.resolve({**app, "version": "main"}, cache) == first
    assert (
        sources.resolve({**app, "version": "main"}, sources.Cache("next run", cache.directory))
        != first
    )


def test_unknown_version_is_named(app, repository, cache):
    with pytest.raises(sources.SourceError, match="no branch or tag v9"):
        sources.resolve({**app, "version": "v9"}, cache)


def pack_zip(source, target):
    with zipfile.ZipFile(target, "w") as archive:
        archive.write(source / "shop.py", "shop-1.0/shop.py")


def pack_tar(source, target):
    with tarfile.open(target, "w:gz") as archive:
        archive.add(source, "shop-1.0")


@pytest.mark.parametrize(("name", "pack"), [("shop.zip", pack_zip), ("shop.tar.gz", pack_tar)])
def test_archive_loses_its_top_directory(app, source, cache, tmp_path, name, pack):
    pack(source, tmp_path / name)
    assert packed({**app, "source": str(tmp_path / name)}, cache, tmp_path) == ["src/shop.py"]


def member(name, **attributes):
    """Return a member of an archive."""
    found = tarfile.TarInfo(name)
    for attribute, value in attributes.items():
        setattr(found, attribute, value)
    return found


@pytest.mark.parametrize(
    "members",
    [
        [member("../shop.py")],
        [member("/shop.py")],
        [member("link", type=tarfile.SYMTYPE, linkname="../..")],
        [
            member("here", type=tarfile.SYMTYPE, linkname="."),
            member("up", type=tarfile.SYMTYPE, linkname="here/.."),
        ],
        [
            member("up", type=tarfile.SYMTYPE, linkname="a/.."),
            member("a", type=tarfile.SYMTYPE, linkname="."),
            member("up/shop.py"),
        ],
        [member("a", type=tarfile.SYMTYPE, linkname="."), member("a/shop.py")],
        [
            member("a", type=tarfile.SYMTYPE, linkname="."),
            member("a/b", type=tarfile.SYMTYPE, linkname="../.."),
        ],
        [member("etc", type=tarfile.SYMTYPE, linkname="/etc")],
        [
            member("a", type=tarfile.SYMTYPE, linkname="b"),
            member("b", type=tarfile.SYMTYPE, linkname="a"),
        ],
        [
            member("d/e/up", type=tarfile.SYMTYPE, linkname=".."),
            member("x", type=tarfile.SYMTYPE, linkname="d/e/up/../../x"),
        ],
        [member("hard", type=tarfile.LNKTYPE, linkname="/etc/passwd")],
        [member("device", type=tarfile.CHRTYPE)],
    ],
    ids=[
        *(
            "above",
            "absolute",
            "link above",
            "link over a link",
            "file over links",
            "file through a link",
            "link to a file over a link",
        ),
        *("absolute link", "loop", "link by a link", "hard link", "device"),
    ],
)
def test_archive_that_would_reach_elsewhere_is_refused(app, cache, tmp_path, members):
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        for one in members:
            archive.addfile(one)
    with pytest.raises(
        sources.SourceError,
        match="cannot be unpacked: .*(outside|is no file|is a link and something else)",
    ):
        packed({**app, "source": str(tmp_path / "bad.tar")}, cache, tmp_path)


def pwned(directory):
    """Return the files of that name there."""
    return sorted(
        str(path.relative_to(directory)) for path in pathlib.Path(directory).rglob("*pwned*")
    )


def test_file_in_the_place_of_a_link_that_leads_outside_over_another(tmp_path):
    members = [
        member("d", type=tarfile.DIRTYPE, mode=0o755),
        member("d/y", type=tarfile.SYMTYPE, linkname=".."),
        member("x", type=tarfile.SYMTYPE, linkname="d/y/../../pwned"),
        member("x"),
    ]
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        for one in members:
            archive.addfile(one)
    (target := tmp_path / "in/here/src").mkdir(parents=True)
    with pytest.raises(sources.SourceError, match="x is a link and something else"):
        sources._unpack(tmp_path / "bad.tar", target)
    assert pwned(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "mode", "content"),
    [
        ("../pwned", 0o100644, "x"),
        ("/pwned", 0o100644, "x"),
        ("pwned", 0o120777, "../x"),
        ("pwned", 0o010644, "x"),
    ],
    ids=["above", "absolute", "link above", "FIFO"],
)
def test_zip_is_held_to_the_same_rules(app, cache, tmp_path, name, mode, content):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(info, content)
    with pytest.raises(sources.SourceError, match="cannot be unpacked: .*(outside|is no file)"):
        packed({**app, "source": str(tmp_path / "bad.zip")}, cache, tmp_path)
    assert pwned(tmp_path) == []


def test_zip_keeps_links_and_programs(app, cache, tmp_path):
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as archive:
        for name, mode, content in (
            ("s/run", 0o100755, "x"),
            ("s/link", 0o120777, "run"),
            ("s/shop.py", 0o100644, "y"),
        ):
            (info := zipfile.ZipInfo(name)).external_attr = mode << 16
            archive.writestr(info, content)
    assert packed({**app, "source": str(tmp_path / "shop.zip")}, cache, tmp_path) == [
        "src/link",
        "src/run",
        "src/shop.py",
    ]
    assert os.readlink(tmp_path / "out/src/link") == "run"
    assert os.access(tmp_path / "out/src/run", os.X_OK)


def test_repository_whose_link_leads_outside_is_named(app, repository, cache, tmp_path):
    (repository / "up").symlink_to("../../x")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "two")
    with pytest.raises(
        sources.SourceError,
        match="shop at [0-9a-f]{12} cannot be unpacked: the link up would lead outside",
    ):
        packed({**app, "version": "main"}, cache, tmp_path)


def test_archive_keeps_links_and_programs(app, source, cache, tmp_path):
    (source / "run").write_text("x")
    (source / "run").chmod(0o755)
    (source / "deep").mkdir()
    (source / "deep/link").symlink_to("../shop.py")
    pack_tar(source, tmp_path / "shop.tar.gz")
    assert packed({**app, "source": str(tmp_path / "shop.tar.gz")}, cache, tmp_path) == [
        "src/deep",
        "src/deep/link",
        "src/run",
        "src/shop.py",
    ]
    assert os.readlink(tmp_path / "out/src/deep/link") == "../shop.py"
    assert os.access(tmp_path / "out/src/run", os.X_OK)
    assert not os.access(tmp_path / "out/src/shop.py", os.X_OK)


def test_checksum_is_required_to_fit(app, source, cache, tmp_path):
    pack_zip(source, tmp_path / "shop.zip")
    good = {**app, "source": str(tmp_path / "shop.zip")}
    checksum = sources.resolve(good, cache)[0].removeprefix("archive ")
    assert sources.resolve({**good, "checksum": checksum}, cache) == sources.resolve(good, cache)
    with pytest.raises(sources.SourceError, match="correct the checksum"):
        sources.resolve({**good, "checksum": "sha256:" + "0" * 64}, cache)


def test_archive_at_an_address(app, source, cache, tmp_path, address_of):
    pack_zip(source, tmp_path / "shop.zip")
    checksum = sources.resolve({**app, "source": str(tmp_path / "shop.zip")}, cache)[
        0
    ].removeprefix("archive ")
    remote = {**app, "source": f"{address_of(tmp_path)}/shop.zip", "checksum": checksum}
    assert packed(remote, cache, tmp_path) == ["src/shop.py"]
    with pytest.raises(sources.SourceError, match="correct the checksum"):
        packed({**remote, "checksum": "sha256:" + "0" * 64}, cache, tmp_path)


def test_missing_requirements_file_is_named(app, repository, cache, tmp_path):
    with pytest.raises(sources.SourceError, match="wants the file r.txt"):
        packed({**app, "version": "v1", "requirements": ["r.txt"]}, cache, tmp_path)


def test_constraints_beyond_the_source_are_shipped_and_part_of_the_content(app, cache, tmp_path):
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("flask==3.1.3\n")
    app["constraints"] = [str(constraints)]
    before = sources.resolve(app, cache)
    assert packed(app, cache, tmp_path) == ["src/shop.py"]
    assert (tmp_path / "out/beside/constraints.txt").read_text() == constraints.read_text()
    constraints.write_text("flask==3.1.2\n")
    after = sources.resolve(app, cache)
    assert before[0] != after[0]
    assert before[1] == after[1]


def commit(place, *files):
    """Write files, and commit all that is there."""
    for name in files:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(name)
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--message", "more")
    return git(place, "rev-parse", "HEAD")


@pytest.fixture
def library(tmp_path):
    """Return a repository that is a submodule of a submodule of others."""
    place = tmp_path / "library"
    for name in ("deep", "library"):
        (tmp_path / name).mkdir()
        git(tmp_path / name, "init", "--quiet")
    commit(tmp_path / "deep", "deep.py")
    add_submodule(place, "../deep", "inner/deep")
    commit(place, "library.py")
    return place


def add_submodule(place, address, path):
    git(place, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", address, path)


def test_subdirectory_of_a_repository(app, repository, cache, tmp_path):
    commit(repository, "backend/shop.py", "backend/deep/x.py", "frontend/y.js")
    inner = {**app, "version": "main", "subdirectory": "backend"}
    assert packed(inner, cache, tmp_path) == ["src/deep", "src/deep/x.py", "src/shop.py"]
    assert sources.resolve(inner, cache)[0] != sources.resolve({**app, "version": "main"}, cache)[0]


def test_subdirectory_that_is_not_there_is_named(app, repository, cache, tmp_path):
    with pytest.raises(
        sources.SourceError,
        match=r"shop at [0-9a-f]{12} has no directory backend: correct subdirectory",
    ):
        packed({**app, "version": "main", "subdirectory": "backend"}, cache, tmp_path)


def test_subdirectory_of_a_directory_and_of_an_archive(app, source, cache, tmp_path):
    (source / "backend").mkdir()
    (source / "backend/x.py").write_text("x")
    assert packed({**app, "subdirectory": "backend"}, cache, tmp_path) == ["src/x.py"]
    pack_tar(source, tmp_path / "shop.tar.gz")
    assert packed(
        {**app, "source": str(tmp_path / "shop.tar.gz"), "subdirectory": "backend"}, cache, tmp_path
    ) == ["src/x.py"]


@pytest.mark.parametrize("kind", ["directory", "git", "archive"])
def test_lock_above_the_subdirectory_is_never_passed_over(app, repository, cache, tmp_path, kind):
    commit(repository, "apps/uv.lock", "apps/shop/x.py")
    (repository / "apps/shop/requirements.txt").write_text("flask\n")
    commit(repository)
    pack_tar(repository, tmp_path / "shop.tar.gz")
    more = {
        "directory": {},
        "git": {"version": "main"},
        "archive": {"source": str(tmp_path / "shop.tar.gz")},
    }[kind]
    inner = {"source": str(repository), **app, "subdirectory": "apps/shop", **more}
    with pytest.raises(
        sources.SourceError,
        match=(
            r"apps/uv\.lock is above the subdirectory apps/shop, and would not be followed: "
            r"export"
        ),
    ):
        packed(inner, cache, tmp_path)
    for said in ({"requirements": ["requirements.txt"]}, {"exclude": ["uv.lock"]}):
        assert "src/x.py" in packed({**inner, **said}, cache, tmp_path)


def test_submodules_come_with_their_content(app, repository, library, cache, tmp_path):
    add_submodule(repository, "../library", "libs/library")
    commit(repository)
    found = packed({**app, "version": "main"}, cache, tmp_path)
    assert {"src/libs/library/library.py", "src/libs/library/inner/deep/deep.py"} <= set(found)
    found = packed({**app, "version": "main", "subdirectory": "libs"}, cache, tmp_path)
    assert "src/library/inner/deep/deep.py" in found


def test_submodule_that_is_left_out_is_not_fetched(app, repository, library, cache, tmp_path):
    add_submodule(repository, "../library", "libs/library")
    commit(repository)
    library.rename(library.with_name("gone"))
    with pytest.raises(
        sources.SourceError,
        match=(
            r"(?s)www.foobar.com, submodule libs/library: the repository \S+library cannot be "
            r"read"
        ),
    ):
        packed({**app, "version": "main"}, cache, tmp_path)
    found = packed({**app, "version": "main", "exclude": ["libs"]}, cache, tmp_path)
    assert found == ["src/.gitmodules", "src/shop.py"]


def test_submodule_does_not_name_another_repository_of_this_computer(
    app, repository, library, cache, tmp_path
):
    add_submodule(repository, str(library), "libs/library")
    commit(repository)
    with pytest.raises(
        sources.SourceError, match="submodule libs/library has the address .*which is no server's"
    ):
        packed({**app, "version": "main"}, cache, tmp_path)


def test_submodules_of_a_work_tree(app, repository, library, cache, tmp_path):
    add_submodule(repository, "../library", "libs/library")
    with pytest.raises(
        sources.SourceError,
        match="inner/deep is a submodule that is not there: run 'git submodule update",
    ):
        packed(app, cache, tmp_path)
    git(
        repository,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "update",
        "--init",
        "--recursive",
    )
    assert "src/libs/library/inner/deep/deep.py" in packed(app, cache, tmp_path)


@pytest.mark.parametrize("version", ["", "main"])
def test_pointer_of_lfs_is_refused(app, repository, cache, tmp_path, version):
    (repository / "logo.png").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"
    )
    commit(repository)
    with pytest.raises(
        sources.SourceError,
        match="www.foobar.com with the source .*, where logo.png only points to a file of Git LFS",
    ):
        packed({**app, "version": version}, cache, tmp_path)
    assert "src/logo.png" not in packed(
        {**app, "version": version, "exclude": ["*.png"]}, cache, tmp_path
    )


def test_what_git_ignores_is_shipped_on_request_and_named_else(app, secret, cache, tmp_path):
    (secret / ".gitignore").write_text(".env\ndist\n__pycache__\n")
    for name in ("dist/app.js", "__pycache__/x.pyc"):
        (secret / name).parent.mkdir()
        (secret / name).write_text("x")
    assert sources.left_out(app) == [".env", "dist"]
    included = {**app, "include": ["dist"]}
    assert sources.left_out(included) == [".env"]
    assert packed(included, cache, tmp_path) == [
        "src/.gitignore",
        "src/dist",
        "src/dist/app.js",
        "src/shop.py",
    ]
    before = sources.resolve(included, cache)
    (secret / "dist/app.js").write_text("y")
    assert sources.resolve(included, cache) != before


def test_broken_lock_names_application_and_source(app, source, cache, tmp_path):
    (source / "uv.lock").write_text("[")
    with pytest.raises(
        sources.SourceError, match="www.foobar.com with the source .*shop. uv.lock cannot be read"
    ):
        packed(app, cache, tmp_path)


@pytest.mark.parametrize(
    ("base", "address", "whole"),
    [
        (
            "https://me@example.com/acme/shop.git",
            "../lib.git",
            "https://me@example.com/acme/lib.git",
        ),
        (
            "https://example.com/acme/shop.git",
            "./lib.git",
            "https://example.com/acme/shop.git/lib.git",
        ),
        ("gitea@example.com:acme/shop.git", "../lib.git", "gitea@example.com:acme/lib.git"),
        (
            "ssh://git@example.com:22/acme/shop.git",
            "../../x/lib.git",
            "ssh://git@example.com:22/x/lib.git",
        ),
        (
            "https://example.com/acme/shop.git",
            "https://example.org/lib.git",
            "https://example.org/lib.git",
        ),
    ],
)
def test_address_of_a_submodule(base, address, whole):
    assert git_sources._joined(base, address) == whole


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "Host key verification failed.",
            "does not know the key of example.com: compare what 'ssh-keyscan example.com'",
        ),
        ("gitea@example.com: Permission denied (publickey).", "give deploy_key one that may read"),
        ("fatal: could not read Username for 'https://example.com'", "it wants a password"),
        ("fatal: something else", ":"),
    ],
)
def test_remedy_of_what_git_says(said, words):
    assert words in git_sources._remedy(said, "gitea@example.com:acme/shop.git")


@pytest.mark.parametrize("given", ["text", "path"])
def test_key_is_in_a_file_that_only_this_user_reads_while_it_is_needed(tmp_path, given):
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nhush\n-----END OPENSSH PRIVATE KEY-----"
    (tmp_path / "key").write_text(key)
    with git_sources._ssh("shop", key if given == "text" else str(tmp_path / "key")) as command:
        path = pathlib.Path(command.split(" -i ")[1])
        assert path.read_text() == f"{key}\n"
        assert path.stat().st_mode & 0o777 == 0o600
        assert "hush" not in command
    assert not path.exists()


def test_cache_forgets_after_a_day(cache):
    old, new = cache.directory / "old", cache.directory / "new"
    for file in (old, new):
        file.write_text("x")
    os.utime(old, (0, 0))
    cache.tidy()
    assert [file.name for file in pathlib.Path(cache.directory).iterdir()] == ["new"]
