"""What a converged server is, and what it does when it is told something else."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import urllib.parse
from shlex import quote

import pymysql
import pytest
from support.containers import address_of
from support.load import Load
from support.plays import ENVIRONMENT, ROOT, kill_after
from support.waiting import wait_for

from .servers import PASSWORD, Server, command, play

SETTINGS = {"max_connections": 200, "wait_timeout": 3600}


def with_settings(**settings):
    return {"mysql_settings": {"mysqld": SETTINGS | settings}}


def value(server, name):
    return server.sql(f"SELECT @@GLOBAL.{name}")[0][0]


def test_new_database_is_filled_once_and_keeps_every_character(server, authority):
    assert server.ask("shop", "SELECT * FROM item ORDER BY id", authority=authority(server)) == (
        [(1, "Tischlampe"), (2, "Glühbirne 💡"), (3, "Schirm")]
    )
    assert [row[0] for row in server.sql("SHOW TABLES FROM shop_1")] == ["item", "sale"]


def test_server_that_was_there_keeps_its_data_and_its_people():
    old = Server("lamp-mysql-old")
    assert old.sql("SELECT COUNT(*), MIN(words), MAX(words) FROM ledger.entry") == [
        ["1000", "entry 1", "entry 999"]
    ]
    assert old.sql(
        "SELECT default_character_set_name "
        "FROM information_schema.schemata WHERE schema_name = 'ledger'"
    ) == [["latin1"]]
    assert old.host.run(
        "mariadb --no-defaults -u clerk -p'counts the "
        "coins' -e 'SELECT 1 FROM ledger.entry LIMIT 1'"
    ).succeeded
    assert old.ask("reader", "SELECT COUNT(*) FROM entry", database="ledger") == [(1000,)]


def test_root_has_the_socket_besides_its_password():
    old = Server("lamp-mysql-old")
    assert old.host.run("mariadb --no-defaults -e 'SELECT 1'").succeeded
    assert old.host.run(
        "runuser -u nobody -- mariadb --no-defaults -u root -p'the key to it all' -e 'SELECT 1'"
    ).succeeded
    assert not old.host.run(
        "runuser -u nobody -- mariadb --no-defaults -u root -e 'SELECT 1'"
    ).succeeded


def test_nobody_is_let_in_without_a_name_and_nothing_is_left_for_tries(server):
    assert (
        server.sql(
            "SELECT user, host FROM mysql.user WHERE user "
            "= '' OR (user = 'root' AND host <> 'localhost')"
        )
        == []
    )
    assert ["test"] not in server.sql("SHOW DATABASES")


def test_dump_that_goes_to_another_database_is_refused_and_changes_nothing(servers, tmp_path):
    dump = tmp_path / "legacy.sql"
    dump.write_text(
        "CREATE DATABASE /*!32312 IF NOT EXISTS*/ "
        "`legacy`;\nUSE `legacy`;\nCREATE TABLE t (id INT);\n"
    )
    done = play(
        mysql_databases=[
            {"name": "shop_1"},
            {"name": "ledger"},
            {"name": "fresh", "import": str(dump)},
        ]
    )
    assert done.returncode != 0
    assert len(
        re.findall(r"says CREATE DATABASE IF NOT EXISTS `legacy`,\s+USE\s+`legacy`", done.stdout)
    ) >= len(servers)
    for server in servers:
        assert (
            server.sql(
                "SELECT schema_name FROM information_schema.schemata "
                "WHERE schema_name IN ('legacy', 'fresh')"
            )
            == []
        )


def test_import_that_fills_nothing_fails(tmp_path):
    new = Server("lamp-mysql-new")
    dump = tmp_path / "odd.sql"
    dump.write_text("CREATE TABLE IF NOT EXISTS t (id INT); DROP TABLE t;\n")
    done = play(
        "--limit",
        new.name,
        mysql_databases=[
            {"name": "shop_1"},
            {"name": "ledger"},
            {"name": "fresh", "import": str(dump)},
        ],
    )
    assert done.returncode != 0
    assert "that ran through and made no table there" in done.stdout
    new.sql("DROP DATABASE fresh")


@pytest.mark.parametrize(
    ("user", "statement", "allowed"),
    [
        ("reader", "SELECT COUNT(*) FROM item", True),
        ("reader", "INSERT INTO sale (item) VALUES (1)", False),
        ("writer", "INSERT INTO sale (item) VALUES (1)", True),
        ("writer", "CREATE TABLE more (id INT)", False),
        ("chooser", "SELECT COUNT(*) FROM item", True),
        ("chooser", "DELETE FROM sale", False),
        ("reader", "SELECT COUNT(*) FROM mysql.user", False),
    ],
)
def test_account_may_do_what_its_privileges_say(server, user, statement, allowed):
    if allowed:
        server.ask(user, statement)
    else:
        with pytest.raises(pymysql.Error, match="denied"):
            server.ask(user, statement)


def test_account_of_the_inventory_is_one_more_than_those_of_the_sites():
    proper = Server("lamp-mysql-proper")
    assert [
        row[0]
        for row in proper.sql("SELECT user FROM mysql.user WHERE user IN ('foobar', 'report')")
    ] == ["foobar", "report"]
    login = f"mysql --user=report --password={quote(PASSWORD)} foobar"
    assert proper.host.run(f"{login} --execute %s", "SELECT COUNT(*) FROM product").succeeded


@pytest.mark.parametrize("pipe", [True, False], ids=["pipe", "module"])
def test_question_goes_by_the_defaults_of_the_module_whose_place_it_takes(servers, pipe, tmp_path):
    question = {
        "queries": {
            "who": "SELECT CURRENT_USER() AS me, 5 % 3 AS two",
            "mode": "SELECT CONCAT('<', @@SESSION.sql_mode, '>') AS mode",
        },
        "login_unix_socket": "/run/mysqld/mysqld.sock",
        "session_vars": {"sql_mode": ""},
        "engine": "{{ engines[inventory_hostname] }}",
    }
    login = {"login_user": "watch", "login_password": PASSWORD}
    defaults = {f"group/ansible.{engine}.all": login for engine in ("mariadb", "mysql")}
    tasks = [
        {"foobar.lamp.mysql_query_info": question, "register": "root"},
        {
            "foobar.lamp.mysql_query_info": question,
            "register": "watch",
            "module_defaults": defaults,
        },
        *(
            {"ansible.builtin.debug": {"msg": f"{one} {{{{ {one}.rows | to_json }}}}"}}
            for one in ("root", "watch")
        ),
    ]
    names = {"engines": {server.name: server.service for server in servers}}
    (tmp_path / "ask.yml").write_text(
        json.dumps(
            [
                {
                    "hosts": list(names["engines"]),
                    "gather_facts": False,
                    "vars": names,
                    "tasks": tasks,
                }
            ]
        )
    )
    done = play(
        "-vvv",
        playbook=tmp_path / "ask.yml",
        ansible_pipelining=pipe,
        ansible_python_interpreter="/usr/bin/python3",
    )
    for name, me in (("root", "root@localhost"), ("watch", "watch@%")):
        rows = json.dumps({"who": [{"me": me, "two": 2}], "mode": [{"mode": "<>"}]})
        assert done.stdout.count(f"{name} {rows}") == len(servers), done.stdout + done.stderr
    # Only the first goes through the pipe. (Molecule has Ansible say such words on the other
    # stream.)
    assert (done.stdout + done.stderr).count(
        "/usr/bin/python3 - foobar.lamp.mysql_query_info"
    ) == len(servers) * pipe


def test_monitor_sees_the_server_and_no_data(server):
    assert len(server.ask("watch", "SHOW GLOBAL STATUS", database=None)) > 100
    mine = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'watch'"
    # The server may still be ending the connection of before.
    wait_for(lambda: server.ask("watch", mine, database=None) == [(1,)])
    with pytest.raises(pymysql.Error, match="denied"):
        server.ask("watch", "SELECT * FROM item")


def test_client_checks_the_certificate_and_the_server_wants_tls(server, servers, authority):
    ((_name, cipher),) = server.ask(
        "shop", "SHOW STATUS LIKE 'Ssl_cipher'", authority=authority(server)
    )
    assert cipher.startswith("TLS_")
    with pytest.raises(pymysql.Error, match="denied"):
        server.ask("shop", "SELECT 1")
    other = next(other for other in servers if other.name != server.name)
    with pytest.raises(pymysql.Error, match="CERTIFICATE_VERIFY_FAILED"):
        server.ask("shop", "SELECT 1", authority=authority(other))
    kept = server.host.check_output(
        "stat --format '%a %U %G' /etc/mysql/tls/ca.key /etc/mysql/tls/server-*.pem"
    )
    assert kept.splitlines() == ["600 root root", "640 root mysql"]


def test_certificate_is_renewed_for_clients_that_have_the_old_authority(authority):
    new = Server("lamp-mysql-new")
    trusted = authority(new)
    before, process = (
        new.host.check_output("openssl x509 -noout -serial -in /etc/mysql/tls/server.pem"),
        new.process(),
    )
    new.host.check_output("touch --no-dereference --date '2 years ago' /etc/mysql/tls/server.pem")
    done = play("--limit", new.name)
    assert done.returncode == 0, done.stdout[-3000:]
    assert (
        new.host.check_output("openssl x509 -noout -serial -in /etc/mysql/tls/server.pem") != before
    )
    assert new.ask("shop", "SELECT 1", authority=trusted) == [(1,)]
    assert new.process() == process


def _give(server, days):
    """Put a certificate of so many days in the place of a server's."""
    server.host.check_output(
        f"cd /etc/mysql/tls && openssl req -new -key server.pem -subj /CN=ended "
        f"-out /root/ended.csr && openssl x509 -req -in /root/ended.csr -CA ca.pem -CAkey ca.key "
        f"-days {days} -set_serial 7 -out /root/ended.pem && openssl pkey -in server.pem >> "
        f"/root/ended.pem && cat /root/ended.pem > server.pem && rm /root/ended.* && sleep 1.1"
    )


def test_certificate_that_ends_is_made_anew_without_a_run_and_shuts_nobody_out_of_the_socket(
    server, authority
):
    trusted, process = authority(server), server.process()
    _give(server, 0)
    reloaded = server.host.run(f"systemctl reload {server.service}")
    # MySQL stays with the one that it has; MariaDB takes it.
    assert reloaded.succeeded == (server.service == "mariadb")
    if reloaded.succeeded:
        with pytest.raises(pymysql.Error, match="CERTIFICATE_VERIFY_FAILED"):
            server.ask("shop", "SELECT 1", authority=trusted)
    assert server.sql("SELECT 1") == [["1"]]
    server.host.check_output("lamp-backup take")
    server.host.check_output("systemctl start mysql-certificate")
    assert server.ask("shop", "SELECT 1", authority=trusted) == [(1,)]
    assert server.process() == process
    # Twice does nothing.
    serial = "openssl x509 -noout -serial -in /etc/mysql/tls/server.pem"
    before = server.host.check_output(serial)
    server.host.check_output("systemctl start mysql-certificate")
    assert server.host.check_output(serial) == before
    assert server.host.run("systemctl is-active mysql-certificate.timer").stdout.strip() == "active"


def test_certificate_that_the_server_does_not_read_fails_the_unit_and_the_run(authority):
    new = Server("lamp-mysql-new")
    new.host.check_output("mv /usr/bin/mariadb /usr/bin/mariadb.away")
    try:
        new.host.check_output(
            "touch --no-dereference --date '2 years ago' /etc/mysql/tls/server.pem"
        )
        done = play("--limit", new.name)
        assert done.returncode != 0
        assert "server.pem is new, and mariadb did not read it" in done.stdout
        failed = new.host.run("systemctl start mysql-certificate")
        assert failed.failed
    finally:
        new.host.check_output("mv /usr/bin/mariadb.away /usr/bin/mariadb")
    done = play("--limit", new.name)
    assert done.returncode == 0, done.stdout[-3000:]
    assert new.ask("shop", "SELECT 1", authority=authority(new)) == [(1,)]
    assert not new.host.file("/etc/mysql/tls/.reload").exists
    assert re.search(r"changed=0 .*failed=0 ", play("--limit", new.name).stdout)


def test_authority_is_renewed_under_its_name_and_key(authority):
    new = Server("lamp-mysql-new")
    trusted, place = authority(new), "/etc/mysql/tls/ca.pem"
    who = f"openssl x509 -noout -subject -pubkey -in {place}"
    before, old = new.host.check_output(who), new.host.check_output(f"cat {place}")
    new.host.check_output(
        f"cd /etc/mysql/tls && openssl x509 -in ca.pem "
        f"-signkey ca.key -days 3000 -out short && mv short {place}"
    )
    new.host.check_output("systemctl start mysql-certificate")
    assert new.host.check_output(f"cat {place}") != old
    assert new.host.check_output(who) == before
    assert new.host.run(f"openssl x509 -noout -checkend {7000 * 86400} -in {place}").succeeded
    # Who has the old one and who has the new one trust the server, whose own certificate is new,
    # too.
    new.host.check_output("touch --no-dereference --date '2 years ago' /etc/mysql/tls/server.pem")
    assert play("--limit", new.name).returncode == 0
    assert new.ask("shop", "SELECT 1", authority=trusted) == [(1,)]
    assert new.host.run(
        "openssl verify -CAfile /etc/mysql/tls/ca.pem /etc/mysql/tls/server.pem"
    ).succeeded


def test_lost_key_of_the_authority_is_not_made_anew():
    new = Server("lamp-mysql-new")
    sums = "sha256sum /etc/mysql/tls/ca.pem /etc/mysql/tls/server.pem"
    before = new.host.check_output(sums)
    new.host.check_output("mv /etc/mysql/tls/ca.key /root/ca.key")
    try:
        new.host.check_output(
            "touch --no-dereference --date '2 years ago' /etc/mysql/tls/server.pem"
        )
        assert new.host.run("systemctl start mysql-certificate").failed
        assert "ca.key is missing" in new.host.check_output(
            "journalctl --no-pager -n 20 -u mysql-certificate"
        )
        done = play("--limit", new.name)
        assert done.returncode != 0
        for word in (
            "ca.key is missing",
            "Restore it from a backup",
            "remove ca.pem and run the whole site",
        ):
            assert word in " ".join(done.stdout.split())
        assert not new.host.file("/etc/mysql/tls/ca.key").exists
        assert new.host.check_output(sums) == before
    finally:
        new.host.check_output("mv /root/ca.key /etc/mysql/tls/ca.key")
    done = play("--limit", new.name)
    assert done.returncode == 0, done.stdout[-3000:]


def test_applications_go_before_the_server_when_memory_is_short(server):
    assert (
        server.host.check_output(
            f"systemctl show --property=OOMScoreAdjust --value {server.service}"
        )
        == "-600"
    )


def test_service_is_confined(server):
    shown = server.host.run(f"systemd-analyze security {server.service}").stdout
    assert float(re.search(r"exposure level for .*: ([0-9.]+)", shown)[1]) < 2.5


def test_apparmor_lets_the_server_at_its_files_and_keeps_what_others_added():
    proper = Server("lamp-mysql-proper")
    local = "/etc/apparmor.d/local/usr.sbin.mysqld"

    def let_through():
        parsed = proper.host.check_output(
            "apparmor_parser --skip-kernel-load --skip-cache --debug "
            "/etc/apparmor.d/usr.sbin.mysqld"
        )
        return {
            name: kinds for kinds, name in re.findall(r"Perms:\s+(\w+):.*Name:\s+\((/.*)\)", parsed)
        }

    assert let_through()["/var/lib/mysql-restore{*,/,/**}"] == "rwak"
    proper.host.check_output(f"echo '/opt/ours/** r,' >> {local}")
    done = play(
        "--limit", proper.name, **with_settings(general_log_file="/var/log/mysql/all of it.log")
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert {
        "/opt/ours/**": "r",
        "/var/log/mysql/all of it.log{*,/,/**}": "rwak",
        "/etc/mysql/tls/server.pem{,/,/**}": "r",
    }.items() <= (let_through().items())
    assert play("--limit", proper.name).returncode == 0
    assert "/opt/ours/**" in let_through()
    assert "/var/log/mysql/all of it.log{*,/,/**}" not in let_through()
    assert re.search(r"changed=0 .*failed=0 ", play("--limit", proper.name).stdout)


def test_slow_statements_are_logged_and_the_log_is_rotated(server):
    server.sql("SELECT 'before', SLEEP(1.1)")
    server.host.check_output("logrotate --force /etc/logrotate.conf")
    server.sql("SELECT 'after', SLEEP(1.1)")
    log = server.host.check_output("cat /var/log/mysql/slow.log")
    assert "'after'" in log
    assert "'before'" not in log


def test_logs_are_rotated_by_the_user_who_owns_their_directory(server):
    said = server.host.run("logrotate --debug /etc/logrotate.conf").stderr
    user, group = server.host.user("mysql").uid, server.host.group("adm").gid
    blocks = [
        block
        for block in said.split("rotating pattern: ")
        if "considering log /var/log/mysql/slow.log\n" in block
    ]
    assert len(blocks) == 1
    assert f"switching euid from 0 to {user} and egid from 0 to {group}" in blocks[0]


def test_settings_are_tested_by_the_user_who_owns_the_data(servers):
    # A server that only looks at its settings makes a file of this name in the directory of its
    # data, whoever runs it.
    trap = "ln -sf /etc/victim /var/lib/mysql/$(hostname).lower-test"
    for server in servers:
        server.host.check_output("runuser -u mysql -- sh -c %s", trap)
    done = play(**with_settings(max_connections=201))
    assert done.returncode == 0, done.stdout[-3000:]
    assert [server.host.file("/etc/victim").exists for server in servers] == [False] * len(servers)
    for server in servers:
        server.host.run("rm -f /etc/victim /var/lib/mysql/*.lower-test")


def test_setting_is_changed_while_the_server_runs_where_it_can_be(servers):
    processes = [server.process() for server in servers]
    done = play(**with_settings(max_connections=210, long_query_time=0.5))
    assert done.returncode == 0, done.stdout[-3000:]
    assert "max_connections: 201 becomes 210" in done.stdout  # of the test before
    for server in servers:
        assert (value(server, "max_connections"), float(value(server, "long_query_time"))) == (
            "210",
            0.5,
        )
    assert [server.process() for server in servers] == processes


def test_server_is_restarted_for_the_rest_and_the_run_says_for_what(servers):
    processes = [server.process() for server in servers]
    done = play("--check", **with_settings(back_log=93))
    assert "would need a restart" in done.stdout.lower()
    assert [server.process() for server in servers] == processes
    # What was set while it ran, and is declared no more, goes too.
    done = play(mysql_settings={"mysqld": {"max_connections": 200, "back_log": 93}})
    assert done.returncode == 0, done.stdout[-3000:]
    said = re.findall(r"The server is restarted for ([^.]*)\.", done.stdout)
    assert [{"back_log", "wait_timeout"} <= set(re.findall(r"\w+_\w+", one)) for one in said] == [
        True
    ] * 3
    for server in servers:
        assert (value(server, "back_log"), value(server, "wait_timeout")) == ("93", "28800")
    again = play(mysql_settings={"mysqld": {"max_connections": 200, "back_log": 93}})
    assert len(re.findall(r"changed=0 .*failed=0 ", again.stdout)) == 3, again.stdout[-3000:]


def test_run_that_dies_before_it_told_the_server_is_made_up_for(servers):
    wanted = with_settings(max_connections=220)
    kill_after("Ask what the server runs with", command(**wanted))
    assert {value(server, "max_connections") for server in servers} == {"200"}
    done = play(**wanted)
    assert done.returncode == 0, done.stdout[-3000:]
    assert {value(server, "max_connections") for server in servers} == {"220"}


def test_setting_that_was_changed_by_hand_is_set_again(servers):
    for server in servers:  # They run with it since the test before.
        server.sql("SET GLOBAL max_connections = 31")
    # A setting that MySQL keeps by itself wins over all files at its next start.
    servers[-1].sql("SET PERSIST long_query_time = 9")
    wanted = with_settings(max_connections=220, long_query_time=1)
    dry = play("--check", **wanted)
    assert "max_connections: 31 would become 220" in " ".join(dry.stdout.split()), dry.stdout[
        -3000:
    ]
    done = play(**wanted)
    assert done.returncode == 0, done.stdout[-3000:]
    assert [
        (value(server, "max_connections"), float(value(server, "long_query_time")))
        for server in servers
    ] == [("220", 1)] * 3
    assert servers[-1].sql(
        "SELECT COUNT(*) FROM performance_schema.persisted_variables "
        "WHERE variable_name = 'long_query_time'"
    ) == [["0"]]
    again = play(**wanted)
    assert len(re.findall(r"changed=0 .*failed=0 ", again.stdout)) == 3, again.stdout[-3000:]


def test_names_in_links_of_an_earlier_version_are_honoured_once(servers):
    assert play(**with_settings()).returncode == 0
    kept = "/var/lib/foobar.lamp"
    for server in servers:
        # Declared by the earlier version, and told by nobody but the link: the files have it no
        # more.
        server.host.check_output(
            f"cd {kept} && rm -f mysql_settings.json mysql_accepted.json && "
            f"ln -s max_connections,wait_timeout,net_retry_count mysql_settings && "
            f"ln -s 0123456789ab mysql_accepted"
        )
    done = play(**with_settings())
    assert done.returncode == 0, done.stdout[-3000:]
    assert len(re.findall(r"The server is restarted for net_retry_count\.", done.stdout)) == len(
        servers
    ), done.stdout[-3000:]
    for server in servers:
        links = server.host.run(f"find {kept} -name 'mysql_*' -type l").stdout
        assert links == ""
        names = json.loads(server.host.check_output(f"cat {kept}/mysql_settings.json"))
        assert {"max_connections", "wait_timeout"} < set(names) and "net_retry_count" not in names
        assert json.loads(server.host.check_output(f"cat {kept}/mysql_accepted.json")) == [
            "0123456789ab"
        ]
        owner = server.host.check_output(
            f"stat --format '%U %G %a' {kept}/mysql_settings.json {kept}/mysql_accepted.json"
        )
        assert set(owner.splitlines()) == {"root root 644"}
    again = play(**with_settings())
    assert len(re.findall(r"changed=0 .*failed=0 ", again.stdout)) == len(servers), again.stdout[
        -3000:
    ]


def test_two_runs_at_once_leave_every_server_as_its_files_say(servers):
    variables = with_settings(max_connections=231)
    both = [
        subprocess.Popen(command(**variables), stdout=subprocess.DEVNULL, cwd=ROOT, env=ENVIRONMENT)
        for _run in "ab"
    ]
    # Each may meet the other on another host first: then both end, and the next one makes it good.
    ended = {process.wait() for process in both}
    assert ended <= {0, 2}
    if ended != {0}:
        done = play(**variables)
        assert done.returncode == 0, done.stdout[-3000:]
    assert {value(server, "max_connections") for server in servers} == {"231"}
    assert len(re.findall(r"changed=0 .*failed=0 ", play(**variables).stdout)) == 3


def test_settings_file_of_another_that_overrides_is_named(servers):
    mariadb, override = servers[1], "/etc/mysql/mariadb.conf.d/99-other.cnf"
    mariadb.host.check_output(f"printf '[mysqld]\nmax-connections = 20\n' > {override}")
    try:
        done = play("--limit", mariadb.name, **with_settings())
    finally:
        mariadb.host.check_output(f"rm {override}")
    said = " ".join(done.stdout.replace("''", "'").split())
    assert done.returncode
    assert (
        f"which is not in force for mariadbd: {override}, line 2, says 'max-connections = 20'"
        in said
    ), done.stdout[-3000:]
    assert play("--limit", mariadb.name, **with_settings()).returncode == 0


def test_setting_that_the_server_does_not_know_is_refused_and_changes_nothing(servers):
    processes = [server.process() for server in servers]
    done = play(**with_settings(max_conections=5))
    assert len(re.findall("unknown variable 'max_conections=5'", done.stdout)) >= 3, done.stdout[
        -3000:
    ]
    for server, process in zip(servers, processes, strict=True):
        assert server.process() == process
        assert server.sql("SELECT 1") == [["1"]]
        assert server.host.run("grep -r max_conections /etc/mysql").rc == 1


def test_setting_that_no_server_starts_with_is_put_back_and_the_server_runs_with_the_old_one(
    servers,
):
    assert play(**with_settings()).returncode == 0
    settings = "cat /etc/mysql/*.conf.d/*foobar-lamp.cnf"
    before = [
        (value(server, "innodb_log_group_home_dir"), server.host.check_output(settings))
        for server in servers
    ]
    processes = [server.process() for server in servers]
    done = play(**with_settings(innodb_log_group_home_dir="/nowhere", max_connections=240))
    words = " ".join(done.stdout.split())
    assert done.returncode, done.stdout[-3000:]
    said = dict(re.findall(r"fatal: \[(\S+)\](?:(?!fatal: ).)*? was to take up ([^:]*):", words))
    assert said.keys() == {server.name for server in servers}, done.stdout[-5000:]
    assert {name for names in said.values() for name in names.split(", ")} == {
        "innodb_log_group_home_dir",
        "max_connections",
    }
    assert len(re.findall("/nowhere", words)) >= 3, "a server's own words are missing"
    assert words.count("The old files are back and mariadb runs with them.") >= 2
    assert "The old files are back and mysql runs with them." in words
    assert [
        (value(server, "innodb_log_group_home_dir"), server.host.check_output(settings))
        for server in servers
    ] == before
    assert {value(server, "max_connections") for server in servers} == {"200"}
    tried = [server.process() for server in servers]
    assert not set(tried) & set(processes), "nobody tried"


def test_server_that_is_down_and_does_not_start_with_new_settings_runs_with_the_old_ones(servers):
    settings = "cat /etc/mysql/*.conf.d/*foobar-lamp.cnf"
    before = [server.host.check_output(settings) for server in servers]
    for server in servers:
        server.host.check_output(f"systemctl stop {server.service}")
    done = play(**with_settings(innodb_log_group_home_dir="/nowhere"))
    words = " ".join(done.stdout.split())
    assert done.returncode, done.stdout[-3000:]
    assert words.count("The old files are back and mariadb runs with them.") >= 2, done.stdout[
        -5000:
    ]
    assert "The old files are back and mysql runs with them." in words
    assert [server.host.check_output(settings) for server in servers] == before
    assert [server.sql("SELECT 1") for server in servers] == [[["1"]]] * 3
    # What AppArmor lets the server at follows its settings.
    tried = [server.process() for server in servers]
    done, again = play(**with_settings()), play(**with_settings())
    assert done.returncode == 0, done.stdout[-3000:]
    assert [server.process() for server in servers] == tried
    assert (again.returncode, len(re.findall(r"changed=0 .*failed=0 ", again.stdout))) == (0, 3), (
        again.stdout[-3000:]
    )


def test_setting_that_a_running_server_takes_and_its_reload_does_not_is_set_back():
    proper = Server("lamp-mysql-proper")
    before, process = value(proper, "ssl_cert"), proper.process()
    done = play("--limit", proper.name, **with_settings(ssl_cert="/etc/hostname"))
    assert done.returncode
    assert "mysql was to take up ssl_cert:" in " ".join(done.stdout.split()), done.stdout[-3000:]
    assert (value(proper, "ssl_cert"), proper.process()) == (before, process)
    assert play("--limit", proper.name, **with_settings()).returncode == 0
    again = play("--limit", proper.name, **with_settings())
    assert re.search(r"changed=0 .*failed=0 ", again.stdout), again.stdout[-3000:]
    proper.host.check_output("systemctl reload mysql")


def test_password_is_changed_with_no_failed_login_and_the_old_one_ends_later(servers):
    loads = [
        Load(lambda server=server: server.ask("writer", "INSERT INTO sale (item) VALUES (2)"))
        for server in servers
    ]
    for load in loads:
        load.__enter__()
    done = play(password="another horse battery")
    counts = [len(load.done) for load in loads]
    wait_for(lambda: all(len(load.done) > count for load, count in zip(loads, counts, strict=True)))
    for load in loads:
        load.__exit__()
    assert done.returncode == 0, done.stdout[-3000:]
    assert [load.failures for load in loads] == [[], [], []]
    for server in servers:
        assert server.ask("writer", "SELECT 1", password="another horse battery") == [(1,)]
    assert (
        len(re.findall(r"changed=0 .*failed=0 ", play(password="another horse battery").stdout))
        == 3
    )
    done = play(password="another horse battery", mysql_old_password_hours=0)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "horse battery" not in done.stdout
    for server in servers:
        with pytest.raises(pymysql.Error, match="denied"):
            server.ask("writer", "SELECT 1")
        assert server.ask("writer", "SELECT 1", password="another horse battery") == [(1,)]
    assert play(mysql_old_password_hours=0).returncode == 0
    for server in servers:
        assert server.ask("writer", "SELECT 1", password=PASSWORD) == [(1,)]


def test_failed_account_is_named_and_its_password_is_not():
    new = Server("lamp-mysql-new")
    new.sql("INSTALL SONAME 'simple_password_check'")
    try:
        done = play("--limit", new.name, password="third horse battery")
    finally:
        new.sql("UNINSTALL SONAME 'simple_password_check'")
    assert done.returncode
    assert "The password of shop@%, writer@%" in " ".join(done.stdout.split())
    assert "third horse" not in done.stdout + done.stderr


def test_declared_collation_that_is_not_there_is_told_and_nothing_is_changed():
    new = Server("lamp-mysql-new")
    done = play(
        "--limit",
        new.name,
        mysql_users=[],
        mysql_databases=[{"name": "shop_1", "collation": "utf8mb4_bin"}, {"name": "third"}],
    )
    assert done.returncode
    assert (
        "has the collation utf8mb4_unicode_ci, and mysql_databases declares utf8mb4_bin"
        in " ".join(done.stdout.split())
    )
    assert ["third"] not in new.sql("SHOW DATABASES")


def test_undeclared_accounts_are_removed_on_request_only(servers):
    for server in servers:
        server.sql(
            "CREATE USER stranger@localhost IDENTIFIED BY 'who knows this'; CREATE USER "
            "kept@localhost IDENTIFIED BY 'who knows this'"
        )
    options = {"mysql_exclusive_users": True, "mysql_kept_users": ["kept", "foobar", "clerk"]}
    done = play("--check", **options)
    assert done.stdout.count("DROP USER 'stranger'@'localhost'") >= 3
    done = play(**options)
    assert done.returncode == 0, done.stdout[-3000:]
    for server in servers:
        names = {row[0] for row in server.sql("SELECT user FROM mysql.user")}
        assert "stranger" not in names
        assert {"kept", "root", "shop"} <= names
        server.sql("DROP USER kept@localhost")


# What a server may be told to take quotes, backslashes and bars for. ORACLE is MariaDB's, and
# stands for quotes and bars as ANSI does.
def test_tables_of_an_older_version_are_brought_up_to_date():
    for server in (Server("lamp-mysql-old"), Server("lamp-mysql-new")):
        version = server.sql("SELECT SUBSTRING_INDEX(VERSION(), '-', 1)")[0][0]
        noted = "/var/lib/mysql/" + (
            "mariadb_upgrade_info" if version.startswith("11") else "mysql_upgrade_info"
        )
        server.sql("ALTER TABLE mysql.proc DROP COLUMN aggregate")
        # As the package leaves it.
        server.host.check_output(f"rm -f {noted}; echo -n 10.5.1-MariaDB > {noted}")
        server.host.check_output("systemctl restart mariadb")
        assert server.host.check_output(f"cat {noted}").startswith(version)
        assert server.sql("SELECT COUNT(*) FROM mysql.proc WHERE aggregate IS NULL") == [["0"]]


MODES = {"lamp-mysql-old": "ANSI", "lamp-mysql-new": "ORACLE", "lamp-mysql-proper": "ANSI"}


def test_servers_own_mode_does_not_matter(servers):
    mode = "{{ " + repr(MODES) + "[inventory_hostname] }},NO_BACKSLASH_ESCAPES"
    users = [
        {
            "name": "quoted_1",
            "host": "%",
            "password": r"""it's \"all\" || ours""",
            "databases": ["quoted-$1"],
        },
        {
            "name": "quoted_2",
            "host": "%",
            "password": PASSWORD,
            "databases": ["quoted-$1"],
            "privileges": "read",
        },
    ]
    wanted = with_settings(sql_mode=mode) | {
        "mysql_databases": [{"name": "quoted-$1", "import": f"{ROOT}/molecule/mysql/shop.sql"}],
        "mysql_users": users,
        "mysql_exclusive_users": True,
        "mysql_kept_users": ["clerk", "shop", "writer", "reader", "chooser", "watch", "foobar"],
    }
    for server in servers:
        server.sql(r"CREATE USER 'stran''ger\\'@localhost")
        server.sql(f"SET GLOBAL sql_mode = '{MODES[server.name]},NO_BACKSLASH_ESCAPES'")
    done = play(**wanted)
    assert done.returncode == 0, done.stdout[-3000:]
    for server in servers:
        assert {"ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT"} <= set(
            value(server, "sql_mode").split(",")
        )
        assert "ger" not in str(server.sql("SELECT user FROM mysql.user"))
        server.ask(
            "quoted_1",
            r"INSERT INTO item VALUES (4, 'a\b')",
            password=users[0]["password"],
            database="quoted-$1",
        )
        assert server.ask("quoted_2", "SELECT COUNT(*) FROM item", database="quoted-$1") == [(4,)]
        with pytest.raises(pymysql.Error, match="denied"):
            server.ask("quoted_2", "DELETE FROM item", database="quoted-$1")
        server.sql(
            r"""CREATE VIEW `quoted-$1`.joined AS """
            r"""SELECT id || 'a\' AS "both of" FROM `quoted-$1`.item"""
        )
        server.host.check_output("lamp-backup take && lamp-backup drill")
    assert len(re.findall(r"changed=0 .*failed=0 ", play(**wanted).stdout)) == len(servers)
    users[1]["password"] = "another horse's battery"
    assert play(**wanted).returncode == 0
    for server in servers:
        for password in (PASSWORD, users[1]["password"]):
            assert server.ask("quoted_2", "SELECT 1", password=password, database="quoted-$1") == [
                (1,)
            ]
        server.sql("DROP DATABASE `quoted-$1`; DROP USER quoted_1, quoted_2")
    done = play()
    assert done.returncode == 0, done.stdout[-3000:]
    assert "ANSI_QUOTES" not in str([value(server, "sql_mode") for server in servers])


def test_tls_is_required_at_the_end_of_the_run_of_an_account_that_is_there(servers, authority):
    users = [
        {
            "name": "writer",
            "host": "%",
            "password": PASSWORD,
            "databases": ["shop_1"],
            "privileges": "write",
            "require_tls": True,
        }
    ]
    for server in servers:
        assert server.ask("writer", "SELECT 1") == [(1,)]
    trusted = {server.name: authority(server) for server in servers}
    loads = [
        Load(lambda server=server: server.ask("writer", "SELECT 1", authority=trusted[server.name]))
        for server in servers
    ]
    for load in loads:
        load.__enter__()
    dry = play("--check", mysql_users=users)
    done = play(mysql_users=users)
    for load in loads:
        load.__exit__()
    for run in (dry, done):
        assert run.returncode == 0, run.stdout[-3000:]
        late = run.stdout.partition("Require TLS of accounts that were there without")[2]
        assert late.count("writer@%") == len(servers), run.stdout[-3000:]
        assert len(re.findall(r"changed=1 ", run.stdout)) == len(servers), run.stdout[-3000:]
    assert [load.failures for load in loads] == [[], [], []]
    assert all(load.done for load in loads)
    for server in servers:
        with pytest.raises(pymysql.Error, match="denied"):
            server.ask("writer", "SELECT 1")
    assert len(re.findall(r"changed=0 .*failed=0 ", play(mysql_users=users).stdout)) == len(servers)
    assert play().returncode == 0
    for server in servers:
        assert server.ask("writer", "SELECT 1") == [(1,)]


def test_more_buffer_pool_than_memory_is_refused_before_the_first_change(servers):
    processes = [server.process() for server in servers]
    done = play(**with_settings(innodb_buffer_pool_size="16T"))
    assert done.returncode
    said = " ".join(done.stdout.split())
    assert len(
        re.findall(
            r"innodb_buffer_pool_size 16T, and the host has \d+ MiB of memory: give less", said
        )
    ) >= len(servers), said
    assert len(re.findall(r"changed=0 ", done.stdout)) == len(servers)
    assert [server.process() for server in servers] == processes


def test_backups_end_on_request_stay_and_go_on_later():
    new = Server("lamp-mysql-new")

    def units():
        shown = new.host.check_output(
            "systemctl list-units --all --plain --no-legend 'lamp-backup*' 'timers.target'"
        )
        return {line.split()[0] for line in shown.splitlines() if "not-found" not in line}

    def names():
        return [
            backup["name"]
            for backup in json.loads(new.host.check_output("lamp-backup list --json"))
        ]

    new.host.check_output("lamp-backup take")
    before, timers = names(), {"lamp-backup.timer", "lamp-backup-log.timer"}
    assert timers <= units()
    done = play("--limit", new.name, backup=True, backup_enabled=False, mysql_binary_logs=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"The server is restarted for [^.]*log_bin", done.stdout)
    assert units() == {"timers.target"}
    assert (
        new.host.run(
            "ls -d /etc/systemd/system/*lamp-backup* /etc/systemd/system/*/lamp-backup* "
            "/etc/lamp-backup /usr/local/*/lamp-backup"
        ).stdout
        == ""
    )
    assert not new.host.exists("lamp-backup")
    kept = new.host.check_output(f"cat /var/backups/lamp/{before[-1]}/logs.json")
    assert value(new, "log_bin") == "0"
    new.sql("INSERT INTO shop_1.sale (item) VALUES (1)")
    again = play("--limit", new.name, backup=True, backup_enabled=False, mysql_binary_logs=False)
    assert re.search(r"changed=0 .*failed=0 ", again.stdout), again.stdout[-3000:]
    done = play("--limit", new.name, backup=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert timers <= units()
    for timer in timers:
        assert new.host.service(timer).is_running and new.host.service(timer).is_enabled
    assert names() == before
    assert value(new, "log_bin") == "1"
    # No moment is promised that the lost logs lead to.
    new.host.check_output("lamp-backup log")
    assert new.host.check_output(f"cat /var/backups/lamp/{before[-1]}/logs.json") == kept
    new.host.check_output("systemctl start lamp-backup.service")
    assert names()[:-1] == before
    assert re.search(r"changed=0 .*failed=0 ", play("--limit", new.name, backup=True).stdout)


def test_no_acknowledged_row_is_lost_when_the_server_is_killed(server):
    connection = None

    def write():
        nonlocal connection
        try:
            connection = connection or server.connect("writer")
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO sale (item) VALUES (3)")
                return cursor.lastrowid
        except (OSError, pymysql.Error):
            connection = None
            raise

    process = server.process()
    with Load(write, pause=0) as load:
        wait_for(lambda: len(load.done) > 200)
        server.host.check_output(f"systemctl kill --signal=KILL {server.service}")
        killed = len(load.done)
        wait_for(lambda: len(load.done) > killed + 50)
    assert server.process() != process
    there = {int(row[0]) for row in server.sql("SELECT id FROM shop_1.sale")}
    assert set(load.done) <= there


def test_site_works_on_mysql():
    proper = Server("lamp-mysql-proper")

    def request(method, path, body=None, **headers):
        connection = http.client.HTTPConnection(address_of(proper.name), 80, timeout=30)
        connection.request(method, path, body, {"Host": "www.foobar.com", **headers})
        answer = connection.getresponse()
        return answer, answer.read().decode()

    assert request("GET", "/readyz")[1] == '{"database":"ready"}\n'
    assert "MySQL 9" in request("GET", "/way")[1]
    answer, page = request("GET", "/guestbook")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    form = {"csrf_token": token, "name": "Zoë", "message": "Licht 💡"}
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    kind = "application/x-www-form-urlencoded"
    answer, _page = request(
        "POST", "/guestbook", urllib.parse.urlencode(form), Cookie=cookie, **{"Content-Type": kind}
    )
    assert answer.status in (302, 303)
    assert ["Zoë", "Licht 💡"] in proper.sql("SELECT name, message FROM foobar.entry")
