"""What Ansible's variables say of a site, and what is wrong with that before a host is asked."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.template import Templar, trust_as_template
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import options, read, roles
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import Choice, Role

GOOD = {
    "lamp_domain": "foobar.com",
    "lamp_sites": {"www.foobar.com": {"document_root": "/srv/www"}},
}
GROUPS = {
    "all": ["a", "b"],
    "lamp": ["a", "b"],
    "lamp_web": ["a"],
    "lamp_db": ["b"],
    "ungrouped": [],
}


def variables_of(groups=None, hosts=None, **given):
    """Return the variables of the first host, as a task has them."""
    groups = groups or GROUPS
    hostvars = {name: {**given, **(hosts or {}).get(name, {})} for name in groups["all"]}
    return {
        **hostvars[groups["all"][0]],
        "groups": groups,
        "hostvars": hostvars,
        "inventory_hostname": groups["all"][0],
    }


def problems(*args, warn=None, **given):
    variables = variables_of(*args, **{**GOOD, **given})
    return read.site_problems(
        variables, Templar(variables=variables), ([] if warn is None else warn).append
    )


def test_good_inventory_has_no_problem():
    said = []
    assert problems(warn=said, mysql_users=[], other=1) == said == []


def test_all_that_is_wrong_is_said_together():
    said = problems(
        {**GROUPS, "lamp_db": []},
        {"b": {"lamp_adress": "x"}, "a": {"lamp_address": "x"}},
        lamp_sites={"www.foobar.com": {}},
        lamp_domain="foobar",
        lamp_secrets={"x": {}},
        lamp_dns_key={"name": "x", "secret": "c2VjcmV0"},
    )
    for words in (
        "Host b is in no group",
        "Group lamp_db is empty",
        "lamp_adress is not a known variable: did you mean lamp_address?",
        "lamp_domain is 'foobar'",
        "lamp_sites['www.foobar.com'] has neither app nor document_root",
        "lamp_secrets['x'] is for a site",
        "lamp_dns_key is set, but lamp_dns_server is not",
        "lamp_address of a is 'x'",
    ):
        assert [problem for problem in said if words in problem], words
    assert len(said) == 8


def test_one_balancer_is_warned_of_and_goes():
    said = []
    assert problems({**GROUPS, "lamp_lb": ["b"]}, warn=said) == []
    assert [
        doubt.startswith("Group lamp_lb has one host, b, through which all visitors come")
        for doubt in said
    ] == [True]


def test_web_hosts_that_are_still_visited_are_warned_of_and_go():
    said, groups = [], {**GROUPS, "lamp_lb": ["b"]}
    assert problems(groups, warn=said, lamp_still_visited=["a"]) == []
    assert "lamp_still_visited lets visitors come to a without a balancer" in [
        doubt.partition(". ")[0] for doubt in said
    ]
    (problem,) = problems(groups, lamp_still_visited=["b"])
    assert problem.startswith("lamp_still_visited has b, which is not in lamp_web")
    said.clear()
    assert problems(warn=said, lamp_still_visited=["a"]) == said == []


def test_header_that_cannot_be_is_said_once():
    (problem,) = problems(
        lamp_sites={"www.foobar.com": {"document_root": "/srv/www", "headers": {"X Y": "1"}}}
    )
    assert "headers has the name 'X Y'" in problem


def test_types_of_all_are_said_together_and_nothing_looks_at_more():
    said = problems(
        GROUPS,
        {"a": {"lamp_address": 5}, "b": {"lamp_peer_address": [False]}},
        lamp_sites={"www.foobar.com": {"databse": "x"}},
        lamp_domain=["x"],
        lamp_restore_force="maybe",
        lamp_secrets={"x": {}},
    )
    assert [problem.partition(" is ")[0] for problem in said] == [
        "lamp_domain",
        "lamp_restore_force",
        "lamp_sites['www.foobar.com'].databse",
        "lamp_address of a",
        "lamp_peer_address[0] of b",
    ]


def test_records_are_looked_at_once_the_sites_are_well():
    record = {"name": "x", "type": "A", "values": ["no address"]}
    (problem,) = problems(lamp_dns_records=[record])
    assert "lamp_dns_records[0] (x A) has the value 'no address'" in problem
    (problem,) = problems(lamp_dns_records=[record], lamp_sites={})
    assert problem.startswith("lamp_sites is empty")


def test_variable_that_is_nearly_an_input_is_warned_of():
    said = []
    assert problems(warn=said, mysql_setings={}) == []
    assert said == [
        (
            "mysql_setings is not a variable of any role and has no effect: "
            "did you mean mysql_settings?"
        )
    ]


def test_expression_that_cannot_be_worked_out_is_a_problem():
    given = {
        "lamp_domain": trust_as_template("{{ nowhere }}"),
        "lamp_dnssec_policy": trust_as_template("{{ lamp_domain_too }}"),
    }
    said = problems(**given, lamp_domain_too="x")
    assert said[0] == "lamp_domain_too is not a known variable: did you mean lamp_domain?"
    assert said[1].startswith("lamp_domain cannot be evaluated: ")
    assert "nowhere" in said[1]
    assert len(said) == 2
    variables = variables_of(**GOOD, apache_listen=trust_as_template("{{ [port] }}"), port=8080)
    assert read.settled("apache", variables, Templar(variables=variables)) == (
        {"apache_listen": [8080]},
        [],
    )


class Server(Role):
    """A web server that is taken by the variable lamp_toy."""

    GROUP = "lamp_web"
    CHOICE = Choice("lamp_toy", "one")


@pytest.fixture
def toys(monkeypatch):
    """Have two roles for one group, of which the inventory chooses one."""
    for name in ("one", "another"):
        monkeypatch.setitem(roles.ALL, name, Server(name))
    options.options.cache_clear()
    yield
    options.options.cache_clear()


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("value", ["another", trust_as_template("{{ 'anoth' ~ 'er' }}")])
def test_role_is_chosen_by_a_variable_of_the_inventory(value):
    assert problems(lamp_toy=value) == []
    variables = variables_of(**GOOD, lamp_toy=value)
    site = read.site_of(variables, Templar(variables=variables))
    names = [role.name for role in roles.of(site.host("a").groups, site.values)]
    assert "another" in names
    assert "one" not in names


@pytest.mark.usefixtures("toys")
def test_choice_that_is_none_is_a_problem():
    assert problems() == []
    assert problems(lamp_toy="third") == ["lamp_toy is 'third': give one or another."]
    (problem,) = problems(lamp_toy=5)
    assert problem.startswith("lamp_toy is 5, a whole number where a text is wanted")


def site_of(**given):
    variables = variables_of(**GOOD, **given)
    return read.site_of(variables, Templar(variables=variables))


def test_site_has_the_settled_variables_of_the_inventory():
    site = site_of(
        lamp_untested_os="yes", lamp_dnssec_policy=5, apache_listen=[80], inventory_dir="/inv"
    )
    assert site.values == {**GOOD, "lamp_untested_os": True}
    assert (site.domain, site.base) == ("foobar.com", "/inv")
    assert site.host("b").groups == ["all", "lamp", "lamp_db"]
    assert site_of(lamp_base_dir="/base", inventory_dir="/inv").base == "/base"


def test_secrets_are_made_where_the_site_may_make_them_alone(tmp_path):
    assert len(site_of(inventory_dir=str(tmp_path)).secrets["www.foobar.com"]["secret_key"]) == 48
    dry = site_of(inventory_dir=str(tmp_path), ansible_check_mode=True)
    dry.makes_secrets = True
    assert len(dry.transfer_secret) == 48
    assert list(tmp_path.iterdir()) == []
    site = site_of(
        inventory_dir=str(tmp_path),
        lamp_secrets={"www.foobar.com": {"secret_key": "given for the site"}},
    )
    site.makes_secrets = True
    found = site.secrets["www.foobar.com"]
    assert found["secret_key"] == "given for the site"
    kept = tmp_path / ".secrets"
    assert (kept / "www.foobar.com/database_password").read_text() == found[
        "database_password"
    ] + "\n"
    assert site.transfer_secret + "\n" == (kept / "foobar.com/transfer_key").read_text()
    assert not (kept / "www.foobar.com/secret_key").exists()
    again = site_of(inventory_dir="/elsewhere", lamp_secrets_dir=str(kept))
    assert again.secrets["www.foobar.com"]["database_password"] == found["database_password"]


@pytest.mark.parametrize(
    ("balancers", "still", "names"),
    [([], [], ["a"]), (["b"], [], ["b"]), (["b"], ["a"], ["b", "a"])],
)
def test_keys_that_prove_names_are_those_of_the_hosts_where_tls_ends(
    tmp_path, balancers, still, names
):
    variables = variables_of(
        {**GROUPS, "lamp_lb": balancers},
        **GOOD,
        lamp_secrets_dir=str(tmp_path),
        lamp_still_visited=still,
    )
    site = read.site_of(variables, Templar(variables=variables))
    site.makes_secrets = True
    assert list(site.acme_keys) == names
    assert {path.parent.name for path in tmp_path.rglob("acme_key")} == set(names)


def test_secrets_that_cannot_be_kept_are_said_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    site = site_of(lamp_secrets_dir=str(tmp_path / "file"))
    site.makes_secrets = True
    with pytest.raises(
        AnsibleError, match="cannot be kept: .*name another directory in lamp_secrets_dir"
    ):
        assert site.secrets
    (tmp_path / "www.foobar.com").mkdir()
    (tmp_path / "www.foobar.com/secret_key").write_text("")
    site = site_of(lamp_secrets_dir=str(tmp_path))
    site.makes_secrets = True
    with pytest.raises(AnsibleError, match="is empty: write the secret into it"):
        assert site.secrets
