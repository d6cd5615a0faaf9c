"""What to do next: by tables, and over any sequence of runs."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from site_certificates import moments, plan

NOW = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.UTC)
MINUTE, HOUR, DAY = plan.MINUTE, plan.HOUR, plan.DAY
NAMES = ("foobar.com", "www.foobar.com")
CAS = [
    {"name": "first", "directory": "https://first/", "staging": "https://staging/"},
    {"name": "second", "directory": "https://second/"},
]
NONE = {"failures": 0}


def have(age=1, life=90, source="acme", names=NAMES, directory="https://first/", revoked=False):
    start = NOW - age * DAY
    return plan.Have(source, names, start, start + life * DAY, directory, revoked)


def at(delta):
    return moments.shown(NOW + delta)


@pytest.mark.parametrize(
    ("what", "advised", "after"),
    [
        (have(), None, 59 * DAY),
        (have(life=9), None, 3.5 * DAY),  # half of a short life
        (have(), NOW + 5 * DAY, 5 * DAY),
        (have(), NOW + 70 * DAY, 59 * DAY),  # never later than without advice
        (
            have(life=47, names=NAMES[::-1]),
            None,
            DAY * 47 * 2 / 3 - DAY,
        ),  # the order of names is none of theirs
        (have(directory="https://second/"), None, 59 * DAY),
    ],
)
def test_kept_until_due(what, advised, after):
    step = plan.next_step(NAMES, what, NONE, advised, CAS, NOW)
    assert (step.kind, step.at) == ("keep", NOW + after)


@pytest.mark.parametrize(
    "what",
    [
        None,
        have(source="placeholder"),
        have(source="private"),
        have(source="given"),
        have(age=60),
        have(names=("foobar.com",)),
        have(directory="https://staging/"),
        have(revoked=True),
    ],
)
def test_due_now(what):
    assert plan.next_step(NAMES, what, NONE, None, CAS, NOW) == plan.Step("ask", ca="first")


@pytest.mark.parametrize(
    ("pace", "words", "step"),
    [
        ({"failures": 1, "next": at(MINUTE)}, {}, plan.Step("wait", at=NOW + MINUTE)),
        ({"failures": 1, "next": at(MINUTE)}, {"forced": True}, plan.Step("wait", at=NOW + MINUTE)),
        ({"failures": 0, "next": at(MINUTE)}, {}, plan.Step("wait", at=NOW + MINUTE)),
        ({"failures": 0, "next": at(MINUTE)}, {"forced": True}, plan.Step("ask", ca="first")),
        (
            {"failures": 1, "next": at(-MINUTE), "ca": "first"},
            {},
            plan.Step("ask", ca="first", rehearse=True),
        ),
        ({"failures": 1, "ca": "second", "since": at(-HOUR)}, {}, plan.Step("ask", ca="second")),
        ({"failures": 4, "ca": "first", "since": at(-DAY)}, {}, plan.Step("ask", ca="second")),
        (
            {"failures": 6, "ca": "second", "since": at(-2 * DAY)},
            {},
            plan.Step("ask", ca="first", rehearse=True),
        ),
        (
            {"failures": 1, "ca": "gone", "since": at(-HOUR)},
            {},
            plan.Step("ask", ca="first", rehearse=True),
        ),
        (
            {"failures": 0, "check_next": at(6 * MINUTE)},
            {"timer": True},
            plan.Step("wait", at=NOW + 6 * MINUTE),
        ),
        # The timer comes every ten minutes, and not to the second.
        (
            {"failures": 0, "check_next": at(4 * MINUTE)},
            {"timer": True},
            plan.Step("ask", ca="first"),
        ),
        ({"failures": 0, "check_next": at(MINUTE)}, {}, plan.Step("ask", ca="first")),
        (
            {
                "failures": 1,
                "next": at(MINUTE),
                "attempt": {"ca": "first", "order": None, "resumed": 0},
            },
            {},
            plan.Step("wait", at=NOW + MINUTE),
        ),
        (
            {
                "failures": 1,
                "next": at(MINUTE),
                "attempt": {"ca": "first", "order": "u", "resumed": 0},
            },
            {},
            plan.Step("resume", ca="first"),
        ),
        (
            {
                "failures": 1,
                "next": at(MINUTE),
                "attempt": {"ca": "first", "order": "u", "resumed": 3},
            },
            {},
            plan.Step("wait", at=NOW + MINUTE),
        ),
        (
            {
                "failures": 1,
                "next": at(MINUTE),
                "attempt": {"ca": "gone", "order": "u", "resumed": 0},
            },
            {},
            plan.Step("wait", at=NOW + MINUTE),
        ),
    ],
)
def test_pace(pace, words, step):
    assert plan.next_step(NAMES, None, pace, None, CAS, NOW, **words) == step


def test_no_rehearsal_where_the_account_is_bound():
    bound = [{**CAS[0], "eab": {"kid": "k", "hmac": "h"}}]
    assert plan.next_step(NAMES, None, {"failures": 1}, None, bound, NOW) == plan.Step(
        "ask", ca="first"
    )


def test_pauses_grow_and_retry_after_is_longer():
    pace, pauses = NONE, []
    for _failure in range(6):
        pace = plan.failed(plan.begun(pace, NOW, "first"), NOW, "No.")
        pauses.append(moments.read(pace["next"]) - NOW)
    assert pauses == [MINUTE, 10 * MINUTE, 100 * MINUTE, DAY, DAY, DAY]
    assert plan.failed(plan.begun(NONE, NOW, "first"), NOW, "No.", NOW + HOUR)["next"] == at(HOUR)
    assert plan.failed(plan.begun(NONE, NOW, "first"), NOW, "No.", NOW - HOUR)["next"] == at(MINUTE)


def test_self_checks_are_soon_and_then_hourly():
    pace, pauses = NONE, []
    for _check in range(8):
        pace = plan.waits(pace, NOW, "Not yet.", "first", False)
        pauses.append(moments.read(pace["check_next"]) - NOW)
    assert pauses == [10 * MINUTE] * 6 + [HOUR] * 2
    assert pace["failures"] == 0
    assert "since" not in pace
    assert plan.waits(NONE, NOW, "Gone.", "first", True)["since"] == at(0 * DAY)
    assert "checks" not in plan.begun(pace, NOW, "first")


@pytest.mark.parametrize(
    ("what", "pace", "said"),
    [
        (have(), NONE, None),
        (have(age=67), NONE, None),
        (have(age=68), NONE, "ends in 22 days"),
        (have(source="placeholder", age=80), NONE, None),
        (have(source="given", age=80), NONE, "ends in 10 days"),
        (have(), {"failures": 2, "said": "No."}, None),
        (have(), {"failures": 3, "said": "No."}, "3 attempts in a row failed. No."),
        (None, {"failures": 3, "said": "No."}, "3 attempts in a row failed. No."),
    ],
)
def test_alarm(what, pace, said):
    found = plan.alarm(what, pace, NOW)
    assert found == said or (said and said in found)


@pytest.mark.parametrize(
    ("what", "window", "old", "moment"),
    [
        (have(), (10, 12), None, 11),
        (have(), (10, 12), {"moment": at(10.2 * DAY)}, 10.2),  # drawn once
        (have(), (10, 12), {"moment": at(13 * DAY)}, 11),  # but the window moved
        (have(), (-3, -1), None, -2),  # renew at once
        (have(age=0, life=1), (-1, 2), None, 0.75),  # a window that is longer than the life
    ],
)
def test_advice(what, window, old, moment):
    start, end = (NOW + days * DAY for days in window)
    assert abs(
        plan.advice(old, (start, end), what, 0.5) - (NOW + moment * DAY)
    ) <= datetime.timedelta(seconds=1)


RUN = st.tuples(
    st.integers(1, 3 * 86400),  # seconds since the run before
    st.sampled_from(
        [
            "issues",
            "refuses",
            "killed",
            "killed with an order",
            "retry after",
            "not ready",
            "no answer",
            "lost",
        ]
    ),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(RUN, max_size=40), st.sampled_from([90 * DAY, 6 * DAY, 2 * MINUTE]))
def test_never_two_orders_within_the_back_off(runs, life):
    now, pace, what, asked = NOW, NONE, None, []
    for seconds, happens, timer, forced in runs:
        now += datetime.timedelta(seconds=seconds)
        step = plan.next_step(NAMES, what, pace, None, CAS, now, timer=timer, forced=forced)
        assert step.kind in ("keep", "wait", "resume", "ask")
        if step.kind == "ask" and happens == "not ready":
            pace = plan.waits(pace, now, "Not yet.", step.ca, timer)
        elif step.kind in ("ask", "resume"):
            if step.kind == "ask":
                asked.append((now, pace["failures"], pace.get("not_before")))
                pace = plan.begun(pace, now, step.ca)
            else:
                pace = plan.resumed(pace)
            if happens == "killed with an order" and step.kind == "ask":
                pace = plan.ordered(pace, "url")
            elif happens == "issues":
                what = plan.Have(
                    "acme",
                    NAMES,
                    now,
                    now + life,
                    next(ca["directory"] for ca in CAS if ca["name"] == step.ca),
                )
                pace = plan.succeeded(now, life)
            elif happens == "retry after":
                pace = {**plan.failed(pace, now, "No.", now + 2 * DAY), "not_before": now + 2 * DAY}
            elif happens == "lost":
                pace = plan.failed(plan.ordered(pace, "url"), now, "No.", lost=True)
            elif happens not in ("killed", "killed with an order"):
                pace = plan.failed(pace, now, "No.")
    for (before, failures, _nobody), (after, then, not_before) in zip(
        asked, asked[1:], strict=False
    ):
        if then == failures + 1:  # the one before failed
            assert after - before >= plan.pause(then)
        if not_before:
            assert after >= not_before
    # In no week are there more than the CA allows of failures: five an hour.
    for index in range(len(asked) - 5):
        if asked[index + 5][1] > 5:
            assert asked[index + 5][0] - asked[index][0] > HOUR
