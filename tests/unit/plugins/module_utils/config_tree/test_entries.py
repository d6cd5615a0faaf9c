# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What config_tree makes of its arguments, and how it speaks of changes."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import (
    ABSENT,
    Change,
    State,
    TreeError,
    diff,
    expand,
    fill,
    mask,
    parents,
    parse_mode,
    readers,
    stale,
)


def file(**entry):
    return {"dest": "/etc/x", "content": "", **entry}


def test_defaults_are_filled_in():
    tree = expand(
        {"name": "t", "files": [file()], "directories": [{"path": "/etc/d"}], "links": None}
    )
    entry = tree["files"][0]
    assert (entry["owner"], entry["group"], entry["mode"], entry["secret"]) == (
        "root",
        "root",
        0o644,
        False,
    )
    entry = tree["directories"][0]
    assert (entry["owner"], entry["group"], entry["mode"], entry["purge"], entry["keep"]) == (
        None,
        None,
        None,
        False,
        [],
    )


def test_each_makes_one_entry_an_item():
    items = [{"name": "a", "port": 1}, {"name": "b", "port": 2}]
    tree = expand(
        {
            "name": "t",
            "files": [{"dest": "/etc/{name}.{port}", "template": "x.j2", "each": items}],
            "links": [{"dest": "/etc/on/{name}", "target": "../{name}.{port}", "each": items}],
            "directories": [{"path": "/srv/{name}", "each": items}],
        }
    )
    assert [(entry["path"], entry["item"]) for entry in tree["files"]] == [
        ("/etc/a.1", items[0]),
        ("/etc/b.2", items[1]),
    ]
    assert [(entry["path"], entry["target"]) for entry in tree["links"]] == [
        ("/etc/on/a", "../a.1"),
        ("/etc/on/b", "../b.2"),
    ]
    assert [entry["path"] for entry in tree["directories"]] == ["/srv/a", "/srv/b"]


def test_each_of_nothing_is_nothing():
    assert expand({"name": "t", "files": [file(each=[])]})["files"] == []


def test_braces_without_each_and_in_content_are_left_alone():
    tree = expand({"name": "t", "files": [file(dest="/etc/{name}", content="{name} {{ x }}")]})
    assert (tree["files"][0]["path"], tree["files"][0]["value"]) == (
        "/etc/{name}",
        "{name} {{ x }}",
    )
    assert fill("{a b} {}", {"a": "x"}, "w") == "{a b} {}"


def test_paths_get_one_spelling():
    assert expand({"name": "t", "absent": ["//etc//./x/"]})["absent"][0]["path"] == "/etc/x"


@pytest.mark.parametrize(
    ("mode", "number"), [("0644", 0o644), ("600", 0o600), ("1777", 0o1777), ("04755", 0o4755)]
)
def test_modes(mode, number):
    assert parse_mode(mode, "w") == number


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"name": "a/b"}, "'name' must be a word"),
        ({}, "'name' must be a word"),
        ({"name": "t", "file": []}, "Unknown option 'file'"),
        ({"name": "t", "files": {}}, "'files' must be a list"),
        ({"name": "t", "files": ["x"]}, "files[0]: must be a dictionary"),
        ({"name": "t", "files": [file(path="/x")]}, "files[0]: unknown option 'path'"),
        ({"name": "t", "files": [file(dest="etc/x")]}, "'etc/x' is not an absolute path"),
        ({"name": "t", "files": [file(dest="/etc/../x")]}, "must hold neither '..'"),
        ({"name": "t", "files": [file(dest="/etc/a\nb")]}, "nor control characters"),
        ({"name": "t", "files": [file(dest="/")]}, "root directory"),
        ({"name": "t", "files": [{"content": ""}]}, "None is not an absolute path"),
        ({"name": "t", "files": [{"dest": "/etc/x"}]}, "exactly one of template, src, content"),
        ({"name": "t", "files": [file(src="x")]}, "exactly one of template, src, content"),
        ({"name": "t", "files": [file(content={"a": 1})]}, "'content' must be a string, not dict"),
        ({"name": "t", "files": [file(vars=[])]}, "'vars' must be a dictionary"),
        ({"name": "t", "vars": []}, "The tree t: 'vars' must be a dictionary"),
        ({"name": "t", "files": [file(secret="yes")]}, "'secret' must be true or false"),
        ({"name": "t", "files": [file(owner=True)]}, "'owner' must be a name or a number"),
        ({"name": "t", "files": [file(mode=420)]}, "the mode 420 is not an octal number in quotes"),
        ({"name": "t", "files": [file(mode="u=rw")]}, "the mode 'u=rw' is not"),
        ({"name": "t", "files": [file(mode="0888")]}, "the mode '0888' is not"),
        (
            {"name": "t", "files": [file(each="a")]},
            "files[0]: 'each' must be a list of dictionaries",
        ),
        ({"name": "t", "files": [file(each=["a"])]}, "files[0].each[0]: must be a dictionary"),
        (
            {"name": "t", "files": [file(dest="/{key}", each=[{"key": "a"}, {}])]},
            "files[0].each[1]: '/{key}' needs the key 'key'",
        ),
        (
            {"name": "t", "files": [file(dest="/{key}", each=[{"key": ""}])]},
            "to be a string that is not empty",
        ),
        (
            {"name": "t", "files": [file(dest="/{key}", each=[{"key": "../x"}])]},
            "must hold neither '..'",
        ),
        (
            {"name": "t", "files": [file(dest="/x", each=[{}, {}])]},
            "files[0].each[1] (/x): the path is declared already",
        ),
        (
            {"name": "t", "files": [file(), file(dest="/etc//x")]},
            "files[1] (/etc/x): the path is declared already, by files[0]",
        ),
        ({"name": "t", "files": [file()], "absent": ["/etc/x"]}, "declared already"),
        (
            {"name": "t", "files": [file(), file(dest="/etc/x/y")]},
            "files[1] (/etc/x/y): lies below files[0] (/etc/x)",
        ),
        ({"name": "t", "files": [file(dest="/a/b/c")], "absent": ["/a"]}, "lies below absent[0]"),
        ({"name": "t", "links": [{"dest": "/x"}]}, "links[0] (/x): needs a 'target'"),
        ({"name": "t", "directories": [{"path": "/x", "keep": "*.a"}]}, "'keep' must be a list"),
        ({"name": "t", "absent": "/x"}, "'absent' must be a list"),
        ({"name": "t", "test": "apache2ctl configtest"}, "'test' must be a list of words"),
        ({"name": "t", "service": "a b"}, "'service' must be the name of a systemd unit"),
    ],
)
def test_refused(args, words):
    with pytest.raises(TreeError) as error:
        expand(args)
    assert words in str(error.value)


def test_refusals_do_not_repeat_contents():
    with pytest.raises(TreeError) as error:
        expand({"name": "t", "files": [file(content=["hunter2-hunter2"])]})
    assert "hunter2" not in str(error.value)


def test_parents():
    assert parents("/a/b/c") == ["/a/b", "/a"]
    assert parents("/a") == []


def test_mask_hides_longer_words_of_secrets():
    said = mask(
        "line 3: password=hunter2hunter2 in my.cnf", [b"[client]\npassword=hunter2hunter2\nno\n"]
    )
    assert said == "line 3: ********=******** in my.cnf"


def shown(*changes):
    return diff(list(changes), lambda uid: f"u{uid}", lambda gid: f"g{gid}")


def state(content=b"old\n", mode=0o644):
    return State("file", 0, 0, mode, content=content)


def test_diff_of_contents():
    assert shown(Change("/x", state(), state(b"new\n"))) == [
        {"before_header": "/x", "after_header": "/x", "before": "old\n", "after": "new\n"}
    ]


def test_diff_of_a_secret_shows_that_and_not_what():
    items = shown(Change("/x", state(b"hunter1"), state(b"hunter2"), secret=True))
    assert len(items) == 1
    assert items[0]["before"] != items[0]["after"]
    assert "hunter" not in str(items)


def test_diff_of_a_program_says_how_long_it_is():
    (item,) = shown(Change("/x", State("absent"), state(b"one\ntwo\n"), diff=False))
    assert item["before"] == ""
    assert item["after"].startswith("(2 lines, SHA-256 ")
    (item,) = shown(Change("/x", state(b"one\n"), state(b"two\n"), diff=False))
    assert item["before"] != item["after"]
    assert "two" not in str(item)


@pytest.mark.parametrize("content", [b"a\0b", b"\xff\xfe"])
def test_diff_of_bytes_that_are_no_text(content):
    (item,) = shown(Change("/x", state(), state(content)))
    assert item["after"].startswith(f"(binary, {len(content)} bytes, SHA-256 ")


def test_diff_of_attributes():
    (item,) = shown(Change("/x", state(), state(mode=0o4600)))
    assert (item["before"], item["after"]) == (
        "file\nowner: u0\ngroup: g0\nmode: 0644\n",
        "file\nowner: u0\ngroup: g0\nmode: 4600\n",
    )


def test_diff_of_a_removal_does_not_show_contents():
    (item,) = shown(Change("/x", state(b"hunter2"), ABSENT))
    assert item["after"] == "absent\n"
    assert "hunter" not in str(item)


def test_diff_of_links_and_of_names_that_are_no_text():
    (item,) = shown(Change("/x\udcff", State("link", target="a"), State("link", target="b")))
    assert (item["before"], item["after"], item["after_header"]) == ("-> a\n", "-> b\n", "/x\ufffd")


def test_readers_are_reloaded_and_restarted_only_where_a_reload_is_not_enough():
    changes = [
        Change("/a", ABSENT, state(), unit="web"),
        Change("/b", ABSENT, state(), unit="db", restart=True),
        Change("/c", ABSENT, state()),
    ]
    assert readers(changes) == {"reload": ["web"], "restart": ["db"]}
    assert readers([*changes, Change("/d", ABSENT, state(), unit="web", restart=True)]) == {
        "reload": [],
        "restart": ["db", "web"],
    }


@pytest.mark.parametrize(
    ("said", "reload", "restart"),
    [
        (
            {
                "ActiveState": "active",
                "StateChangeTimestampMonotonic": "9",
                "ExecMainStartTimestampMonotonic": "9",
            },
            ["web"],
            ["web"],
        ),
        (
            {
                "ActiveState": "active",
                "StateChangeTimestampMonotonic": "11",
                "ExecMainStartTimestampMonotonic": "9",
            },
            [],
            ["web"],
        ),
        (
            {
                "ActiveState": "active",
                "StateChangeTimestampMonotonic": "11",
                "ExecMainStartTimestampMonotonic": "11",
            },
            [],
            [],
        ),
        (
            {
                "ActiveState": "inactive",
                "StateChangeTimestampMonotonic": "9",
                "ExecMainStartTimestampMonotonic": "9",
            },
            [],
            [],
        ),
        ({}, [], []),
    ],
)
def test_a_unit_is_stale_when_it_runs_since_before_the_last_change(said, reload, restart):
    assert stale({"reload": {"web": 10}, "restart": {}}, {"web": said})["reload"] == reload
    assert stale({"reload": {}, "restart": {"web": 10}}, {"web": said})["restart"] == restart


def test_a_file_that_is_not_present_is_removed():
    tree = expand(
        {"name": "t", "service": "web", "files": [{"dest": "/x", "content": "", "present": False}]}
    )
    assert tree["files"] == []
    assert [(entry["path"], entry["unit"]) for entry in tree["absent"]] == [("/x", "web")]


def test_a_file_has_its_own_reader_or_the_trees():
    tree = expand(
        {
            "name": "t",
            "service": "web",
            "files": [
                {"dest": "/x", "content": ""},
                {"dest": "/y", "content": "", "service": "db"},
            ],
        }
    )
    assert [entry["unit"] for entry in tree["files"]] == ["web", "db"]


def test_variables_of_an_entry_are_over_those_of_all():
    tree = expand(
        {
            "name": "t",
            "vars": {"a": 1, "b": 1},
            "files": [file(vars={"b": 2}), file(dest="/etc/other")],
        }
    )
    assert [entry["vars"] for entry in tree["files"]] == [{"a": 1, "b": 2}, {"a": 1, "b": 1}]
