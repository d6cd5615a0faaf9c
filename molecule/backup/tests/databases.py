"""Database hosts, and what tests put into their databases."""

from __future__ import annotations

import contextlib
import json

import testinfra.utils.ansible_runner
from support import plays
from support.waiting import wait_for

IDENTITY = plays.ephemeral() / "vault" / "identity"
SETTINGS = "/etc/lamp-backup/settings.json"

HOSTS = testinfra.utils.ansible_runner.AnsibleRunner(plays.inventory())


class Database:
    """A database host: its server's socket, and the command on it."""

    def __init__(self, name):
        self.host = HOSTS.get_host(name)
        self.engine = self.option("engine")
        self.client = {"mariadb": "mariadb", "mysql": "mysql"}[self.engine]
        self.service = self.option("service")
        self.directory = self.option("directory")
        # Encrypted backups are read with an identity that the host has only for the time of a test.
        self.identity = "--identity /run/identity" if self.option("recipients") else ""
        if self.identity:
            self.host.check_output("cat > /run/identity <<'END'\n%s\nEND" % IDENTITY.read_text())  # noqa: UP031 # testinfra quotes

    def option(self, name):
        """Return one of the command's settings."""
        return json.loads(self.host.check_output(f"cat {SETTINGS}"))[name]

    def sql(self, statements):
        """Return the rows, as lists of texts, that root gets through the socket."""
        done = self.host.run(
            f"{self.client} --default-character-set=utf8mb4 -N -B -e %s", statements
        )
        assert done.succeeded, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def run(self, words):
        """Run the command; returns what testinfra says of it."""
        return self.host.run(f"lamp-backup {words}")

    def do(self, words):
        """Run the command, which has to succeed; returns all that it said, on both streams."""
        done = self.run(words)
        assert done.rc == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def answer(self, words):
        """Run the command, which has to succeed; returns its answer,
        without what it said on the way.
        """
        done = self.run(f"{words} --json")
        assert done.rc == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def take(self):
        """Take a backup; returns its name."""
        return self.answer("take")["name"]

    def names(self):
        """Return the names of the backups, the oldest first."""
        return [row["name"] for row in self.answer("list")]

    def dump(self, name):
        """Return the path of a backup's dump."""
        return self.host.check_output(f"ls {self.directory}/{name}/dump.sql.*")

    def moment(self):
        """Return a moment that all is before that was done, and nothing that is done later."""
        now = int(self.host.check_output("date +%s"))
        wait_for(lambda: int(self.host.check_output("date +%s")) > now)
        return self.host.check_output("date -u +%Y-%m-%dT%H:%M:%SZ")

    def started(self):
        """Return when the server was started."""
        return self.host.check_output(
            f"systemctl show --value --property=ExecMainStartTimestampMonotonic {self.service}"
        )

    @contextlib.contextmanager
    def settings(self, **changed):
        """Yield the option that lets the command run with other settings."""
        options = {**json.loads(self.host.check_output(f"cat {SETTINGS}")), **changed}
        self.host.check_output("cat > /run/settings.json <<'END'\n%s\nEND" % json.dumps(options))  # noqa: UP031 # testinfra quotes
        yield "--settings /run/settings.json"


SHOP = """
DROP DATABASE IF EXISTS shop; CREATE DATABASE shop; USE shop;
CREATE TABLE item (id INT AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(50) CHARACTER SET utf8mb4, price DECIMAL(8,2), picture BLOB,
  twice DECIMAL(9,2) AS (price * 2) STORED, KEY (name));
INSERT INTO item (name, price, picture)
  VALUES ('it''s (1),(2)', 1.5, x'00ff27'), ('two\\nlines', 2, NULL),
    ('back\\\\slash', 3, 'ÿ'), ('雪', 4, '');
CREATE TABLE log (item INT, word VARCHAR(20));
INSERT INTO log VALUES (1, 'same'), (1, 'same'), (NULL, NULL);
CREATE TABLE nothing (id INT);
CREATE VIEW names AS SELECT name FROM item;
CREATE TRIGGER bought AFTER INSERT ON item FOR EACH ROW INSERT INTO log VALUES (NEW.id, 'bought');
CREATE PROCEDURE how_many() SELECT COUNT(*) FROM item;
CREATE PROCEDURE of_windows()
SELECT 'two\r\nlines',\r\n HEX('\r\n');
CREATE EVENT daily ON SCHEDULE EVERY 1 DAY STARTS CURRENT_TIMESTAMP + INTERVAL 1 DAY
  DO INSERT INTO log VALUES (0, 'a day');
"""

# Stands before the program that dumps, and lets it go on past the beginning of a table once
# /run/held is removed.
HOLD = """
import pathlib, subprocess, sys, time
held = pathlib.Path("/run/held")
dump = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
for line in dump.stdout:
    if line.startswith(b"CREATE TABLE `large`"):
        held.touch()
        while held.exists():
            time.sleep(0.05)
    sys.stdout.buffer.write(line)
sys.exit(dump.wait())
"""
