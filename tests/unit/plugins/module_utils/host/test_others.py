"""What a host serves already, and what is kept of it."""

from __future__ import annotations

import hashlib
import os

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.common import conffiles
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree import before as tree_before
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import ABSENT, Change
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.plan import look
from ansible_collections.foobar.lamp.plugins.module_utils.host import others as host_others


@pytest.fixture
def ship(monkeypatch):
    """Return ``ship(path)``: what stands there is what a package shipped."""
    known = {}
    monkeypatch.setattr(conffiles, "shipped", lambda: known)

    def ship(path):
        known[str(path)] = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()

    return ship


def test_shipped_files_are_read_from_dpkg(tmp_path):
    status = tmp_path / "status"
    digests = "a" * 32, "b" * 32
    status.write_text(
        f"Package: x\nConffiles:\n /etc/x {digests[0]}\n /etc/y {digests[1]} obsolete\n /etc/z "
        f"newconffile\nDescription: x\n"
    )
    assert conffiles.shipped(str(status)) == {"/etc/x": digests[0], "/etc/y": digests[1]}


def test_enabled_virtual_hosts_are_others_but_for_the_package_s(tmp_path, ship):
    enabled, available = tmp_path / "sites-enabled", tmp_path / "sites-available"
    enabled.mkdir()
    available.mkdir()
    (available / "000-default.conf").write_text("<VirtualHost *:80>\n</VirtualHost>\n")
    (available / "off.conf").write_text("ServerName off.example.org\n")
    (available / "shop.conf").write_text(
        "<VirtualHost *:80>\n  ServerName shop.example.org\n  ServerAlias a.example.org "
        "b.example.org\n"
    )
    ship(available / "000-default.conf")
    for name in ("000-default.conf", "shop.conf"):
        os.symlink(f"../sites-available/{name}", enabled / name)
    assert host_others.sites(str(enabled)) == [
        f"{enabled}/shop.conf (shop.example.org, a.example.org, b.example.org)"
    ]
    (available / "000-default.conf").write_text("<VirtualHost *:80>\n  DocumentRoot /srv/own\n")
    assert f"{enabled}/000-default.conf (no ServerName)" in host_others.sites(str(enabled))
    assert host_others.sites(str(tmp_path / "none")) == []


def test_sites_of_nginx_are_others_but_for_the_package_s(tmp_path, ship):
    (tmp_path / "default").write_text("server { server_name _; }\n")
    ship(tmp_path / "default")
    (tmp_path / "shop").write_text(
        "server {\n  listen 80;\n  server_name shop.example.org\n    a.example.org;\n}\n"
    )
    (tmp_path / "bare").write_text("server { listen 8080; }\n")
    assert host_others.sites_of_nginx(str(tmp_path)) == [
        f"{tmp_path}/bare (no server_name)",
        f"{tmp_path}/shop (shop.example.org, a.example.org)",
    ]


def test_sections_of_a_balancer_are_those_that_visitors_come_to(tmp_path):
    config = tmp_path / "haproxy.cfg"
    config.write_text("global\n  daemon\ndefaults\n  mode http\n")
    assert host_others.sections(str(config)) == host_others.sections(str(tmp_path / "none")) == []
    config.write_text(
        "frontend  shop # all\n  bind :80\n# listen old\nbackend web\nlisten db\n  bind :3306\n"
    )
    assert host_others.sections(str(config)) == [
        f"frontend shop of {config}",
        f"listen db of {config}",
    ]


def test_instances_of_keepalived_are_those_of_its_file(tmp_path):
    config = tmp_path / "keepalived.conf"
    assert host_others.instances(str(config)) == []
    config.write_text(
        "global_defs {\n}\n# vrrp_instance old {\nvrrp_instance  VI_1{\n}\nvirtual_server "
        "192.0.2.1 80 {\n}\n"
    )
    assert host_others.instances(str(config)) == [
        f"vrrp_instance VI_1 of {config}",
        f"virtual_server 192.0.2.1 of {config}",
    ]


def test_zones_are_found_in_included_files_and_not_in_comments(tmp_path):
    more = tmp_path / "more.conf"
    more.write_text(
        f'zone example.net IN {{ type master; file "x"; }};\ninclude "{tmp_path}/local.conf";\n'
    )
    local = tmp_path / "local.conf"
    local.write_text(
        f'// zone "a.org" {{\n# zone "b.org" {{\n/* zone "c.org" {{ */\nzone "example.org" {{ '
        f'file "/x//y"; }};\ninclude "{more}";\n'
    )
    assert host_others.zones(str(local)) == ["example.org", "example.net"]
    assert host_others.zones(str(tmp_path / "none")) == []


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Return a directory of somebody's configuration,
    of which copies and journals are kept beside it.
    """
    monkeypatch.setattr(tree_before, "JOURNALS", str(tmp_path / "journals"))
    monkeypatch.setattr(tree_before, "BEFORE", str(tmp_path / "before"))
    place = tmp_path / "tree"
    place.mkdir()
    return place


def gone(path):
    """Return the removal of what stands at a path, as a plan has it."""
    return Change(str(path), look(str(path), content=False), ABSENT)


def test_first_run_keeps_what_others_made(tree, tmp_path, ship):
    own, shipped, link, module = (
        tree / name for name in ("own.conf", "shipped.conf", "own.link", "module.load")
    )
    own.write_text("mine\n")
    own.chmod(0o640)
    shipped.write_text("theirs\n")
    ship(shipped)
    link.symlink_to("own.conf")
    module.symlink_to("shipped.conf")
    found = tree_before.others("web", [gone(path) for path in (own, shipped, link, module)])
    assert [path for path, _state in found] == [str(own), str(link), str(module)]
    assert tree_before.worth_a_word(found) == [str(own)]
    tree_before.keep("web", found)
    kept = tmp_path / "before/web"
    assert (tmp_path / "before").stat().st_mode & 0o777 == 0o700
    copy = kept / str(own).lstrip("/")
    assert (copy.read_text(), copy.stat().st_mode & 0o777) == ("mine\n", 0o640)
    assert os.readlink(kept / str(module).lstrip("/")) == "shipped.conf"
    # Another attempt, after somebody changed it: neither is lost.
    own.write_text("mine, too\n")
    for _time in range(2):
        tree_before.keep("web", tree_before.others("web", [gone(own)]))
    assert copy.read_text() == "mine\n"
    assert sorted(
        path.name for path in copy.parent.iterdir() if path.name.startswith("own.conf")
    ) == ["own.conf", "own.conf.1"]


def test_later_runs_keep_nothing(tree, tmp_path):
    (tree / "own.conf").write_text("mine\n")
    (tmp_path / "journals/web").mkdir(parents=True)
    (tmp_path / "journals/web/seal").touch()
    assert tree_before.others("web", [gone(tree / "own.conf")]) == []


def test_file_that_only_changes_hands_is_no_loss(tree):
    path = tree / "own.conf"
    path.write_text("same\n")
    before = look(str(path))
    after = type(before)("file", before.uid, before.gid, 0o600, content=before.content)
    assert tree_before.others("web", [Change(str(path), before, after)]) == []
