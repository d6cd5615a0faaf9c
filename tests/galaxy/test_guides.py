"""The first day with a server, and a day on call: what the guides say is typed as they say it."""

from __future__ import annotations

import re

import pytest
import yaml
from support import containers
from support.containers import remove, run, start
from support.plays import ROOT
from support.waiting import wait_for

from .users import DOCKER, HOST, IMAGE, get

FIRST, ON_CALL = (ROOT / f"docs/guides/{name}.md" for name in ("first-server", "on-call"))
#: Bare, whatever the other tests have made of theirs: a restore renames data of an image's layer
#: nowhere.
SERVER = f"{HOST}-day"
APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"release {release}"]
"""


def lines(page, *, without=()):
    """Return the commands of a page, each once, as they stand there."""
    found = re.findall(
        r"ansible-playbook -i inventory\.yml foobar\.lamp\.[^`|\n]*", page.read_text()
    )
    return [line for line in dict.fromkeys(map(str.strip, found)) if line not in without]


FIRST_DAY = lines(FIRST)
DAY_ON_CALL = lines(ON_CALL, without=FIRST_DAY)


class Day:
    """Somebody with the inventory of the first server's page, and an application of two lines."""

    def __init__(self, user):
        self.user, self.place, self.release = user, user.place / "day", 0
        text = re.search(r"```yaml\n(.*?)```", FIRST.read_text(), re.DOTALL)[1]
        inventory = yaml.safe_load(text)["lamp"]
        site = inventory["vars"]["lamp_sites"]["www.example.com"]["app"]
        self.app = self.place / site["source"]
        (self.app / "shop").mkdir(parents=True)
        (self.app / "shop/__init__.py").touch()
        (self.app / site["requirements"]).touch()
        self.write()
        for group in inventory["children"].values():
            assert list(group["hosts"]) == ["server1"]
            group["hosts"] = {"server1": {"ansible_host": SERVER, **DOCKER}}
        inventory["vars"]["linux_base_trusted_certificates"] = user.trusted
        (self.place / "inventory.yml").write_text(yaml.safe_dump({"lamp": inventory}))

    def write(self):
        """Write the next release of the application."""
        self.release += 1
        (self.app / "shop/wsgi.py").write_text(APPLICATION.replace("{release}", str(self.release)))

    def type(self, line):
        """Type a line of a page, and have it work."""
        done = run("bash", "-c", line, cwd=self.place, env=self.user.environment)
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def day(user):
    """Return the day. Its tests go on from each other, as the pages do."""
    start(SERVER, "server1", IMAGE)
    yield Day(user)
    remove(SERVER)


def page():
    """Return status and text of the site's first page."""
    return get("/", host=SERVER)


def sql(statement):
    """Return what the database server says to root."""
    return containers.on_host(SERVER, f"mariadb -N -e '{statement}'").strip()


def test_pages_have_commands():
    assert {line.split("foobar.lamp.")[1] for line in FIRST_DAY} > {"site", "deploy", "rollback"}
    assert any(".restore " in line for line in DAY_ON_CALL)


@pytest.mark.parametrize("line", FIRST_DAY)
def test_first_day(day, line):
    if line.endswith(".deploy"):
        day.write()
    day.type(line)
    if not line.endswith("--check --diff"):
        release = 1 if line.endswith((".rollback", ".logs", ".update")) else day.release
        assert page() == (200, f"release {release}")


@pytest.mark.parametrize("line", [line for line in DAY_ON_CALL if ".restore " not in line])
def test_day_on_call(day, line):
    day.type(line)
    if "lamp_maintenance=true" in line:
        assert page()[0] == 503
        day.type(line.replace("true", "false"))
    assert page()[0] == 200


def test_data_that_are_gone(day):
    """The night's backup is there, and somebody removes a table."""
    backups = (ROOT / "docs/backups.md").read_text()
    day.type(re.search(r"ansible-playbook .* foobar\.lamp\.backup(?=`)", backups)[0])
    sql("CREATE TABLE shop.item (id INT PRIMARY KEY); INSERT INTO shop.item VALUES (7)")
    # The page's times are in whole seconds. All that is there now is older than the next one.
    moment = sql("SELECT UTC_TIMESTAMP() + INTERVAL 1 SECOND")
    wait_for(lambda: sql("SELECT UTC_TIMESTAMP()") > moment)
    sql("DROP TABLE shop.item")
    (line,) = (line for line in DAY_ON_CALL if ".restore " in line)
    day.type(re.sub(r"lamp_restore_to=\S+", f"lamp_restore_to={moment.replace(' ', 'T')}Z", line))
    assert sql("SELECT id FROM shop.item") == "7"
    assert page()[0] == 200
