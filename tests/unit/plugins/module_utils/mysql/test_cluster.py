"""Whether a cluster may be formed, and by whom: a table, and
what holds whatever the members say.
"""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.mysql.cluster import (
    CLUSTER,
    FORM,
    FRESH,
    JOIN,
    NOBODY,
    OWN,
    PARTIAL,
    PRIMARY,
    REFUSE,
    WAIT,
    decide,
    last_view_of,
    not_alone,
    position_of,
    said,
    state_of,
)
from hypothesis import given
from hypothesis import strategies as some

ONE, OTHER = "11111111-aaaa-11e1-8000-000000000001", "22222222-bbbb-11e1-8000-000000000002"
ALL = ["db1", "db2", "db3"]


def member(data=CLUSTER, seqno=-1, **more):
    return said({"data": data, "uuid": ONE if data == CLUSTER else NOBODY, "seqno": seqno, **more})


def running(status=PRIMARY, view=(*ALL,), seqno=10, **more):
    return member(running=True, status=status, view=list(view), seqno=seqno, **more)


NEW, MINE, REST = member(FRESH), member(OWN), member(PARTIAL)
SAFE = member(seqno=10, safe=True)


def crashed(node, seqno=-1, view="abc", **more):
    return member(seqno=seqno, node=node, last_view=list(view), **more)


TABLE = [
    # There is a cluster: nobody forms another.
    ([running(), running(), None], JOIN, "", "db1 and db2 are the cluster"),
    ([running(), NEW, SAFE], JOIN, "", "db1 is the cluster"),
    ([running(), REST, crashed("c", 99)], JOIN, "", "db1 is the cluster"),
    ([running(), running("non-Primary", [ALL[1]]), None], JOIN, "", "db1 is the cluster"),
    # There are two, or data that joining would lose.
    ([running(view=["db1"]), running(view=["db2"]), None], REFUSE, "", "more than one cluster"),
    ([running(), running(uuid=OTHER), None], REFUSE, "", "more than one cluster"),
    ([running(), MINE, NEW], REFUSE, "db2", "db2 has data that are not the cluster's"),
    (
        [running(), member(uuid=OTHER), NEW],
        REFUSE,
        "db2",
        "db2 has data that are not the cluster's",
    ),
    # All who would lose theirs are named: whoever is not, joins.
    (
        [running(), member(uuid=OTHER), member(uuid=OTHER)],
        REFUSE,
        "db2 db3",
        "db2 and db3 have data that are not the cluster's",
    ),
    (
        [running(view=[*ALL, "192.0.2.9"]), None, None],
        REFUSE,
        "",
        "192.0.2.9 is in the cluster, and not in lamp_db of the inventory",
    ),
    ([SAFE, member(uuid=OTHER, seqno=5), NEW], REFUSE, "", "data of different clusters"),
    ([SAFE, MINE, NEW], REFUSE, "db2", "would lose them"),
    # There was none yet, and nobody's run asks.
    ([NEW, NEW, NEW], WAIT, "", "foobar.lamp.site makes it"),
    ([MINE, NEW, NEW], WAIT, "", "foobar.lamp.site makes it"),
    ([MINE, MINE, NEW], REFUSE, "", "db1 and db2 have databases, and one's alone"),
    ([NEW, NEW, None], WAIT, "", "db3 does not answer, and may have data"),
    ([member(FRESH, recorded=ALL), NEW, NEW], REFUSE, "", "this would begin with none"),
    # It runs, without a majority.
    ([running("non-Primary", ["db1"]), None, None], WAIT, "", "see to db2 and db3"),
    (
        [running("non-Primary"), running("non-Primary"), running("non-Primary")],
        WAIT,
        "",
        "reach each other at port 4567",
    ),
    ([running("non-Primary", ["db1"]), member(seqno=9), None], WAIT, "", "see to db3"),
    # Those that had it with them have left, and nobody else can give it one.
    (
        [running("non-Primary", ["db1"]), member(seqno=9), member(seqno=10)],
        WAIT,
        "db1",
        "db2 and db3 are stopped: if they do not find together, db1 ends within a minute",
    ),
    (
        [running("non-Primary"), crashed("b", 9), running("non-Primary", seqno=-1)],
        WAIT,
        "db1 db3",
        "db2 is stopped: if they do not find together, db1 and db3 end within a minute",
    ),
    # If it ended, all would be refused.
    (
        [running("non-Primary", ["db1"]), member(seqno=9), member()],
        WAIT,
        "",
        "db1 runs and has no majority, and nobody could begin without: How far db3 was is not",
    ),
    (
        [running("non-Primary", recorded=ALL), member(seqno=9), member(FRESH)],
        WAIT,
        "",
        "db3 was a member and has lost the data",
    ),
    # All ended at once.
    ([crashed("a"), crashed("b"), crashed("c")], JOIN, "", "they go on from there"),
    (
        [crashed("a", 7, "ab"), crashed("b", 9, "ab"), crashed("c", 5)],
        JOIN,
        "",
        "they go on from there",
    ),
    (
        [crashed("a", 7), crashed("b", 9), None],
        REFUSE,
        "",
        "db3 does not answer, and may have more than the others (db1: 11111111 up to 7",
    ),
    (
        [crashed("a", 7), crashed("b", 9), member(seqno=8)],
        FORM,
        "db2",
        "db2 has all that any member has",
    ),
    (
        [crashed("a", 7), crashed("b", -1), member(seqno=8)],
        REFUSE,
        "",
        "How far db2 was is not known",
    ),
    ([member(seqno=9), member(seqno=9), member(seqno=9)], FORM, "db1", "db1 has all"),
    (
        [crashed("a", 7, recorded=ALL), crashed("b", 9, recorded=ALL), NEW],
        REFUSE,
        "",
        "db3 was a member and has lost the data",
    ),
    ([member(seqno=7), member(seqno=9), REST], FORM, "db2", "db2 has all"),
    # All were stopped, one after the other.
    ([member(seqno=8), SAFE, member(seqno=9)], FORM, "db2", "db2 was the last to leave"),
    ([member(seqno=8), SAFE, member()], FORM, "db2", "db2 was the last to leave"),
    ([member(seqno=8, recorded=ALL), SAFE, NEW], FORM, "db2", "db2 was the last to leave"),
    ([member(seqno=8), SAFE, None], REFUSE, "", "db3 does not answer"),
    ([member(seqno=11, safe=True), SAFE, NEW], FORM, "db1", "db1 was the last to leave"),
    ([member(seqno=12), SAFE, member()], REFUSE, "", "How far db3 was is not known"),
]


@pytest.mark.parametrize(("members", "action", "who", "words"), TABLE)
def test_the_table(members, action, who, words):
    decision = decide(dict(zip(ALL, members, strict=True)))
    assert (decision.action, " ".join(decision.members)) == (action, who), decision.why
    assert words in decision.why


@pytest.mark.parametrize(
    ("members", "action", "who"),
    [
        ([NEW, NEW, NEW], FORM, "db1"),
        ([NEW, MINE, NEW], FORM, "db2"),
        ([NEW, MINE, None], WAIT, ""),
        ([MINE, MINE, NEW], REFUSE, ""),
        ([REST, NEW, NEW], FORM, "db2"),
        ([REST, REST, REST], REFUSE, ""),
        ([running(), NEW, NEW], JOIN, ""),
        ([crashed("a", 7), None, NEW], REFUSE, ""),
    ],
)
def test_a_run_begins_a_cluster_where_there_was_none(members, action, who):
    decision = decide(dict(zip(ALL, members, strict=True)), setting_up=True)
    assert (decision.action, " ".join(decision.members)) == (action, who), decision.why


members_said = some.one_of(
    some.none(),
    some.builds(
        member,
        some.sampled_from([FRESH, OWN, CLUSTER, PARTIAL]),
        some.integers(-1, 5),
        safe=some.booleans(),
        node=some.sampled_from(["", "a", "b"]),
        last_view=some.sampled_from([[], ["a"], ["a", "b"]]),
        recorded=some.sampled_from([[], ALL]),
    ),
    some.builds(
        running,
        some.sampled_from([PRIMARY, "non-Primary"]),
        some.sampled_from([ALL, ["db1"], ["db2", "db3"]]),
    ),
    some.builds(member, uuid=some.just(OTHER), seqno=some.integers(-1, 5)),
)


@given(some.lists(members_said, min_size=3, max_size=5), some.booleans())
def test_nothing_is_formed_without_proof(found, setting_up):
    members = {f"db{number}": one for number, one in enumerate(found, 1)}
    decision = decide(members, setting_up)
    assert decision.why.endswith(".")
    if decision.action == WAIT and decision.members:
        # Who ends for nobody's loss: all have answered, and none of them takes writes.
        assert None not in found
        assert not any(one["running"] and one["status"] == PRIMARY for one in found)
        assert {name for name, one in members.items() if one["running"]} == {*decision.members}
    if decision.action != FORM:
        return
    (first,) = decision.members
    cluster = [one for one in found if one and one["data"] == CLUSTER]
    # All have answered, nobody runs, and there is one history at most.
    assert None not in found
    assert not any(one["running"] for one in found)
    assert len({one["uuid"] for one in cluster}) <= 1
    assert members[first]["data"] != PARTIAL
    if cluster:
        assert members[first]["data"] == CLUSTER
        assert members[first]["seqno"] == max(one["seqno"] for one in cluster) >= 0
        # One whose place is not known stands behind only where the first was the last to leave.
        assert members[first]["safe"] or all(one["seqno"] >= 0 for one in cluster)
        assert not any(one["data"] == OWN for one in found)
    else:
        assert setting_up
        assert not any(one["recorded"] for one in found)
        assert [one["data"] for one in found].count(OWN) == (members[first]["data"] == OWN)


@given(some.lists(members_said, min_size=3, max_size=5), some.booleans())
def test_nobody_with_other_data_joins(found, setting_up):
    members = {f"db{number}": one for number, one in enumerate(found, 1)}
    decision = decide(members, setting_up)
    uuids = {one["uuid"] for one in found if one and one["running"] and one["status"] == PRIMARY}
    if len(uuids) == 1 and decision.action in (JOIN, REFUSE) and decision.members:
        other = [
            name
            for name, one in members.items()
            if one and one["data"] in (OWN, CLUSTER) and one["uuid"] not in uuids
        ]
        assert set(decision.members) == set(other)


@given(some.lists(members_said, min_size=3, max_size=5), some.booleans())
def test_where_there_is_a_cluster_none_is_formed(found, setting_up):
    members = {f"db{number}": one for number, one in enumerate(found, 1)}
    if any(one and one["running"] and one["status"] == PRIMARY for one in found):
        assert decide(members, setting_up).action in (JOIN, REFUSE)


@given(
    some.permutations(range(3)),
    some.lists(some.integers(0, 5), min_size=3, max_size=3, unique=True),
)
def test_who_is_first_does_not_depend_on_the_order(order, places):
    members = {name: crashed("", place, "") for name, place in zip(ALL, places, strict=True)}
    assert decide(members) == decide(
        {ALL[number]: members[ALL[number]] for number in order}
    )._replace(why=decide(members).why)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        # The last one of the view has all, whoever is silent or stopped.
        ([running(view=["db1"]), None, None], ""),
        ([running(view=["db1"]), SAFE, crashed("c")], ""),
        # Others would go on, whatever this one is.
        ([running(), running(), running()], "db2 and db3 run in the cluster"),
        ([running(view=["db1"]), running(view=["db2"]), None], "db2 runs in the cluster"),
        ([running(view=["db1", "db3"]), None, None], "db3 runs in the cluster"),
        ([SAFE, running(view=["db2"]), None], "db2 runs in the cluster"),
        # They have more, or may have.
        ([running("non-Primary", ["db1"]), None, None], "db1 has no majority"),
        ([member(seqno=10), SAFE, None], "db1 is stopped, and was not the last one"),
        ([crashed("a", 10), None, None], "db1 is stopped, and was not the last one"),
        ([member(safe=True), None, None], "db1 is stopped, and was not the last one"),
        ([NEW, None, None], "db1 is stopped, and was not the last one"),
        ([REST, SAFE, None], "db1 is stopped, and was not the last one"),
        # It was the last one.
        ([SAFE, member(seqno=9), None], ""),
        ([None, SAFE, None], "db1 does not say"),
    ],
)
def test_who_may_go_on_alone(members, why):
    found = not_alone(dict(zip(ALL, members, strict=True)), "db1")
    assert found.startswith(why)
    assert bool(found) == bool(why)


def test_the_engines_files():
    text = (
        f"# GALERA saved state\nversion: 2.1\nuuid:    {ONE}\nseqno:   42\nsafe_to_bootstrap: 1\n"
    )
    assert state_of(text) == (ONE, 42, True)
    assert state_of("") == (NOBODY, -1, False)
    assert position_of(f"--wsrep_start_position={ONE}:42,0-1-7\n") == (ONE, 42)
    assert position_of("") == (NOBODY, -1)
    view = (
        f"my_uuid: {ONE}\n#vwbeg\nview_id: 3 {ONE} 4\nbootstrap: 0\nmember: {ONE} 0\nmember: "
        f"{OTHER} 0\n#vwend\n"
    )
    assert last_view_of(view) == (ONE, [ONE, OTHER])
    assert last_view_of(view.replace("#vwend", "")) == ("", [])
    assert last_view_of("") == ("", [])


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "no",
        {},
        {"data": "?"},
        {"data": CLUSTER, "seqno": "9"},
        {"data": CLUSTER, "view": "db1"},
    ],
)
def test_what_is_no_answer_is_none(answer):
    assert said(answer) is None
