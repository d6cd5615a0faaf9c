"""What images may do, what a broken one and a killed deploy do to
visitors (nothing), and what goes with a release.
"""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from support.applications import HOST, Visitors, command, declared, get, play, raw
from support.containers import run
from support.plays import ENVIRONMENT, ROOT, killed
from support.waiting import wait_for

from .shop import SCRATCH, SHOP, deploy

PORT = "port.example.com"


def test_image_serves_with_what_it_is_told_and_may_do_nothing_else(shop, site):
    said = shop.answer("/about")
    assert said["release"] == shop.current()
    assert (said["uid"], said["gid"], said["of image"]) == (1000, 1000, "yes")
    assert (
        said["database"]
        == site.check_output("mariadb --skip-column-names --execute 'SELECT VERSION()'").split("-")[
            0
        ]
    )
    assert said["network"] == "OSError"
    assert said["capabilities"] == "0000000000000000"
    assert said["file"] == "Read-only file system"
    assert said["hosts"] == "No such file or directory"
    assert said["temporary"] == said["data"] == "1"
    # On the host it is nobody's user, and what it keeps is the application's.
    (pid,) = site.check_output(
        f"podman inspect --format '{{{{.State.Pid}}}}' app-{SHOP}-{shop.current()}-1"
    ).split()
    assert int(site.check_output(f"stat --format=%u /proc/{pid}")) > 1_879_048_191
    assert site.check_output(f"stat --format=%U {shop.state}/orders") == "app-shop-example-com"
    assert (
        site.check_output(f"stat --format=%U:%G /srv/{SHOP}/media/picture.txt")
        == "app-shop-example-com:build-app-shop-example-com"
    )
    assert get("/media/picture.txt", SHOP).text == "sun"
    assert "color: black" in get("/static/shop.css", SHOP).text
    assert get("/static/made.txt", SHOP).text == shop.current()
    assert site.check_output(f"cat {shop.state}/migrated {shop.state}/worked") == shop.current() * 2
    site.check_output(f"rm {shop.state}/worked; systemctl start {SHOP}-clean.service")
    assert site.check_output(f"cat {shop.state}/worked") == shop.current()


def test_image_that_listens_on_a_port_serves_through_a_network_of_its_own(shop, site):
    said = json.loads(get("/about", PORT).text)
    assert said["network"] == "OSError"
    assert re.match(r"\d+\.\d+\.\d+", said["database"])
    # Nobody else reaches it.
    assert ":80 " not in site.check_output(
        "ss --listening --tcp --numeric --no-header --processes | grep python || true"
    )


def test_secrets_show_nowhere(shop, site):
    secret = shop.answer("/about")["secret"]
    assert len(secret) > 20
    assert secret in site.check_output(f"cat /etc/python_app/{SHOP}.env")
    shown = site.check_output(
        "podman inspect $(podman ps --all --quiet); podman image inspect $(podman images "
        "--quiet); ps axww; cat /etc/systemd/system/*.service; "
        "journalctl --no-pager; cat /var/log/python_app/*"
    )
    assert SHOP in shown
    assert secret not in shown
    found = site.run(
        (
            "grep --recursive --files-with-matches --fixed-strings -- %s /var/lib/containers "
            "/run/containers /run/libpod"
        ),
        secret,
    )
    assert found.stdout == ""


def test_run_runs_a_command_in_the_image(shop, site):
    run_in_it = f"/srv/{SHOP}/current/run"
    said = json.loads(site.check_output(f"DEBUG=1 {run_in_it} python3 shop.py environment"))
    assert said["DEBUG"] == "1"
    assert said["OF_IMAGE"] == "yes"
    assert said["RELEASE_ID"] == shop.current()
    assert {"DB_PASSWORD", "SECRET_KEY"} <= set(said)
    assert not {"NOTIFY_SOCKET", "SSH_CONNECTION"} & set(said)
    assert site.run(f"{run_in_it} sh -c 'exit 7'").rc == 7
    assert site.run(f"{run_in_it} nothing-of-this-name").rc == 127
    assert (
        "root"
        in site.run(
            f"setpriv --reuid=app-shop-example-com "
            f"--regid=app-shop-example-com --init-groups {run_in_it} id"
        ).stderr
    )


def test_deploy_and_rollback_lose_no_request(shop, site):
    first = shop.current()
    number = shop.change()
    with Visitors("/", SHOP) as visitors:
        done = deploy()
        assert done.returncode == 0, done.stdout[-3000:]
        second = shop.current()
        assert shop.answer() == {"version": number, "release": second}
        assert play("rollback", lamp_deploy_site=SHOP).returncode == 0
        assert shop.answer()["release"] == shop.current() == first
        assert deploy().returncode == 0
    assert visitors.failures == []
    assert visitors.asked > 50
    assert shop.current() == second
    assert shop.containers() == {
        f"app-{SHOP}-{second}-{number}" for number in "12"
    } & shop.containers() | {f"app-{SHOP}-queue"}
    there, images = shop.releases()
    assert there == images
    lines = [
        json.loads(line)
        for line in site.check_output("tail -n 3 /var/log/python_app/deploys.log").splitlines()
    ]
    assert [(line["what"], line["release"]) for line in lines] == [
        ("switched", second),
        ("rolled back", first),
        ("switched", second),
    ]
    assert " changed=0 " in deploy().stdout


def test_slow_visitor_of_a_port_gets_all_of_the_old_release_s_answer(shop, site):
    shop.change()
    with raw(f"GET /large HTTP/1.1\r\nHost: {PORT}\r\nConnection: close\r\n\r\n") as connection:
        connection.settimeout(60)
        got = len(connection.recv(1000))
        with subprocess.Popen(
            command("deploy", lamp_deploy_site=PORT),
            stdout=subprocess.DEVNULL,
            cwd=ROOT,
            env=ENVIRONMENT,
        ) as deploying:
            # Much of it is on its way still.
            wait_for(
                lambda: (
                    "deactivating"
                    in site.run(f"systemctl list-units --no-legend 'app-{PORT}@*'").stdout
                )
            )
            while more := connection.recv(65536):
                got += len(more)
    assert deploying.returncode == 0
    assert got > 3_000_000


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("500", r"failed \(health\): / was answered with 500"),
        ("import", r"failed \(health\): ValueError: broken on purpose"),
        ("hang", r"failed \(health\): / was not answered within 8 seconds"),
        ("migrate", r"failed \(migrate\): ValueError: broken on purpose"),
    ],
)
def test_broken_image_never_serves_and_goes(shop, broken, words):
    before, there = shop.current(), shop.releases()
    shop.change(broken)
    with Visitors("/", SHOP) as visitors:
        done = deploy()
    assert done.returncode != 0
    assert re.search(words, re.sub(r"\s+", " ", done.stdout)), done.stdout[-3000:]
    assert visitors.failures == []
    assert shop.answer()["release"] == shop.current() == before
    assert shop.releases() == there
    assert f"app-{SHOP}.step" not in shop.containers()


def test_registry_that_gives_nothing_changes_nothing(shop, registry):
    """Whether this computer asks it for a tag, or the host for a digest."""
    before, there, sites = shop.current(), shop.releases(), declared()
    name, refused = (
        registry.address,
        "does not let us read it: give registry.username and registry.password, or correct them",
    )
    for image, words in (
        (
            "127.0.0.1:1/shop:1",
            (
                "the image 127.0.0.1:1/shop:1, which cannot be asked for: 127.0.0.1:1 does not "
                "answer: correct the address"
            ),
        ),
        (
            f"127.0.0.1:1/shop@sha256:{'0' * 64}",
            r"failed \(image\): 127.0.0.1:1 does not answer: correct the address in image",
        ),
        (f"{name}/shop:1", f"the image {name}/shop:1, which cannot be asked for: {name} {refused}"),
        (f"{name}/shop@sha256:{'0' * 64}", rf"failed \(image\): {name} {refused}"),
    ):
        sites[SHOP]["app"] |= {
            "image": image,
            "registry": {**registry.login, "password": "not the password"},
        }
        done = deploy(lamp_sites=sites)
        assert done.returncode != 0
        assert re.search(words, re.sub(r"\s+", " ", done.stdout)), done.stdout[-3000:]
        assert "not the password" not in done.stdout
        assert shop.answer()["release"] == shop.current() == before
        assert shop.releases() == there
        assert shop.strangers() == []


def test_image_of_a_registry_with_a_login_is_served_and_the_login_shows_nowhere(
    shop, site, registry
):
    sites, number = declared(), shop.change()
    tag, digest = registry.push()
    sites[SHOP]["app"] |= {"image": tag, "registry": registry.login}
    # What all users of the host may see of processes, all the while.
    look = (
        "echo $$ > /tmp/looks; while sleep 0.05; "
        "do cat /proc/[0-9]*/cmdline; done > /tmp/seen 2> /dev/null"
    )
    with subprocess.Popen(["docker", "exec", HOST, "sh", "-c", look]):
        try:
            done = play("deploy", "--diff", "-v", lamp_deploy_site=SHOP, lamp_sites=sites)
        finally:
            site.check_output("kill $(cat /tmp/looks)")
    assert done.returncode == 0, done.stdout[-3000:]
    assert shop.answer() == {"version": number, "release": shop.current()}
    assert (
        json.loads(site.check_output(f"cat /srv/{SHOP}/current/release.json"))["image"]["reference"]
        == digest
    )
    assert shop.strangers() == []
    assert site.run("grep --quiet --text podman.*authfile /tmp/seen").succeeded
    shown = site.check_output(
        "podman inspect $(podman ps --all --quiet); podman image inspect $(podman images "
        "--quiet); journalctl --no-pager"
    )
    places = "/etc /root /run /srv /tmp /var/lib/containers /var/log /var/tmp"
    secrets = (registry.login["password"], registry.token())
    assert not [secret for secret in secrets if secret in done.stdout + shown]
    found = site.run(
        (
            f"grep --recursive --files-with-matches "
            f"--fixed-strings --devices=skip -e %s -e %s {places}"
        ),
        *secrets,
    )
    assert found.stdout == ""


@pytest.mark.parametrize(
    ("tools", "kind"),
    [({}, "layout"), ({"python_app_build_tools": []}, "context")],
    ids=["controller", "host"],
)
def test_image_is_built_where_there_is_something_that_builds(shop, site, tools, kind):
    sites, place = declared(), SCRATCH / "built"
    (place / "shop.py").write_text(
        re.sub(
            r'^VERSION = ".*"$',
            f'VERSION = "built as {kind}"',
            shop.source.read_text(),
            flags=re.MULTILINE,
        )
    )
    app = sites[SHOP]["app"]
    del app["image"], app["static_dir"]
    app["build"] = {"directory": str(place), "args": {"BUILT_BY": kind}}
    done = deploy(lamp_sites=sites, **tools)
    assert done.returncode == 0, done.stdout[-3000:]
    assert shop.answer() == {"version": f"built as {kind}", "release": shop.current()}
    assert get("/static/made.txt", SHOP).text == shop.current()
    assert site.check_output(f"/srv/{SHOP}/current/run cat built") == kind
    assert (
        json.loads(site.check_output(f"cat /srv/{SHOP}/current/release.json"))["image"]["kind"]
        == kind
    )
    assert len(json.loads(site.check_output(f"cat /srv/{SHOP}/current/image.json"))["stages"]) == (
        1 if kind == "context" else 0
    )
    assert shop.strangers() == []


def test_open_network_reaches_what_the_host_reaches_and_its_database(shop):
    sites = declared()
    assert shop.answer("/about")["network"] == "OSError"
    sites[SHOP]["app"]["network"] = "open"
    done = deploy(lamp_sites=sites)
    assert done.returncode == 0, done.stdout[-3000:]
    said = shop.answer("/about")
    assert said["network"] == "hello"
    assert re.match(r"\d+\.\d+\.\d+", said["database"])


def test_full_disk_changes_nothing(shop, site):
    before, there = shop.current(), shop.releases()
    much = "import os; open('/much', 'wb').write(os.urandom(20_000_000))"
    shop.change(more=f'USER root\nRUN ["python3", "-c", "{much}"]\nUSER shop\n')
    # What is sent is unpacked beside the releases.
    site.check_output(f"mkdir /tmp/kept && mount --bind /srv/{SHOP}/releases /tmp/kept")
    site.check_output(
        f"mount -t tmpfs -o size=8m,mode=0750 tmpfs /srv/{SHOP}/releases && cp -a /tmp/kept/. "
        f"/srv/{SHOP}/releases"
    )
    try:
        done = deploy()
    finally:
        site.check_output(
            f"umount --lazy /srv/{SHOP}/releases; umount --lazy /tmp/kept && rmdir /tmp/kept"
        )
    assert done.returncode != 0
    assert "No space left on device" in done.stdout, done.stdout[-3000:]
    assert shop.answer()["release"] == shop.current() == before
    assert shop.releases() == there
    assert deploy().returncode == 0
    assert shop.answer()["release"] == shop.current() != before


@pytest.mark.parametrize("step", ["image", "migrate", "serve", "work"])
def test_killed_deploy_is_made_good_by_the_next(shop, site, step):
    before = shop.current()
    assert shop.strangers() == []
    shop.change()
    with Visitors("/", SHOP) as visitors:
        if step == "image":
            with shop.dying_at("tag"):
                assert deploy().returncode != 0
            # The next deploy is of another one, and has no use for what has no tag yet.
            assert len(shop.strangers()) == 1
            shop.change()
        else:
            with shop.gate(step), killed(command("deploy", lamp_deploy_site=SHOP)):
                if step == "work":
                    wait_for(lambda: shop.current() != before)
                else:
                    log = "health" if step == "serve" else step
                    wait_for(
                        lambda: (
                            site.run(
                                f"grep -lx '== {log}' $(ls "
                                f"-t /var/log/python_app/{SHOP}.*.log | head -n 1)"
                            ).stdout
                        )
                    )
        wait_for(shop.settled)
        done = deploy()
    assert done.returncode == 0, done.stdout[-3000:]
    assert visitors.failures == []
    assert shop.answer()["release"] == shop.current() != before
    assert {f"app-{SHOP}-queue"} < shop.containers()
    assert len(shop.containers()) == 2
    there, images = shop.releases()
    assert there == images
    assert shop.strangers() == []
    assert step != "work" or " changed=0 " in deploy().stdout


def test_image_and_source_follow_each_other_without_a_lost_request(shop, site):
    first, sites = shop.current(), declared()
    app = sites[SHOP]["app"]
    plain = shop.source.parent.parent / "plain"
    plain.mkdir(exist_ok=True)
    (plain / "plain.py").write_text(
        "import os\n\n\ndef application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [('{\"release\": \"' + os.environ['RELEASE_ID'] + '\"}').encode()]\n"
    )
    sites[SHOP]["app"] = {
        "source": str(plain),
        "wsgi": "plain:application",
        "media": {},
        "timeouts": app["timeouts"],
    }
    with Visitors("/", SHOP) as visitors:
        done = play(
            "site", "--tags", "python_app,apache,nginx", lamp_deploy_site="", lamp_sites=sites
        )
        assert done.returncode == 0, done.stdout[-3000:]
        second = shop.current()
        assert shop.answer()["release"] == second != first
        done = play("rollback", lamp_deploy_site=SHOP, lamp_sites=sites)
        assert done.returncode == 0, done.stdout[-3000:]
        assert shop.answer()["release"] == shop.current() == first
        done = play("rollback", lamp_deploy_site=SHOP)
        assert done.returncode == 0, done.stdout[-3000:]
        assert shop.answer()["release"] == shop.current() == second
        done = play("site", "--tags", "python_app,apache,nginx", lamp_deploy_site="")
        assert done.returncode == 0, done.stdout[-3000:]
    assert visitors.failures == []
    assert shop.answer()["release"] == shop.current() == first
    assert shop.containers() >= {f"app-{SHOP}-queue"}


def test_load_of_many_loses_nothing_in_a_switch(shop):
    shop.change()
    address = get("/", SHOP).status == 200 and raw("").getpeername()[0]
    words = [
        "wrk",
        "--threads",
        "1",
        "--connections",
        "8",
        "--duration",
        "15s",
        "--header",
        f"Host: {SHOP}",
        f"http://{address}/",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as load:
        done = deploy()
        said = load.communicate()[0]
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Non-2xx" not in said, said
    assert "Socket errors" not in said, said


def test_host_that_starts_serves_the_current_images_at_once(shop, site):
    before = shop.current()
    run("docker", "restart", "--time", "1", HOST, check=True)
    wait_for(
        lambda: site.run("systemctl is-system-running").stdout.strip() in ("running", "degraded")
    )
    wait_for(lambda: get("/", SHOP).status == 200, 30)
    assert shop.answer() == {"version": shop.answer()["version"], "release": before}
    assert shop.answer("/about")["database"]
    wait_for(lambda: get("/", PORT).status == 200, 30)
    assert " changed=0 " in deploy().stdout


def test_application_that_nobody_declares_any_more_leaves_no_container(shop, site):
    sites = declared()
    del sites[PORT]
    done = play("site", "--tags", "python_app,apache,nginx", lamp_deploy_site="", lamp_sites=sites)
    assert done.returncode == 0, done.stdout[-3000:]
    assert PORT not in site.check_output("podman ps --all --format '{{.Names}}'")
    # What it has on disk stays until it is removed for good.
    assert PORT in site.check_output("podman images")
    sure = {"lamp_remove_site": PORT, "lamp_remove_confirm": PORT}
    done = play("remove", lamp_deploy_site="", lamp_sites=sites, **sure)
    assert done.returncode == 0, done.stdout[-3000:]
    assert PORT not in site.check_output("podman images; ls /srv")


def test_debian_12_serves_and_reaches_its_database_alone(old):
    ask = (
        "import json, socket; s = socket.socket(socket.AF_UNIX); s.connect('/srv/shop/live.sock'); "
        "s.sendall(b'GET /about HTTP/1.0\\r\\n\\r\\n'); print(b''.join(iter(lambda: "
        "s.recv(65536), b'')).decode().split('\\r\\n\\r\\n')[1])"
    )
    said = json.loads(old.check_output(f'python3 -c "{ask}"'))
    assert (said["uid"], said["file"], said["media"]) == (1000, "Read-only file system", "3")
    assert said["database"] == "hello"
    assert said["network"] == "OSError"
    assert said["secret"] not in old.check_output(
        "podman inspect $(podman ps --all --quiet); ps axww; journalctl --no-pager"
    )
