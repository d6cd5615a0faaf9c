"""What is wrong with a site: each fault has a sentence of its own, and what is well has none."""

from __future__ import annotations

import copy
import json

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.mysql import cluster as database_cluster
from ansible_collections.foobar.lamp.plugins.plugin_utils.status import report as parts
from ansible_collections.foobar.lamp.plugins.plugin_utils.status.page import page
from ansible_collections.foobar.lamp.plugins.plugin_utils.status.report import report

NOW, DAY = "2026-11-27T12:00:00Z", 86400
GROUPS = {"lamp_web": ["web1", "web2"], "lamp_db": ["web1"]}
APP = {
    "release": "0123456789ab",
    "source": "../files/app",
    "since": "2026-11-26T12:00:00Z",
    "unverified": False,
    "stale": False,
    "service": "app-shop@0123456789ab-1.service",
    "state": "active",
    "unhealthy": "",
}
VIP = "203.0.113.5"
CERTIFICATE = {
    "since": "2026-11-01T00:00:00Z",
    "until": "2027-01-30T00:00:00Z",
    "issuer": "R12, Let's Encrypt",
    "source": "acme",
    "state": "issued",
    "reason": "",
    "trusted": True,
}
WELL = {
    "time": NOW,
    "system": {"name": "debian", "version": "13.2", "kernel": "6.12"},
    "up_seconds": 3 * DAY,
    "last_change": "2026-11-27T11:00:00Z",
    "packages": {"apache2": "2.4.65-2"},
    "services": {"apache2": "active", "haproxy": "active", "keepalived": "active", "ssh": "active"},
    "failed": [],
    "unread": [],
    "applications": {"shop": APP},
    "certificates": {"shop": CERTIFICATE},
    "backups": {
        "able_since": "2026-11-01T00:00:00Z",
        "backup": {"last": "2026-11-27T00:05:00Z", "every": DAY},
        "copy": {"to": "backup@elsewhere:/b", "last": "2026-11-27T00:06:00Z", "every": DAY},
        "drill": {"last": "2026-11-22T03:00:00Z", "passed": True, "reason": "", "every": 7 * DAY},
    },
    "zones": {"foobar.com": 7},
    "servers": {name: {"state": "UP", "seconds": 3 * DAY, "why": ""} for name in ("web1", "web2")},
    "addresses": {VIP: False},
    "vrrp": "BACKUP",
    "disks": [{"path": "/", "size_mb": 40000, "percent": 31, "inodes": 4}],
    "memory": {"total_mb": 4000, "available_mb": 2500},
    "journals": [],
    "closed": [],
    "trials": [],
    "reboot": None,
}


def reported(*places, inventory=(), value=None):
    """Return the report on two hosts,
    of which the second has ``value`` at the place that ``places`` lead to.
    """
    hosts = {"web1": copy.deepcopy(WELL), "web2": copy.deepcopy(WELL)}
    hosts["web1"]["addresses"][VIP], hosts["web1"]["vrrp"] = True, "MASTER"
    if places:
        *way, last = places
        there = hosts["web2"]
        for step in way:
            there = there[step]
        there[last] = value
    answers = {name: {"changed": False, "status": said} for name, said in hosts.items()}
    return report("foobar.com", GROUPS, answers, inventory)


def texts(found, kind="problems"):
    """Return the sentences of a report."""
    return [one["text"] for one in found[kind]]


def test_all_is_well():
    found = reported()
    assert (found["healthy"], found["problems"], found["remarks"]) == (True, [], [])
    assert found["hosts"]["web1"]["groups"] == ["lamp_db", "lamp_web"]
    assert page(found)[0] == "foobar.com at 2026-11-27T12:00:00Z: all is well"


PROBLEMS = [
    (
        ("services", "apache2"),
        "inactive",
        "apache2 should run, but is inactive: 'systemctl status apache2'",
    ),
    (
        ("failed",),
        ["lamp-backup.service"],
        "lamp-backup.service failed: 'journalctl -u lamp-backup.service'",
    ),
    (
        ("unread",),
        ["apache2"],
        "apache2 runs with older files than those on disk: run foobar.lamp.site",
    ),
    (("applications", "shop", "release"), "", "shop is not deployed: run foobar.lamp.deploy"),
    (
        ("applications", "shop", "state"),
        "inactive",
        "shop is stopped (inactive): run foobar.lamp.site",
    ),
    (
        ("applications", "shop", "unhealthy"),
        "answered 503 Service Unavailable",
        "shop is unhealthy, it answered 503 Service Unavailable: foobar.lamp",
    ),
    (
        ("applications", "shop", "unverified"),
        True,
        "the release 0123456789ab of shop is unverified",
    ),
    (
        ("applications", "shop", "stale"),
        True,
        "shop runs with other settings than those on disk: run foobar.lamp.site",
    ),
    (
        ("certificates", "shop", "until"),
        "2026-11-27T11:00:00Z",
        "the certificate for shop ended at 2026-11-27T11:00:00Z: foobar.lamp.cert",
    ),
    (
        ("certificates", "shop", "until"),
        "2026-12-05T11:00:00Z",
        "with less than a quarter of its life left: foobar.lamp.certificates",
    ),
    (
        ("certificates", "shop", "until"),
        None,
        "there is no certificate for shop: foobar.lamp.certificates",
    ),
    (
        ("certificates", "shop", "state"),
        "failed",
        "the certificate for shop is failed: foobar.lamp.certificates",
    ),
    (
        ("backups", "backup", "last"),
        "2026-11-25T11:00:00Z",
        "the last backup is of 2026-11-25T11:00:00Z, older than twice its schedule",
    ),
    (
        ("backups", "backup", "last"),
        "",
        "no backup is known, for longer than twice its schedule: 'journalctl -u lamp-backup'",
    ),
    (
        ("backups", "copy", "last"),
        "2026-11-25T11:00:00Z",
        "the last copy of the backups is of 2026-11-25T11:00:00Z, older than",
    ),
    (
        ("backups", "drill", "last"),
        "2026-11-10T03:00:00Z",
        "the last drill is of 2026-11-10T03:00:00Z, older than twice its schedule",
    ),
    (("backups", "drill", "passed"), False, "the last drill failed at 2026-11-22T03:00:00Z"),
    (
        ("zones", "foobar.com"),
        None,
        "the name server gives no serial of foobar.com: 'systemctl status named'",
    ),
    (("servers", "web2"), None, "haproxy does not know web2: run foobar.lamp.site"),
    (
        ("servers", "web2"),
        {"state": "DRAIN", "seconds": 7, "why": ""},
        "web2 was drained by hand or by a killed run (DRAIN)",
    ),
    (
        ("servers", "web2"),
        {"state": "DOWN", "seconds": 7, "why": "Refused"},
        "web2 is DOWN and gets no visitors from there (Refused): see what",
    ),
    (
        ("vrrp",),
        "FAULT",
        (
            "the balancer may not take the address of all balancers (FAULT): "
            "'systemctl status haproxy'"
        ),
    ),
    (
        ("vrrp",),
        "",
        (
            "keepalived does not report who holds the address of all balancers: "
            "'journalctl -u keepalived'"
        ),
    ),
    (("last_change",), "", "the host is not set up yet: run foobar.lamp.site"),
    (("disks", 0, "percent"), 90, "/ is 90 % full: make room"),
    (("disks", 0, "inodes"), 95, "/ has 95 % of its inodes used: remove files"),
    (
        ("memory", "available_mb"),
        199,
        "199 of 4000 MiB of memory are left to programs: give the host more",
    ),
    (
        ("journals",),
        ["apache"],
        "a run was killed while it changed the files of apache: run the same again",
    ),
    (
        ("closed",),
        ["maintenance"],
        (
            "visitors get 503 (maintenance is on): foobar.lamp.maintenance "
            "-e lamp_maintenance=false opens it"
        ),
    ),
    (
        ("closed",),
        ["maintenance-shop"],
        "foobar.lamp.maintenance -e lamp_maintenance=false -e lamp_maintenance_site=shop opens it",
    ),
    (
        ("closed",),
        ["restore"],
        "visitors get 503 (restore is on): run foobar.lamp.restore to its end",
    ),
    (("trials",), ["sshd"], "settings of sshd are not confirmed: run foobar.lamp.site again"),
    (
        ("trials",),
        ["firewall"],
        "rules of the firewall are not confirmed: run foobar.lamp.site again",
    ),
]


@pytest.mark.parametrize(
    ("places", "value", "words"),
    PROBLEMS,
    ids=[f"{'.'.join(map(str, one[0]))}={one[1]}" for one in PROBLEMS],
)
def test_fault_of_one_host_is_one_sentence(places, value, words):
    found = reported(*places, value=value)
    (text,) = texts(found)
    assert text.startswith("web2: ")
    assert words in text
    assert found["healthy"] is False
    assert page(found)[0].endswith(": 1 problem")
    assert page(found)[1] == f"  {text}"


def test_what_differs_is_said_of_all_hosts():
    (text,) = texts(reported("applications", "shop", "release", value="ffffffffffff"))
    assert text.startswith(
        "web1, web2: the releases of shop differ (0123456789ab on web1, ffffffffffff on web2): "
        "run foobar.lamp.deploy"
    )
    (text,) = texts(reported("zones", "foobar.com", value=6))
    assert text.startswith(
        "web1, web2: the serials of foobar.com differ (7 on web1, 6 on web2): where it is behind,"
    )


def test_address_is_held_by_one_balancer():
    (text,) = texts(reported("addresses", VIP, value=True))
    assert text.startswith(
        f"web1, web2: {VIP} is held by more than one balancer: make sure that they reach each other"
    )
    answers = {
        "web1": {"unreachable": True, "msg": "gone"},
        "web2": {"status": copy.deepcopy(WELL)},
    }
    found = report("foobar.com", GROUPS, answers)
    assert (
        f"web2: no balancer that answers holds {VIP}: 'journalctl -u keepalived' there says why"
        in texts(found)[1]
    )
    assert any(line.split() == [VIP, "NOBODY", "web2", "BACKUP"] for line in page(found))
    # A run that is limited to some hosts cannot know.
    del answers["web1"]
    assert texts(report("foobar.com", {**GROUPS, "lamp_lb": ["web1", "web2"]}, answers)) == []


def test_what_follows_from_another_fault_is_not_said():
    down = {"state": "DOWN", "seconds": 7, "why": "Refused"}
    fresh = {
        "last_change": "",
        "services": {"apache2": "inactive", "haproxy": "not-found"},
        "applications": {"shop": {**APP, "release": ""}},
        "zones": {"foobar.com": None},
        "servers": {"web1": None},
    }
    stopped = {
        "vrrp": "FAULT",
        "services": {"haproxy": "inactive"},
        "servers": {"web1": None, "web2": None},
    }
    refused = {
        "services": {"apache2": "failed"},
        "applications": {"shop": {**APP, "unhealthy": "does not answer (refused)"}},
    }
    closed = {
        "closed": ["maintenance"],
        "applications": {"shop": {**APP, "unhealthy": "answered 503 Service Unavailable"}},
    }
    for faults, words in (
        (fresh, "not set up"),
        (stopped, "haproxy should run"),
        (closed, "visitors get 503"),
        (refused, "apache2 should run"),
        ({"servers": {"b": down}}, "b is DOWN"),
    ):
        answers = {"web1": {"status": {**copy.deepcopy(WELL), "addresses": {}, **faults}}}
        (text,) = texts(report("foobar.com", GROUPS, answers))
        assert words in text


def test_same_fault_of_several_hosts_is_one_sentence():
    answers = {
        name: {"status": {**copy.deepcopy(WELL), "addresses": {}, "journals": ["apache"]}}
        for name in ("web1", "web2")
    }
    (text,) = texts(report("foobar.com", GROUPS, answers))
    assert text.startswith("web1, web2: a run was killed")


@pytest.mark.parametrize(
    ("places", "value", "words"),
    [
        (
            ("packages", "apache2"),
            "2.4.65-3",
            "web1, web2: the versions of apache2 differ (2.4.65-2 on web1, 2.4.65-3 on web2)",
        ),
        (
            ("system", "version"),
            "12.12",
            "web1, web2: the systems differ (Debian 13.2 on web1, Debian 12.12 on web2)",
        ),
        (("reboot",), ["linux-image-amd64"], "web2: the host needs a reboot (linux-image-amd64)"),
        (
            ("certificates", "shop", "state"),
            "placeholder",
            "web2: the certificate for shop is placeholder",
        ),
    ],
)
def test_remark_is_no_problem(places, value, words):
    found = reported(*places, value=value)
    assert found["healthy"] is True
    (text,) = texts(found, "remarks")
    assert text.startswith(words)
    assert text in page(found)


def test_another_debian_may_have_other_packages():
    answers = {name: {"status": copy.deepcopy(WELL)} for name in ("web1", "web2")}
    answers["web1"]["status"]["addresses"][VIP] = True
    (
        answers["web2"]["status"]["system"]["version"],
        answers["web2"]["status"]["packages"]["apache2"],
    ) = "12.12", "2.4.62-1"
    (text,) = texts(report("foobar.com", GROUPS, answers), "remarks")
    assert "the systems differ" in text


def test_what_is_new_to_a_host_is_not_late():
    backups = {**WELL["backups"], "able_since": "2026-11-27T00:00:00Z"}
    for kind in ("backup", "copy", "drill"):
        assert (
            texts(reported("backups", value={**backups, kind: {**backups[kind], "last": ""}})) == []
        )
    assert texts(reported("backups", value={})) == []


def test_backups_of_a_cluster_are_one_members_for_all():
    member = {"members": [], "said": None, "synced": True, "state": "", "writer": "", "why": ""}
    hosts = {name: {**copy.deepcopy(WELL), "cluster": member} for name in ("db1", "db2")}
    old = "2026-11-20T00:05:00Z"
    hosts["db1"]["backups"]["backup"]["last"], hosts["db1"]["backups"]["copy"]["last"] = old, ""
    assert list(parts.backups(hosts, {})) == []
    hosts["db2"]["backups"]["backup"]["last"] = "2026-11-19T00:05:00Z"
    assert [(*one.hosts, one.what) for one in parts.backups(hosts, {})] == [
        (host, f"the last backup is of {old}, older than twice its schedule") for host in hosts
    ]


def test_failed_unit_is_said_once():
    answers = {"web1": {"status": {**copy.deepcopy(WELL), "addresses": {}}}}
    said = answers["web1"]["status"]
    said["services"]["apache2"], said["applications"]["shop"]["state"] = "failed", "failed"
    said["failed"] = ["apache2.service", APP["service"]]
    assert [
        text.split(":")[1].strip() for text in texts(report("foobar.com", GROUPS, answers))
    ] == [
        "apache2 should run, but is failed",
        "shop is stopped (failed)",
    ]


def test_what_goes_on_without_its_group_is_no_problem():
    left = {"mysql": ["mariadb"], "backup": ["lamp-backup.timer", "lamp-backup-log.timer"]}
    answers = {"web1": {"status": {**copy.deepcopy(WELL), "addresses": {}, "left": left}}}
    found = report("foobar.com", GROUPS, answers)
    assert found["healthy"]
    assert [one["text"] for one in found["remarks"]] == [
        "web1: the host no longer has the role mysql, but runs or starts mariadb: "
        "'systemctl disable --now mariadb' there ends that; data stay.",
        "web1: the host no longer has the role backup, but runs or starts lamp-backup.timer, "
        "lamp-backup-log.timer: 'systemctl disable --now lamp-backup.timer lamp-backup-log.timer' "
        "there ends that; data stay.",
    ]


def test_host_that_does_not_answer_hides_no_other():
    answers = {
        "web1": {"unreachable": True, "msg": "Connection\ntimed out"},
        "web2": {"status": {**copy.deepcopy(WELL), "addresses": {}, "journals": ["apache"]}},
        "web3": {"failed": True, "msg": "Missing sudo password"},
        "web4": {"changed": False, "reached": True, "msg": "It does not run.\n"},
        "web5": {"changed": False, "reached": False, "msg": "gone"},
    }
    found = report("foobar.com", GROUPS, answers, ["lamp_sites is empty."])
    assert [text.partition(" (")[0] for text in texts(found)] == [
        "lamp_sites is empty.",
        "web1: the host cannot be reached",
        "web3: the host did not report its state",
        "web4: the host did not report its state",
        "web5: the host cannot be reached",
        (
            "web2: a run was killed while it changed the files of apache: run the same again, for "
            "instance foobar.lamp.site, which recovers."
        ),
    ]
    assert "Connection timed out" in texts(found)[1]
    assert "(It does not run.)" in texts(found)[3]
    assert any(line.startswith("web1  ") and "NO ANSWER" in line for line in page(found))


def test_site_of_which_no_host_answers_has_a_page():
    found = report("foobar.com", GROUPS, {"web1": {"unreachable": True, "msg": "gone"}})
    assert page(found)[0] == "foobar.com at no known time: 1 problem"


def test_page_shows_each_subject():
    shown = "\n".join(page(reported("services", "apache2", value="failed")))
    for words in (
        "web1  db web  Debian 13.2  3 days  2500 of 4000 MiB  60 minutes ago  / 31 %",
        "web2  apache2 (FAILED), haproxy, keepalived, ssh",
        "203.0.113.5  web1     web1 MASTER, web2 BACKUP",
        "web1      web2      UP     3 days",
        "shop         web1  0123456789ab  24 hours ago  active  ../files/app",
        "apache2  2.4.65-2  web1, web2",
        "shop         web1  issued  2027-01-30T00:00:00Z  R12, Let's Encrypt",
        "web1     11 hours ago  11 hours ago  5 days ago",
        "foobar.com  web1  7",
    ):
        assert words in shown


def test_report_is_json():
    assert json.loads(json.dumps(reported()))["hosts"]["web2"]["disks"] == WELL["disks"]


def member(name="db1", **more):
    """Return what status_info says of a member of a cluster."""
    said = {
        "data": "cluster",
        "uuid": "11111111-a",
        "running": True,
        "status": "Primary",
        "view": ["db1", "db2", "db3"],
        "seqno": 5,
    }
    own = {key: more.pop(key) for key in list(more) if key in said}
    found = database_cluster.said({**said, **own})
    return {
        "members": ["db1", "db2", "db3"],
        "said": found,
        "synced": found["status"] == "Primary",
        "state": "Synced",
        "writer": "db1",
        "why": "",
        **more,
    }


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (member(), []),
        (member(said=None), ["does not report the state of its database server"]),
        (
            member(running=False, status="", view=[], why="no socket"),
            ["is no member of the cluster (no socket): 'journalctl -u mariadb'"],
        ),
        (member(status="non-Primary", view=["db1"]), ["has no majority, and answers nobody"]),
        (
            member(synced=False, state="Joining"),
            ["does not have all data of the cluster (Joining): wait"],
        ),
        (member(view=["db1", "db2"]), ["runs without db3"]),
        (member(writer=""), ["the members name different writers"]),
        (
            member(view=["db1", "db2", "db3", "192.0.2.9"]),
            ["192.0.2.9 is in the cluster, and not in lamp_db of the inventory"],
        ),
    ],
)
def test_members_of_the_databases_cluster(one, words):
    texts = [
        finding.shown()["text"]
        for finding in parts.cluster({"db1": {"cluster": one}, "web1": {"cluster": {}}}, {})
    ]
    assert len(texts) == len(words), texts
    assert all(word in text for word, text in zip(words, texts, strict=True)), texts


def test_two_clusters_are_one_too_many():
    hosts = {
        "db1": {"cluster": member(view=["db1"])},
        "db2": {"cluster": member(view=["db2"], writer="db2")},
    }
    texts = [finding.shown()["text"] for finding in parts.cluster(hosts, {})]
    assert any("There is more than one cluster" in text for text in texts)
    assert any(
        "the members name different writers (db1 on db1, db2 on db2)" in text for text in texts
    )


def leading(**states):
    """Return what status_info says of a web host whose way to the
    database takes its hosts for these.
    """
    servers = {
        name: state and {"state": state, "seconds": 7, "why": "" if state == "UP" else "Refused"}
        for name, state in states.items()
    }
    return {"services": {"lamp-database-proxy": "active"}, "database_servers": servers}


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ([leading(db1="UP", db2="DOWN")], []),
        ([leading(db1="UP", db2="DOWN"), leading(db1="UP", db2="DOWN")], []),
        (
            [leading(db1="DOWN", db2="DOWN")],
            ["as none of its hosts writes, seen from there (db1: Refused; db2: Refused): see"],
        ),
        (
            [leading(db1="UP", db2="UP")],
            [
                (
                    "the way to the database lets nobody through, as db1 and db2 seem to write: it "
                    "settles"
                )
            ],
        ),
        (
            [leading(db1="UP", db2=None)],
            ["the way to the database does not know db2: run foobar.lamp.site"],
        ),
        (
            [leading(db1="UP", db2="DOWN"), leading(db1="DOWN", db2="UP")],
            ["not the same for all (db1 on web1, db2 on web2): it settles"],
        ),
        # That it is stopped is told of its service.
        ([{**leading(db1=None), "services": {"lamp-database-proxy": "inactive"}}], []),
        # A host without applications.
        ([{"services": {}, "database_servers": {}}, {"services": {}}], []),
    ],
)
def test_ways_to_the_database(hosts, words):
    found = [
        one.shown()["text"]
        for one in parts.database_proxies(
            {f"web{number}": one for number, one in enumerate(hosts, 1)}, {}
        )
    ]
    assert len(found) == len(words), found
    assert all(word in text for word, text in zip(words, found, strict=True)), found


def test_way_to_the_database_that_is_stopped_is_one_sentence():
    away = {
        "services": {**WELL["services"], "lamp-database-proxy": "inactive"},
        "database_servers": {"db1": None},
    }
    answers = {"web1": {"status": {**copy.deepcopy(WELL), "addresses": {}, **away}}}
    found = report("foobar.com", GROUPS, answers)
    (text,) = texts(found)
    assert text.startswith(
        "web1: lamp-database-proxy should run, but is inactive: 'systemctl status "
        "lamp-database-proxy' there says why"
    )
    assert any(line.split() == ["web1", "NOBODY"] for line in page(found))
