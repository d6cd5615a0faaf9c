"""What a file with SQL would do to a server."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import dump as mysql_dump

PLAIN = """-- MariaDB dump 10.19  Distrib 10.11.14-MariaDB
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `t`;
CREATE TABLE `t` (`id` int, `a` text);
INSERT INTO `t` VALUES (1,'it''s; \\'here\\'
USE nowhere; DROP DATABASE x; -- no'),(2,NULL);
/* USE elsewhere; */
-- USE elsewhere;
# USE elsewhere;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN
SET NEW.a = "USE z; GRANT ALL"; END */;;
DELIMITER ;
-- Dump completed on 2026-11-27  0:46:36
"""  # noqa: E501
LEGACY = (
    "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `legacy` /*!40100 DEFAULT CHARACTER SET utf8mb4 "
    "*/;\n\nUSE `legacy`;\n"
)
MADE = PLAIN.replace("DROP TABLE", f"{LEGACY}DROP TABLE")


def problems(
    tmp_path,
    content,
    name="dump.sql",
    database="shop",
    accounts=frozenset({"root@localhost"}),
    engine="mariadb",
):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return mysql_dump.dump_problems(str(path), database, set(accounts), engine)


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.sql", bytes),
        ("a.sql.gz", gzip.compress),
        ("a.sql.xz", lzma.compress),
        ("a.sql.bz2", bz2.compress),
    ],
)
def test_dump_of_one_database_is_taken_however_it_is_packed(tmp_path, name, pack):
    assert problems(tmp_path, pack(PLAIN.encode()), name) == []
    (said,) = problems(tmp_path, pack(MADE.encode()), name)
    assert said.startswith(
        "says CREATE DATABASE IF NOT EXISTS `legacy`, "
        "USE `legacy`, so that it fills another database than shop"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            f"{LEGACY}CREATE TABLE t (a int);",
            "says CREATE DATABASE IF NOT EXISTS `legacy`, USE `legacy`",
        ),
        ("use legacy\nCREATE TABLE t (a int);", "says use legacy, so that"),
        (
            "CREATE TABLE t (a int); DROP DATABASE IF EXISTS shop;",
            "says DROP DATABASE IF EXISTS shop",
        ),
        (
            "CREATE TABLE IF NOT EXISTS `legacy`.`t` (a int);",
            "says CREATE TABLE IF NOT EXISTS `legacy`., so that",
        ),
        (
            "INSERT IGNORE INTO legacy.t VALUES (1.5, 'a.b');",
            "says INSERT IGNORE INTO legacy., so that",
        ),
        ("CREATE DATABASE shop; CREATE TABLE t (a int);", "says CREATE DATABASE shop"),
        (
            "CREATE TABLE t (a int);\nGRANT ALL ON *.* TO x@'%';",
            "says GRANT ALL: accounts are mysql_users' to declare",
        ),
        ("CREATE TABLE t (a int);\nCREATE USER x;", "says CREATE USER"),
        (
            "CREATE DEFINER=`old`@`%` VIEW v AS SELECT 1;",
            "of DEFINER old@%, which this server does not have",
        ),
        ("", "makes nothing"),
        ("-- nothing\n/*!40101 SET NAMES utf8mb4 */;\n", "makes nothing"),
        (PLAIN.replace("-- Dump completed", "-- "), "it was cut"),
        (PLAIN[: PLAIN.index("nowhere")], "it was cut"),
        ("CREATE TABLE t (a int); INSERT INTO t VALUES ('a", "it was cut"),
        ("--\n-- PostgreSQL database dump\n--\nCREATE TABLE t (a int);", "is a dump of PostgreSQL"),
        ("PRAGMA foreign_keys=OFF;\nCREATE TABLE t (a int);", "is a dump of SQLite"),
        (b"PK\x03\x04..", "an archive of zip"),
        (
            gzip.compress(PLAIN.encode()),
            "is packed as .gz, and its name ends with nothing: name it",
        ),
    ],
)
def test_file_that_would_not_fill_the_database_is_named_with_a_remedy(tmp_path, content, words):
    (said,) = problems(tmp_path, content)
    assert words in said
    assert said.endswith(".")


def test_what_names_the_declared_database_and_declared_accounts_is_taken(tmp_path):
    assert problems(tmp_path, MADE, database="legacy") == []
    assert problems(tmp_path, "CREATE TABLE `shop`.`t` (a int); INSERT INTO t VALUES (1.5);") == []
    assert (
        problems(tmp_path, "CREATE DEFINER=`old`@`%` VIEW v AS SELECT 1;", accounts={"old@%"}) == []
    )
    assert problems(tmp_path, "CREATE DEFINER=CURRENT_USER VIEW v AS SELECT 1;") == []


def test_packed_file_that_is_cut_or_none_is_refused(tmp_path):
    assert (
        "cannot be unpacked"
        in problems(tmp_path, gzip.compress(PLAIN.encode())[:-20], "a.sql.gz")[0]
    )
    assert "is not packed" in problems(tmp_path, PLAIN, "a.sql.gz")[0]


def test_line_of_mariadb_is_not_given_to_mysql(tmp_path):
    content = "/*!999999\\- enable the sandbox mode */ \n" + PLAIN
    assert problems(tmp_path, content) == []
    assert "sed 1d" in problems(tmp_path, content, engine="mysql")[0]


def test_encrypted_file_is_left_to_the_server(tmp_path):
    assert problems(tmp_path, "$ANSIBLE_VAULT;1.1;AES256\n6162\n") == []


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_what_is_read_does_not_depend_on_how_much_is_read_at_once(monkeypatch, chunk):
    monkeypatch.setattr(mysql_dump, "CHUNK", chunk)
    dump = mysql_dump.Dump(io.BytesIO(MADE.encode()))
    assert {head.split(b" DEFAULT")[0] for head in dump.heads} == {
        b"CREATE DATABASE IF NOT EXISTS `legacy`",
        b"USE `legacy`",
    }
    assert (dump.definers, dump.cut, dump.fills) == ({"root@localhost"}, False, True)
