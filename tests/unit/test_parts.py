"""Which parts of script/test a change can have touched."""

from __future__ import annotations

import pathlib

import pytest
from parts import PARTS, touched

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("paths", "parts"),
    [
        (["docs/design.md", "README.md", "changelogs/fragments/x.yml"], "sanity lint"),
        (["roles/mysql/README.md"], "sanity lint"),
        (
            ["roles/mysql/tasks/main.yml"],
            "mysql cluster backup grades default-13 default-12 sanity lint unit",
        ),
        (
            ["roles/linux_base/tasks/main.yml"],
            "galaxy grades default-13 default-12 sanity lint unit",
        ),
        (
            ["roles/bind/tasks/main.yml", "docs/design.md"],
            "grades default-13 default-12 bind sanity lint unit",
        ),
        (["plugins/module_utils/dns/rrsets.py"], "default-13 bind integration sanity lint unit"),
        (["plugins/modules/dns_records.py"], "default-13 bind integration sanity lint unit"),
        (
            ["plugins/action/app_release.py"],
            "deploys containers python_app default-13 sanity lint unit",
        ),
        (["plugins/filter/mysql.py"], "mysql cluster backup grades default-13 sanity lint unit"),
        (["plugins/plugin_utils/roles/firewall.py"], "default-13 firewall sanity lint unit"),
        (["plugins/plugin_utils/plan/backup.py"], "backup grades default-13 sanity lint unit"),
        (["molecule/deploys/tests/test_front.py"], "deploys sanity lint"),
        (
            ["molecule/python_app/apps/probe/probe.py", "tests/support/applications.py"],
            "deploys containers python_app sanity lint",
        ),
        (["molecule/bind/tests/test_bind.py"], "bind sanity lint"),
        (["molecule/default/tests/test_site.py"], "apart default-13 default-12 sanity lint"),
        (["tests/integration/conftest.py"], "integration sanity lint"),
        (["script/readme"], "sanity lint unit"),
        (["MAINTAINERS", "SECURITY.md", ".pre-commit-config.yaml"], "sanity lint"),
        (["examples/cluster/inventory.yml", ".github/dependabot.yml"], "sanity lint unit"),
    ],
)
def test_change_touches(paths, parts):
    assert touched(paths) == parts.split()


@pytest.mark.parametrize(
    "path",
    [
        "script/test",
        "tests/support/load.py",
        "images/debian/Dockerfile",
        "ansible.cfg",
        "something/new",
    ],
)
def test_what_everything_stands_on_touches_everything(path):
    assert touched([path]) == list(PARTS)


@pytest.mark.parametrize(
    "path", ["plugins/modules/config_tree.py", "plugins/module_utils/common/safe_paths.py"]
)
def test_plugin_of_all_roles_touches_every_scenario(path):
    assert set(touched([path])) == set(PARTS) - {"integration"}


def test_every_scenario_is_a_part_and_every_role_has_one():
    scenarios = {path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")}
    missing = scenarios - {part.partition("-")[0] for part in PARTS}
    assert not missing, f"Add to PARTS in tests/parts.py the scenarios {', '.join(missing)}."
    for role in (ROOT / "roles").iterdir():
        assert set(touched([f"roles/{role.name}/tasks/main.yml"])) > {
            "lint",
            "sanity",
            "unit",
            "default-12",
            "default-13",
        }
