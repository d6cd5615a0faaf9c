"""The action plan, as a task runs it, and what roles ask of its result."""

from __future__ import annotations

import json

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import action_loader, connection_loader, lookup_loader
from ansible.template import Templar, trust_as_template

GROUPS = {
    "all": ["web", "db"],
    "lamp": ["web", "db"],
    "lamp_web": ["web"],
    "lamp_db": ["db"],
    "ungrouped": [],
}
SITES = {
    "www.foobar.com": {"app": {"requirement": "shop==1", "wsgi": "shop:app"}, "database": "shop"}
}
GOOD = {"lamp_domain": "foobar.com", "lamp_sites": SITES}


def facts(number, **more):
    known = {
        "system": {"name": "debian", "version": "12"},
        "addresses": [f"192.0.2.{number}"],
        "paths": {},
        "packages": [],
        **more,
    }
    return {"ansible_facts": {"foobar_lamp": known}}


@pytest.fixture
def variables_of(tmp_path):
    """Return ``variables_of(host, hosts, **given)``: the variables that a task for the host has."""

    def variables_of(host="web", hosts=None, **given):
        hostvars = {
            name: {**GOOD, **given, **facts(number), **(hosts or {}).get(name, {})}
            for number, name in enumerate(GROUPS["all"], 1)
        }
        return {
            **hostvars[host],
            "groups": GROUPS,
            "hostvars": hostvars,
            "inventory_hostname": host,
            "inventory_dir": str(tmp_path),
        }

    return variables_of


def act(variables, **arguments):
    """Return the result of the task."""
    loader, context = DataLoader(), PlayContext()
    parts = {
        "connection": connection_loader.get("local", context),
        "play_context": context,
        "loader": loader,
        "shared_loader_obj": None,
    }
    task = Task.load({"foobar.lamp.plan": arguments})
    task.args = arguments
    return action_loader.get(
        "foobar.lamp.plan", task=task, templar=Templar(loader, variables), **parts
    ).run(task_vars=variables)


@pytest.mark.usefixtures("no_more_roles")
def test_plan_of_a_host_has_inputs_roles_records_and_no_problem(variables_of):
    result = act(variables_of(apache_listen=trust_as_template("{{ [port] }}"), port=8080))
    assert result["problems"] == []
    assert result["roles"] == [
        "linux_base",
        "firewall",
        "certificates",
        "database_proxy",
        "python_app",
        "apache",
        "backup",
    ]
    assert (result["inputs"]["apache_listen"], result["inputs"]["python_app_port"]) == (
        [8080],
        8080,
    )
    assert result["records"] == [{"name": "www.foobar.com.", "type": "A", "values": ["192.0.2.1"]}]
    assert result["given"] == {"python_app_trusted_certificates": []}
    assert not result["changed"]


def test_repository_is_asked_before_the_first_change(variables_of, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    sites = {"www.foobar.com": {"app": {"source": "gone.git", "wsgi": "a:b"}}}
    (problem,) = act(variables_of(lamp_sites=sites))["problems"]
    words = (
        f"lamp_sites['www.foobar.com'].app: "
        f"the repository {tmp_path}/gone.git cannot be read: it is not there"
    )
    assert problem.startswith(words)
    for known in ({"ansible_run_tags": ["mysql"]}, {"ansible_run_tags": ["bind", "apache"]}):
        assert act(variables_of(lamp_sites=sites, **known))["problems"] == []
    assert act(variables_of(lamp_sites=sites), converges=False)["problems"] == []


def test_image_is_looked_at_before_the_first_change(variables_of, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "shop.tar").write_bytes(b"no archive")
    sites = {"www.foobar.com": {"app": {"image": "shop.tar", "port": 8000}}}
    (problem,) = act(variables_of(lamp_sites=sites))["problems"]
    assert problem.startswith(
        f"lamp_sites['www.foobar.com'].app has the image {tmp_path}/shop.tar, "
        f"which is no whole tar archive"
    )
    assert act(variables_of(lamp_sites=sites), converges=False)["problems"] == []


def test_site_is_what_its_compose_file_says(variables_of, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    image = f"registry.foobar.com/shop@sha256:{'a' * 64}"
    web = {
        "image": image,
        "expose": [8000],
        "depends_on": ["db"],
        "environment": {"DATABASE_URL": "mysql://db/shop", "A": "{{ b }}"},
    }
    db = {"image": "mariadb", "environment": {"MARIADB_DATABASE": "shop"}}
    (tmp_path / "compose.yml").write_text(json.dumps({"services": {"web": web, "db": db}}))
    variables = variables_of(lamp_sites={"www.foobar.com": {"app": {"compose": "compose.yml"}}})
    result = act(variables)
    assert (result["problems"], result["databases"]) == ([], {"www.foobar.com": "shop"})
    (app,) = result["inputs"]["python_app_apps"]
    assert (app["image"], app["port"], app["environment"]["A"]) == (image, 8000, "{{ b }}")
    assert app["environment"]["DATABASE_URL"].startswith("mysql+pymysql://shop:")
    assert not act(variables, of="site").get("failed")
    (tmp_path / "compose.yml").write_text(
        "services: {web: {image: a, expose: [80], privileged: true}}"
    )
    assert act(variables, of="site")["msg"].startswith(
        "compose.yml: services.web.privileged has no place here"
    )


def test_secrets_are_made_once_for_all_hosts(variables_of, tmp_path):
    password = act(variables_of("db"))["inputs"]["mysql_users"][0]["password"]
    assert (tmp_path / ".secrets/www.foobar.com/database_password").read_text() == f"{password}\n"
    assert (
        password
        in act(variables_of("web"))["inputs"]["python_app_apps"][0]["environment"]["DATABASE_URL"]
    )


#: A web host that has the secrets of the site.
HAD = {"web": facts(1, paths={"/etc/python_app/www.foobar.com.env": {}})}


@pytest.mark.parametrize(
    ("hosts", "dry", "converges", "lost"),
    [({}, True, True, 0), ({}, False, False, 0), (HAD, False, False, 0), (HAD, False, True, 1)],
    ids=["dry run", "makes nothing", "makes nothing of what is lost", "lost"],
)
def test_run_that_may_make_no_secrets_makes_none(
    variables_of, tmp_path, hosts, dry, converges, lost
):
    result = act({**variables_of("db", hosts), "ansible_check_mode": dry}, converges=converges)
    assert len(result["inputs"]["mysql_users"][0]["password"]) == 48
    assert list(tmp_path.iterdir()) == []
    assert len(result["problems"]) == lost
    assert all(
        "secret_key of www.foobar.com are not in" in problem for problem in result["problems"]
    )


def test_lost_secrets_are_made_anew_where_that_is_said(variables_of, tmp_path):
    assert act(variables_of("db", HAD, lamp_new_secrets=True))["problems"] == []
    assert (tmp_path / ".secrets/www.foobar.com/database_password").exists()


def test_unknown_address_is_said_once(variables_of):
    (problem,) = act(variables_of("db", {"web": {"ansible_facts": {}}}, lamp_new_secrets=True))[
        "problems"
    ]
    assert (
        problem
        == "No address of host web is known: run without --limit, or set lamp_address for the host."
    )
    # Of the host itself it is the records that need it.
    result = act(variables_of("web", {"web": facts(1, addresses=[])}))
    assert (result["problems"], "records" in result) == ([problem], False)


def test_expression_that_cannot_be_worked_out_is_a_problem_beside_the_others(variables_of):
    problems = act(
        variables_of(apache_modules=trust_as_template("{{ nowhere }}"), apache_listen="80")
    )["problems"]
    assert len(problems) == 2
    assert problems[0].startswith("apache_modules cannot be evaluated: ")
    assert problems[1].startswith("apache_listen is '80'")


def test_what_is_wrong_with_the_site_fails_the_task(variables_of):
    result = act(variables_of(), of="site")
    assert "failed" not in result
    result = act(variables_of(lamp_domain="foobar", lamp_sites={}), of="site")
    assert result["failed"]
    assert [problem.partition(" is ")[0] for problem in result["msg"].splitlines()] == [
        "lamp_domain",
        "lamp_sites",
    ]


def test_late_input_is_asked_for_by_its_name(variables_of):
    def late(hosts, **given):
        variables = variables_of("web", hosts, **given)
        variables["__plan"] = act(variables)
        name = "python_app_trusted_certificates"
        return lookup_loader.get(
            "foobar.lamp.late", loader=None, templar=Templar(variables=variables)
        ).run([name], variables)

    ours, made = {"name": "ours", "content": "OURS"}, {"name": "database", "content": "PEM"}
    assert late({}) == [[]]
    assert late({}, python_app_trusted_certificates=[ours]) == [[ours]]
    known = {"db": facts(2, ca_certificates={"/etc/mysql/tls/ca.pem": "PEM\n"})}
    assert late(known) == [[made]]
    assert late(known, python_app_trusted_certificates=[ours]) == [[made, ours]]


@pytest.mark.parametrize("converges", [True, False])
def test_address_that_is_not_known_keeps_only_a_run_that_uses_it(variables_of, converges):
    result = act(variables_of("db", {"web": {"ansible_facts": {}}}), converges=converges)
    known = (
        "No address of host web is known: run without --limit, or set lamp_address for the host."
    )
    assert [problem for problem in result["problems"] if problem.startswith("No address")] == (
        [known] if converges else []
    )
    assert "records" not in result
