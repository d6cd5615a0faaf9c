"""A dump is understood as it passes, in the words of both engines."""

from __future__ import annotations

import pytest
from lamp_backup.reader import Reader

MARIADB = rb"""-- CHANGE MASTER TO MASTER_LOG_FILE='binlog.000003', MASTER_LOG_POS=344;
-- Current Database: `shop`
CREATE TABLE `item` (`id` int);
-- Dumping data for table `item`
LOCK TABLES `item` WRITE;
INSERT INTO `item` VALUES
(1,'it\'s (1),(2)'),
(2,'-- Dumping data for table `x`');
INSERT INTO `item` (`id`, `na``me`) VALUES
(3,NULL);
UNLOCK TABLES;
-- Dumping data for table `none`
LOCK TABLES `none` WRITE;
UNLOCK TABLES;
-- Dump completed
"""
MYSQL = (
    MARIADB.replace(b"MASTER TO MASTER_LOG", b"REPLICATION SOURCE TO SOURCE_LOG")
    .replace(b"MASTER_LOG", b"SOURCE_LOG")
    .replace(b"VALUES\n", b"VALUES ")
    .replace(b"),\n(", b"),(")
)  # fmt: skip


def read(dump):
    reader = Reader()
    for line in dump.splitlines(keepends=True):
        reader.feed(line)
    return reader


@pytest.mark.parametrize("dump", [MARIADB, MYSQL])
def test_rows_position_and_end(dump):
    reader = read(dump)
    assert reader.position == {"file": "binlog.000003", "position": 344}
    assert reader.complete
    assert {name: table["rows"] for name, table in reader.tables.items()} == {
        "shop.item": 3,
        "shop.none": 0,
    }


def test_digest_is_of_the_rows_however_they_are_grouped():
    grouped = MARIADB.replace(b"`x`');\nINSERT INTO `item` (`id`, `na``me`) VALUES\n", b"`x`'),\n")
    assert grouped != MARIADB
    assert read(MARIADB).tables == read(grouped).tables == read(MYSQL).tables


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"(3,NULL)", b"(4,NULL)"), (b"(1),(2)", b"(1),(3)"), (b"(3,NULL)", b"(3,''),\n(3,'')")],
)
def test_other_rows_have_another_digest(old, new):
    assert (
        read(MARIADB.replace(old, new)).tables["shop.item"]["sha256"]
        != read(MARIADB).tables["shop.item"]["sha256"]
    )


def test_definitions_have_a_digest_too():
    other = read(MARIADB.replace(b"(`id` int)", b"(`id` bigint)"))
    assert other.tables == read(MARIADB).tables
    assert other.definitions != read(MARIADB).definitions


def test_definitions_are_alike_whether_or_not_a_default_is_said():
    said = MARIADB.replace(
        b"(`id` int)", b"(`id` int, `a` char(1) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL)"
    )
    left_out = MARIADB.replace(b"(`id` int)", b"(`id` int, `a` char(1) NOT NULL)")
    assert read(said).definitions == read(left_out).definitions


def test_dump_that_was_cut():
    assert not read(MARIADB.replace(b"-- Dump completed\n", b"")).complete


def events(*schedules):
    each = (
        f"/*!50106 DROP EVENT IF EXISTS `e{schedule[:2]}` */;\nDELIMITER ;;\n"
        f"/*!50106 CREATE*/ /*!50117 DEFINER=`root`@`localhost`*/ "
        f"/*!50106 EVENT `e` ON SCHEDULE {schedule} DO BEGIN\n\nDELETE FROM t;\nEND */ ;;\n"
        "DELIMITER ;\n"
        for schedule in schedules
    )
    section = (
        f"/*!50106 SET @save_time_zone= @@TIME_ZONE */ ;\n{''.join(each)}/*!50106 SET TIME_ZONE= "
        f"@save_time_zone */ ;\n"
    )
    reader = Reader()
    for line in (
        f"-- Current Database: `shop`\nCREATE TABLE t;\n"
        f"{section if schedules else ''}CREATE VIEW v;\n"
    ).splitlines(keepends=True):
        reader.feed(line.encode())
    return reader.definitions["shop"]


def test_events_that_are_due_once_are_no_part_of_what_is_compared():
    once, daily, weekly = "AT '2026-11-25 01:02:03'", "EVERY 1 DAY", "EVERY 7 DAY"
    assert events(once) == events()
    assert events(once, daily, once) == events(daily)
    assert len({events(), events(daily), events(weekly), events(daily, weekly)}) == 4
