"""The way of a request, from the name to the database."""

from __future__ import annotations

import re
import uuid

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from support.waiting import wait_for
from support.web import NAME, SERVICE, STATUS

from .visitors import SITE, address_of


@pytest.fixture
def sign(browser):
    """Return ``sign(**fields)``: sends the guestbook's form as a browser does."""

    def sign(**fields):
        token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/guestbook").text)[1]
        return browser.request("POST", "/guestbook", form={"csrf_token": token, **fields})

    return sign


@pytest.mark.parametrize("name", [SITE, "foobar.com"])
def test_name_leads_to_the_web_host(ask, web, name_servers, name):
    for server in name_servers:
        answer = ask(name, server=server)
        assert answer.flags & dns.flags.AA
        assert [rdata.address for rdata in answer.answer[0]] == [address_of(web)]


def test_zone_names_all_its_name_servers_and_denies_mail(ask, name_servers):
    named = [rdata.target for rdata in ask("foobar.com", "NS").answer[0]]
    assert sorted(ask(name).answer[0][0].address for name in named) == sorted(
        address_of(server) for server in name_servers
    )
    assert [rdata.to_text() for rdata in ask("foobar.com", "MX").answer[0]] == ["0 ."]


def test_name_server_is_authoritative_only(ask):
    assert ask("debian.org").rcode() == dns.rcode.REFUSED
    assert ask("nobody.foobar.com").rcode() == dns.rcode.NXDOMAIN


def test_zone_is_not_given_to_strangers(name_server):
    with pytest.raises(dns.query.TransferError, match="REFUSED"):
        list(dns.query.xfr(address_of(name_server), "foobar.com"))


def test_page_shows_the_catalogue(browser):
    response = browser.get("/")
    assert response.status == 200
    assert "Aurora" in response.text
    assert response.headers["Server"] == NAME


def test_static_file_is_compressed_and_kept(browser):
    path = re.search(r'href="(/static/site\.[0-9a-f]{12}\.css)"', browser.get("/").text)[1]
    response = browser.get(path, headers={"Accept-Encoding": "gzip"})
    assert response.status == 200
    assert "immutable" in response.headers["Cache-Control"]
    assert response.headers["Content-Encoding"] == "gzip"
    again = browser.get(
        path, headers={"Accept-Encoding": "gzip", "If-None-Match": response.headers["ETag"]}
    )
    assert again.status == 304


def test_directories_and_status_are_not_shown(browser, web):
    assert browser.get("/static/").status in (403, 404)
    assert browser.get("/server-status").status == 404
    address, word = STATUS
    script = f"import urllib.request; print(urllib.request.urlopen('{address}').read().decode())"
    assert word in web.check_output("python3 -c %s", script)


def test_way_names_each_stop(browser, web, db):
    page = browser.get("/way")
    assert page.status == 200, (page.status, page.headers.items(), page.text)
    release = web.check_output(f"basename $(readlink /srv/{SITE}/current)")
    for word in (
        SITE,
        web.check_output("hostname"),
        "granian/",
        release,
        db.check_output("hostname"),
        "MariaDB",
    ):
        assert word in page.text


def test_probes(browser):
    assert browser.get("/healthz").text == "ok\n"
    assert browser.json("/readyz") == {"database": "ready"}
    assert re.fullmatch("[0-9a-f]{12}", browser.json("/version")["release"])


def test_entry_reaches_the_database_and_outlives_a_restart(browser, sign, sql, db, web):
    words = f"Grüße 💡 <b>{uuid.uuid4()}</b>"
    assert sign(name="A visitor", message=words).status == 303
    shown = words.replace("<", "&lt;").replace(">", "&gt;")
    assert shown in browser.get("/guestbook").text
    assert [words] in sql("SELECT message FROM foobar.entry ORDER BY id DESC LIMIT 5")
    for host, service in ((db, "mariadb"), (web, SERVICE), (web, "app-*")):
        host.check_output("systemctl restart %s", service)
    wait_for(lambda: browser.get("/healthz").status == 200)
    assert shown in browser.get("/guestbook").text


@pytest.mark.parametrize(
    ("name", "message"), [("", "words"), ("x" * 81, "words"), ("somebody", "x" * 1001)]
)
def test_wrong_entry_is_refused(sign, sql, name, message):
    before = sql("SELECT COUNT(*) FROM foobar.entry")
    response = sign(name=name, message=message)
    assert response.status == 400
    assert 'class="wrong"' in response.text
    assert sql("SELECT COUNT(*) FROM foobar.entry") == before


def test_entry_without_the_token_is_refused(browser, sql):
    before = sql("SELECT COUNT(*) FROM foobar.entry")
    assert browser.request("POST", "/guestbook", form={"name": "x", "message": "y"}).status == 400
    assert sql("SELECT COUNT(*) FROM foobar.entry") == before


def test_account_reaches_its_own_database_only(web):
    script = (
        "import os, sqlalchemy as s\n"
        "c = s.create_engine(os.environ['DATABASE_URL']).connect()\n"
        "print(sorted(r[0] for r in c.execute(s.text('SHOW DATABASES'))))"
    )
    shown = web.check_output("/srv/www.foobar.com/current/run python -c %s", script)
    assert shown == "['foobar', 'information_schema']"


def test_database_is_reached_by_its_socket_or_with_tls(web, db):
    script = (
        "import os, sqlalchemy as s\n"
        "c = s.create_engine(os.environ['DATABASE_URL']).connect()\n"
        "print(c.execute(s.text('SELECT USER()')).scalar(), c.execute(s.text(\"SHOW STATUS LIKE "
        "'Ssl_cipher'\")).one()[1])"
    )
    account, _space, cipher = web.check_output(
        "/srv/www.foobar.com/current/run python -c %s", script
    ).partition(" ")
    if web.check_output("hostname") == db.check_output("hostname"):
        assert account == "foobar@localhost"
    else:
        assert account == f"foobar@{address_of(web)}"
        assert cipher.startswith("TLS_")


def test_certificate_of_the_database_that_ended_is_made_anew_without_a_run(browser, web, db):
    if address_of(web) == address_of(db):
        pytest.skip("the application goes through the socket")
    db.check_output(
        "cd /etc/mysql/tls && openssl req -new -key server.pem -subj /CN=ended -out "
        "/root/ended.csr && openssl x509 -req -in /root/ended.csr -CA ca.pem -CAkey ca.key -days "
        "0 -set_serial 7 -out /root/ended.pem && openssl pkey -in server.pem >> /root/ended.pem "
        "&& cat /root/ended.pem > server.pem && rm /root/ended.* && sleep 1.1"
    )
    db.check_output("systemctl reload mariadb")
    web.check_output("systemctl restart 'app-*'")
    # What the web server says until the application answers does not name a release.
    wait_for(lambda: browser.get("/healthz").headers["X-Release"])
    assert browser.get("/").status >= 500
    db.check_output("systemctl start mysql-certificate")
    assert browser.get("/").status == 200


def test_root_of_the_database_needs_the_socket(sql):
    accounts = sql(
        "SELECT user, host, JSON_VALUE(priv, '$.plugin'), JSON_EXTRACT(priv, '$.auth_or') IS NOT "
        "NULL FROM mysql.global_priv"
    )
    assert not [row for row in accounts if row[0] == ""]
    assert [row[1] for row in accounts if row[0] == "root"] == ["localhost"]


def test_application_cannot_write_its_code(web):
    script = (
        "import os; print([p for p in ('.', '../venv/bin', '../serve.py', '../static', "
        "'../server/granian') if os.access(p, os.W_OK)])"
    )
    assert web.check_output("/srv/www.foobar.com/current/run python -c %s", script) == "[]"


def test_logs_rotate_on_every_host(web, db, name_servers):
    for host in (web, db, *name_servers):
        assert host.package("logrotate").is_installed
        assert host.service("logrotate.timer").is_running


# What logrotate made itself, what bounds itself, and what goes with a release of an application.
NO_LOGS = re.compile(
    r"/var/log/(.*[.](gz|xz|[0-9]+)|journal/.*|lastlog|faillog|python_app/.*[.][0-9a-f]{12}[.]log)\Z"
)


def test_every_log_is_rotated(web, db, name_servers):
    for host in (web, db, *name_servers):
        said = host.run("logrotate --debug /etc/logrotate.conf").stderr
        assert "error:" not in said
        considered = set(re.findall(r"^considering log (\S+)$", said, re.MULTILINE))
        logs = [
            log
            for log in host.check_output("find /var/log -type f").split()
            if not NO_LOGS.match(log)
        ]
        assert [log for log in logs if log not in considered] == []


def test_web_server_goes_on_with_a_new_log_when_the_old_one_is_rotated(browser, web):
    log = f"/var/log/{SERVICE}/{SITE}.access.log"
    browser.get("/healthz?before")
    wait_for(lambda: "/healthz?before" in web.file(log).content_string)
    web.check_output("logrotate --force /etc/logrotate.conf")

    def is_in_the_new_one():
        # A process of before the reload may still answer, and writes to its own log.
        browser.get("/healthz?after")
        return "/healthz?after" in web.file(log).content_string

    wait_for(is_in_the_new_one)
    assert "/healthz?before" not in web.file(log).content_string
    assert "/healthz?before" in web.file(f"{log}.1").content_string


def test_settings_are_not_for_everyone(web, name_server):
    assert web.file("/etc/python_app/www.foobar.com.env").mode == 0o640
    assert name_server.file("/etc/bind/keys/lamp.key").mode == 0o640
