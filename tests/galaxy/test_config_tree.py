"""config_tree on file systems that are full, read-only or otherwise
in the way: nothing is left half-written.
"""

from __future__ import annotations

import re

import pytest
import yaml
from support import containers
from support.plays import recap

from .users import HOST, PIPE


def on_host(script, check=True):
    """Return what a shell on the host says."""
    return containers.on_host(HOST, script, check)


@pytest.fixture(params=[PIPE, {}], ids=["pipe", "module"])
def tree(user, host, request):
    """Return ``tree(**arguments)``:
    a run with nothing but config_tree, which works through the connection's pipe or as a module.
    """

    def tree(*options, **arguments):
        task = {"name": "Configure", "foobar.lamp.config_tree": {"name": "test", **arguments}}
        play = [{"hosts": "lamp", "gather_facts": False, "tasks": [task], "vars": request.param}]
        (user.place / "tree.yml").write_text(yaml.safe_dump(play))
        return user.play(*options, playbook="tree.yml")

    return tree


@pytest.fixture
def place(host):
    """Return ``place(options)``:
    a file system mounted with these options at /mnt/test, with a file in it.
    """

    def place(options):
        on_host(
            f"mkdir -p /mnt/test; mount -t tmpfs -o {options} tmpfs /mnt/test; "
            f"echo old > /mnt/test/small"
        )

    yield place
    on_host("umount --recursive /mnt/test; rm -rf /var/lib/foobar.lamp/config_tree/test")


def listing():
    return on_host(r"cd /mnt/test; find . -printf '%p %i %u %g %m %s\n' | sort; cat small")


def test_full_file_system(tree, place):
    place("size=256k")
    before = listing()
    done = tree(
        files=[
            {"dest": "/mnt/test/small", "content": "new\n"},
            {"dest": "/mnt/test/big", "content": "x" * 2**20},
        ]
    )
    words = (
        r"/mnt/test/big: No space left on device\s+\(file system /mnt/test: 0 bytes of 256 KiB "
        r"are free\)\.\s+The old files are\s+back\."
    )
    assert re.search(words, done.stdout), done.stdout
    assert listing() == before


def test_full_file_system_of_the_journal(tree, place):
    place("size=256k")
    on_host(
        "rm -rf /var/lib/foobar.lamp/config_tree/test; "
        "mkdir -p /var/lib/foobar.lamp/config_tree/test"
    )
    on_host("mount -t tmpfs -o size=16k tmpfs /var/lib/foobar.lamp/config_tree/test")
    on_host(
        "cd /var/lib/foobar.lamp/config_tree/test; "
        "dd if=/dev/zero of=full bs=4k 2> /dev/null || true"
    )
    try:
        done = tree(files=[{"dest": "/mnt/test/small", "content": "new\n"}])
    finally:
        on_host("umount /var/lib/foobar.lamp/config_tree/test")
    said = " ".join(done.stdout.split())
    assert re.search(
        (
            r"/config_tree/test\S*: No space left on device "
            r"\(file system /var/lib/foobar.lamp/config_tree/test: "
        ),
        said,
    ), done.stdout
    assert "None:" not in said


def test_link_of_another_user_is_not_followed(tree, place):
    place("size=256k")
    on_host(
        "mkdir /mnt/test/home /mnt/test/roots; ln -s ../roots /mnt/test/home/sub; "
        "chown -h nobody: /mnt/test/home /mnt/test/home/sub"
    )
    done = tree(files=[{"dest": "/mnt/test/home/sub/file", "content": "new\n"}])
    assert (
        "/mnt/test/home/sub: is a link that nobody can change, and root does not follow it"
        in " ".join(done.stdout.split())
    ), done.stdout
    assert on_host("ls /mnt/test/roots") == ""


def test_read_only_file_system(tree, place):
    place("size=256k")
    on_host("mount -o remount,ro /mnt/test")
    done = tree(files=[{"dest": "/mnt/test/small", "content": "new\n"}])
    assert "/mnt/test: Read-only file system (file system /mnt/test)." in " ".join(
        done.stdout.split()
    ), done.stdout
    on_host("mount -o remount,rw /mnt/test")
    assert recap(tree(files=[{"dest": "/mnt/test/small", "content": "new\n"}]))["changed"] == 1
    assert on_host("cat /mnt/test/small") == "new\n"


def test_file_that_another_is_mounted_on(tree, place):
    place("size=256k")
    on_host("touch /mnt/test/held; mount --bind /etc/hostname /mnt/test/held")
    before = listing()
    done = tree(
        files=[
            {"dest": "/mnt/test/small", "content": "new\n"},
            {"dest": "/mnt/test/held", "content": "new\n"},
        ]
    )
    assert re.search(r"/mnt/test/held: .*\.\s+The old files are back\.", done.stdout), done.stdout
    assert listing() == before


def test_path_below_a_file(tree, place):
    place("size=256k")
    done = tree(files=[{"dest": "/mnt/test/small/x", "content": "new\n"}])
    assert (
        "/mnt/test/small/x: cannot be there, "
        "because /mnt/test/small or something above it is not a directory."
    ) in " ".join(done.stdout.split())


def test_bytes_that_are_no_text_and_special_modes(user, tree, place):
    place("size=256k")
    (user.place / "bytes").write_bytes(b"\xff\x00\xfe")
    arguments = {
        "files": [{"dest": "/mnt/test/bytes", "src": str(user.place / "bytes"), "mode": "4711"}]
    }
    done = tree("--diff", **arguments)
    assert "(binary, 3 bytes, SHA-256" in done.stdout
    assert on_host("stat -c %a /mnt/test/bytes; od -An -tx1 /mnt/test/bytes").split() == [
        "4711",
        "ff",
        "00",
        "fe",
    ]
    assert recap(tree(**arguments))["changed"] == 0


def test_dry_run_shows_the_same_diff_and_changes_nothing(tree, place):
    place("size=256k")
    before = listing()
    arguments = {
        "files": [{"dest": "/mnt/test/small", "content": "new\n"}],
        "links": [{"dest": "/mnt/test/link", "target": "small"}],
    }
    dry = tree("--check", "--diff", **arguments)
    assert listing() == before
    wet = tree("--diff", **arguments)
    diffs = [
        done.stdout.partition("TASK [Configure]")[2].partition("PLAY RECAP")[0]
        for done in (dry, wet)
    ]
    assert "-old\n+new\n" in diffs[0]
    assert diffs[0] == diffs[1]
    assert on_host("cat /mnt/test/link") == "new\n"


def test_secret_shows_in_no_diff_and_in_no_word_of_the_checker(tree, place):
    place("size=256k")
    secret = {
        "dest": "/mnt/test/secret",
        "content": "pass=correct-horse\n",
        "mode": "0600",
        "secret": True,
    }
    done = tree("--diff", "-vvv", files=[secret], test=["sh", "-c", "cat /mnt/test/secret; false"])
    assert done.returncode != 0
    assert "pass=********" in done.stdout
    assert "correct-horse" not in done.stdout + done.stderr
    assert on_host("test ! -e /mnt/test/secret && echo gone") == "gone\n"


def test_untouched_tree_is_answered_by_what_the_host_said_already(user, place):
    place("size=256k")
    task = {"name": "test", "files": [{"dest": "/mnt/test/small", "content": "new\n"}]}
    tasks = [{"foobar.lamp.host_facts": {}}, {"foobar.lamp.config_tree": task}]
    (user.place / "tree.yml").write_text(
        yaml.safe_dump([{"hosts": "lamp", "gather_facts": False, "tasks": tasks}])
    )
    assert recap(user.play(playbook="tree.yml"))["changed"] == 1
    # Whoever goes to the host now meets another run.
    on_host(
        "setsid flock /var/lib/foobar.lamp/config_tree/test/lock sleep 300 "
        "> /dev/null 2>&1 & echo $! > /run/other"
    )
    try:
        again = recap(user.play(playbook="tree.yml"))
        assert (again["changed"], again["failed"]) == (0, 0)
        on_host("touch /mnt/test/small")
        assert "Another run is changing the tree 'test'" in user.play(playbook="tree.yml").stdout
    finally:
        on_host("kill -- -$(cat /run/other)")
    # What a killed run has begun comes to its end.
    on_host("setsid flock /var/lib/foobar.lamp/config_tree/test/lock sleep 6 > /dev/null 2>&1 &")
    assert recap(user.play(playbook="tree.yml"))["changed"] == 0


def test_unit_that_does_not_run_is_a_change_of_an_untouched_tree(user, place):
    place("size=256k")
    task = {
        "name": "test",
        "files": [{"dest": "/mnt/test/small", "content": "new\n"}],
        "idle": "{{ idle }}",
    }
    tasks = [{"foobar.lamp.host_facts": {}}, {"foobar.lamp.config_tree": task, "notify": "start"}]
    handlers = [{"name": "start", "ansible.builtin.debug": {"msg": "started"}}]
    play = {
        "hosts": "lamp",
        "gather_facts": False,
        "tasks": tasks,
        "handlers": handlers,
        "vars": {"idle": []},
    }
    (user.place / "tree.yml").write_text(yaml.safe_dump([play]))
    user.play(playbook="tree.yml")
    assert recap(user.play(playbook="tree.yml"))["changed"] == 0
    done = user.play("-e", '{"idle": ["lamp-test.timer"]}', playbook="tree.yml")
    assert recap(done)["changed"] == 1, done.stdout
    assert "started" in done.stdout


def test_tree_that_the_run_has_come_to_before_is_asked_again(user, place):
    place("size=256k")
    names = {
        name: {"name": "test", "files": [{"dest": "/mnt/test/small", "content": f"{name}\n"}]}
        for name in ("one", "other")
    }
    tasks = [
        {"foobar.lamp.host_facts": {}},
        *({"foobar.lamp.config_tree": names[name]} for name in ("one", "other", "one")),
    ]
    (user.place / "tree.yml").write_text(
        yaml.safe_dump([{"hosts": "lamp", "gather_facts": False, "tasks": tasks}])
    )
    assert recap(user.play(playbook="tree.yml"))["changed"] == 3
    assert recap(user.play(playbook="tree.yml"))["changed"] == 2
    assert on_host("cat /mnt/test/small") == "one\n"


PROGRAM = """#!/bin/sh
# Reads its file at its start and when it is told to; what it cannot use ends it.
take() {
    grep -q ^good /mnt/test/conf || { echo "cannot use: $(cat /mnt/test/conf)"; exit 3; }
    cp /mnt/test/conf /run/lamp-test
}
trap take HUP
take
while :; do sleep 1000 & wait $!; done
"""
#: How a program is told to read its files: one that refuses bad ones, one that dies of them.
RELOADS = {"refuses": "/bin/grep -q ^good /mnt/test/conf", "dies": "/bin/kill -HUP $MAINPID"}


@pytest.fixture
def load(user, place, request):
    """Return ``load(content)``:
    a run that changes the file of a service that runs, and has it take the file up.
    """
    place("size=256k")
    on_host(
        "echo good, and old > /mnt/test/conf; "
        "touch /mnt/test/more; cp -p /mnt/test/conf /mnt/test/before"
    )
    unit = (
        f"[Service]\nExecStart=/usr/local/sbin/lamp-test\n"
        f"ExecReload={RELOADS[getattr(request, 'param', 'refuses')]}\n"
    )
    for path, text in (
        ("/usr/local/sbin/lamp-test", PROGRAM),
        ("/run/systemd/system/lamp-test.service", unit),
    ):
        on_host(f"cat > {path} <<'END'\n{text}END\nchmod 755 {path}")
    on_host("systemctl daemon-reload; systemctl restart lamp-test")

    def load(
        content,
        *options,
        state="restarted",
        take_up=True,
        always=False,
        generation="{{ tree.generation }}",
        **more,
    ):
        files = [
            {
                "dest": "/mnt/test/conf",
                "content": f"{content}\n",
                "restart": state == "restarted",
                **more,
            }
        ]
        tree = {"name": "test", "files": files, "service": "lamp-test", "rollback": True}
        service = {
            "name": "test",
            "service": "lamp-test",
            "state": state,
            "generation": generation,
            "watch": 2,
        }
        tasks = [
            {"foobar.lamp.host_facts": {}},
            {"foobar.lamp.config_tree": tree, "register": "tree"},
            {
                "foobar.lamp.config_tree_service": service,
                "when": always or "'lamp-test' in tree.reload + tree.restart",
            },
        ]
        play = [
            {"hosts": "lamp", "gather_facts": False, "tasks": tasks[: 2 + take_up], "vars": PIPE}
        ]
        (user.place / "tree.yml").write_text(yaml.safe_dump(play))
        done = user.play(*options, playbook="tree.yml")
        done.words = " ".join(done.stdout.replace("\\n", " ").split())
        return done

    yield load
    on_host(
        "systemctl stop lamp-test; "
        "rm /run/systemd/system/lamp-test.service; systemctl daemon-reload"
    )


def service():
    """Return whether the service runs, what it has read, and what stands in its file."""
    return on_host(
        "systemctl is-active lamp-test || true; cat /run/lamp-test /mnt/test/conf"
    ).splitlines()


OLD = ["active", "good, and old", "good, and old"]


def require_rollback(done):
    """Require that the run failed, said so, and that the service runs with the old file."""
    assert done.returncode != 0
    assert "The old files are back and lamp-test runs with them." in done.words, done.stdout
    assert service() == OLD


def test_file_that_no_start_does_with_is_put_back(load):
    for content in (
        "bad one",
        "bad one",
        "bad other",
    ):  # the same input is tried again: the tree is not what was sealed
        done = load(content)
        assert f"cannot use: {content}" in done.words, done.stdout
        require_rollback(done)
        assert on_host("cd /mnt/test; stat -c '%a %u %g' conf before | uniq") == "644 0 0\n"
    assert recap(load("good, and new"))["changed"] == 2
    assert service() == ["active", "good, and new", "good, and new"]
    assert recap(load("good, and new"))["changed"] == 0


@pytest.mark.parametrize("load", RELOADS, indirect=True)
def test_file_that_no_reload_does_with_is_put_back(load):
    for _time in ("first", "second"):
        done = load("bad", state="reloaded")
        assert "lamp-test could not be reloaded" in done.words, done.stdout
        require_rollback(done)
    assert recap(load("good, and new", state="reloaded"))["changed"] == 2
    assert service()[0::2] == ["active", "good, and new"]
    assert recap(load("good, and new", state="reloaded"))["changed"] == 0


def test_service_of_a_tree_that_another_run_changed_is_left_alone(load):
    load("good, and new", take_up=False)
    done = load("bad one", generation="another")
    assert (
        "another run has changed the files of the tree "
        "'test' since this one did, and nothing was touched"
    ) in done.words, done.stdout
    assert service() == [*OLD[:2], "bad one"]
    require_rollback(load("bad one"))


def test_rollback_passes_over_changes_that_the_service_never_read(load):
    load("bad one", take_up=False)
    load("bad two", take_up=False)
    assert service() == [*OLD[:2], "bad two"]
    assert "The old files are back" in load("bad two").words
    assert service() == OLD
    # What it read in the meantime, told by whomever, is what it comes back to.
    load("good, and second", take_up=False)
    on_host("systemctl restart lamp-test")
    load("bad three")
    assert service() == ["active", "good, and second", "good, and second"]


def test_service_that_is_down_goes_back_too(load):
    load("bad one", take_up=False)
    on_host("systemctl stop lamp-test")
    load("bad two", take_up=False)
    require_rollback(load("bad two", always=True))


def test_service_that_had_ended_before_the_change_goes_back_too(load):
    ended = "while systemctl is-active lamp-test; do sleep 0.1; done"
    on_host(f"systemctl kill --signal=KILL lamp-test; {ended}")
    load("bad one", take_up=False)
    require_rollback(load("bad two", always=True))
    # What it ended of is not what it goes back to.
    load("bad three", take_up=False)
    on_host(f"systemctl restart lamp-test; {ended}")
    require_rollback(load("bad four", always=True))


def test_service_that_runs_with_neither_is_told(load):
    on_host("echo bad, and old > /mnt/test/conf")
    done = load("bad, and new")
    assert "The old files are back, and lamp-test does not run with them either" in done.words, (
        done.stdout
    )
    assert service()[2] == "bad, and old"
    assert recap(load("good, and new"))["changed"] == 2
    assert service() == ["active", "good, and new", "good, and new"]


def test_failure_that_no_file_made_is_told(load):
    load("good, and new")
    on_host("chmod 644 /usr/local/sbin/lamp-test")
    done = load("good, and new", always=True)
    assert done.returncode != 0
    assert (
        "Cannot roll back: no earlier working configuration of lamp-test is recorded." in done.words
    ), done.stdout
    assert service()[2] == "good, and new"


def test_dry_run_says_that_it_would_and_touches_nothing(load):
    done = load("bad", "--check")
    assert (done.returncode, recap(done)["changed"]) == (0, 2)
    assert service() == OLD


def test_no_word_of_a_secret_file_is_in_what_the_service_says(load):
    done = load("bad correct-horse", "-vvv", secret=True, mode="0600")
    assert "cannot use: bad ********" in done.words, done.stdout
    assert "correct-horse" not in done.stdout + done.stderr
    assert on_host(
        "stat -c '%a %U' /var/lib/foobar.lamp/config_tree/test/proven "
        "/var/lib/foobar.lamp/config_tree/test"
    ).split() == (["600", "root", "700", "root"])
