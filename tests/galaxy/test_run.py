"""From the bare host to the site, and what goes wrong afterwards while visitors are there."""

from __future__ import annotations

import pathlib
import re
import urllib.request

import dns.message
import dns.query
import pytest
from support import containers
from support.containers import address_of, run
from support.load import Load
from support.plays import recap

from .users import HOST, SITE, ask_name, ask_page, ask_sshd, get


def on_host(script):
    """Return what a shell on the host says."""
    return containers.on_host(HOST, script)


@pytest.fixture(scope="module")
def runs(user, host):
    """Return two whole runs, with all that Ansible can say of them."""
    return [user.play("-vvv", "--diff") for _time in ("first", "second")]


@pytest.fixture(scope="module")
def site(runs):
    """Require the site to stand."""
    for done in runs:
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    return get


@pytest.fixture(scope="module")
def secrets(user, site):
    """Return every secret that a run made, by place."""
    kept = {
        str(file): file.read_text().strip()
        for file in (user.place / ".secrets").rglob("[!.]*")
        if file.is_file()
    }
    kept["the name server's key"] = re.search(
        'secret "(.+)"', on_host("cat /etc/bind/keys/lamp.key")
    )[1]
    assert len(kept) == 3
    return kept


def test_site_stands(site):
    status, text = site("/")
    assert status == 200
    assert "Aurora" in text


def test_second_run_changes_nothing(site, runs):
    assert recap(runs[1])["changed"] == 0


def test_dry_run_changes_nothing(user, site):
    done = user.play("--check", "--diff")
    assert done.returncode == 0, done.stdout[-5000:]
    assert recap(done)["changed"] == 0


def test_no_run_shows_a_secret(secrets, runs):
    for place, secret in secrets.items():
        for number, done in enumerate(runs, 1):
            assert secret not in done.stdout + done.stderr, f"run {number} shows {place}"


def test_secrets_are_for_their_owner_only(user, secrets):
    for path in (user.place / ".secrets").rglob("[!.]*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_host_keeps_secrets_from_others(secrets):
    for place, secret in secrets.items():
        found = on_host(
            f"find /etc /srv /tmp /var -xdev -type f -perm /004 -exec grep -lF -e '{secret}' {{}} +"
        )
        assert found == "", f"{place} can be read by anyone in {found}"
        assert secret not in on_host("journalctl --no-pager")


@pytest.fixture
def break_off(user, site):
    """Return ``break_off(words, **variables)``:
    a run that has to fail with these words while visitors see nothing of it.
    """

    def break_off(*words, file=None, question=None, asked=20, tags="all", **variables):
        before, release = file and on_host(f"cat {file}"), site("/version")
        with Load(question or ask_page(), pause=0.05) as visitors:
            done = user.play("--tags", tags, **variables)
        assert done.returncode != 0
        for word in words:
            assert word in done.stdout, done.stdout[-3000:]
        assert visitors.asked > asked
        assert not visitors.failures
        assert site("/version") == release
        if file:
            assert before
            assert on_host(f"cat {file}") == before

    return break_off


@pytest.mark.parametrize(
    ("role", "question", "file", "words", "variables"),
    [
        (
            "apache",
            ask_page(),
            "/etc/apache2/conf-available/zz-foobar-lamp.conf",
            "Invalid command 'NoSuchDirective'",
            {"apache_settings": {"NoSuchDirective": "on"}},
        ),
        (
            "mysql",
            ask_page("/readyz"),
            "/etc/mysql/mariadb.conf.d/90-foobar-lamp.cnf",
            "no_such_setting",
            {"mysql_settings": {"mysqld": {"no_such_setting": 1}}},
        ),
        (
            "bind",
            ask_name,
            "/etc/bind/named.conf.options",
            "unknown option 'no-such-option'",
            {"bind_options": {"no-such-option": "yes"}},
        ),
    ],
    ids=["apache", "mysql", "bind"],
)
def test_broken_setting_leaves_the_old_ones(break_off, role, question, file, words, variables):
    break_off(words, file=file, question=question, tags=role, **variables)


def test_setting_that_only_a_reload_shows_to_be_broken_is_put_back(user, site):
    file = "/etc/apache2/conf-available/zz-foobar-lamp.conf"
    before = on_host(f"cat {file}")
    done = user.play("--tags", "apache", apache_settings={"Listen": "192.0.2.1:80"})
    words = " ".join(done.stdout.split())
    assert done.returncode != 0
    assert "could not bind to address 192.0.2.1:80" in words, done.stdout[-5000:]
    assert "The old files are back and apache2 runs with them." in words, done.stdout[-5000:]
    assert on_host(f"cat {file}") == before
    assert site("/")[0] == 200


@pytest.mark.parametrize(
    ("role", "service", "file", "words", "variables"),
    [
        (
            "apache",
            "apache2",
            "/etc/apache2/conf-available/zz-foobar-lamp.conf",
            "could not bind to address 192.0.2.1:80",
            {"apache_settings": {"Listen": "192.0.2.1:80"}},
        ),
        (
            "bind",
            "named",
            "/etc/bind/named.conf.options",
            "managed-keys-directory '/usr' is not writable",
            {"bind_options": {"managed-keys-directory": '"/usr"'}},
        ),
    ],
    ids=["apache", "bind"],
)
def test_service_that_is_down_and_does_not_start_with_new_settings_runs_with_the_old_ones(
    user, site, role, service, file, words, variables
):
    before = on_host(f"cat {file}")
    on_host(f"systemctl stop {service}")
    done = user.play("--tags", role, **variables)
    said = " ".join(done.stdout.split())
    assert done.returncode != 0
    assert words in said, done.stdout[-5000:]
    assert f"The old files are back and {service} runs with them." in said, done.stdout[-5000:]
    assert on_host(f"cat {file}") == before
    assert on_host(f"systemctl is-active {service}").strip() == "active"
    assert site("/")[0] == 200


@pytest.mark.parametrize(
    ("tag", "file", "text", "words"),
    [
        (
            "linux_base",
            "/etc/ssh/sshd_config.d/01-x.conf",
            "PasswordAuthentication yes",
            "line 1, says 'PasswordAuthentication yes'",
        ),
        (
            "linux_base",
            "/etc/ssh/sshd_config.d/90-x.conf",
            "Match User git\n  PasswordAuthentication yes",
            "line 2, says 'PasswordAuthentication yes (Match User git)'",
        ),
        (
            "linux_base",
            "/etc/systemd/journald.conf.d/zz.conf",
            "[Journal]\nStorage=volatile",
            "says 'Storage=volatile'",
        ),
        (
            "linux_base",
            "/etc/apt/apt.conf.d/99x",
            'APT::Periodic::Unattended-Upgrade "0";',
            "line 1, says",
        ),
        (
            "mysql",
            "/etc/mysql/mariadb.conf.d/99-x.cnf",
            "[mysqld]\nlong-query-time = 20",
            "line 2, says 'long-query-time = 20'",
        ),
        (
            "mysql",
            "/etc/systemd/system/mariadb.service.d/x.conf",
            "[Service]\nNoNewPrivileges=no",
            "says 'NoNewPrivileges=no'",
        ),
        (
            "apache",
            "/etc/apache2/conf-enabled/zzz.conf",
            "ServerTokens Full",
            "says 'ServerTokens Full'",
        ),
        (
            "bind",
            "/etc/systemd/system/named.service.d/override.conf",
            "[Service]\nProtectHome=no",
            "says 'ProtectHome=no'",
        ),
    ],
    ids=[
        "sshd",
        "Match of sshd",
        "journald",
        "apt",
        "mariadb",
        "unit of mariadb",
        "apache",
        "unit of bind",
    ],
)
def test_file_of_another_that_overrides_is_named(user, site, tag, file, text, words):
    containers.on_host(HOST, f"cat > {file}", input=f"{text}\n")
    try:
        done = user.play("--tags", tag)
    finally:
        on_host(f"rm {file}")
    said = " ".join(done.stdout.replace("''", "'").split())
    assert done.returncode != 0
    assert "which is not in force for" in said, done.stdout[-3000:]
    assert f"{file}" in said
    assert words in said, done.stdout[-3000:]


@pytest.mark.parametrize(
    ("tag", "file", "line"),
    [
        ("linux_base", "/etc/ssh/sshd_config", "^Include"),
        ("bind", "/etc/bind/named.conf", 'include "/etc/bind/named.conf.options"'),
    ],
)
def test_main_file_that_does_not_include_ours_is_told(user, site, tag, file, line):
    on_host(f"cp -p {file} /root/kept; grep -v '{line}' /root/kept > {file}")
    try:
        done = user.play("--tags", tag)
    finally:
        on_host(f"cp -p /root/kept {file}; rm /root/kept")
    said = " ".join(done.stdout.split())
    assert done.returncode != 0
    assert f"({file}" in said, done.stdout[-3000:]
    assert "it does not read this file, so include it there" in said


def test_run_after_all_this_changes_nothing(user, site):
    assert user.play().returncode == 0
    assert recap(user.play())["changed"] == 0


def test_broken_setting_of_sshd_leaves_the_old_ones(user, break_off):
    key = user.place / "key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key, check=True)
    public = key.with_suffix(".pub").read_text().strip()
    on_host(f"install -d -m 700 /root/.ssh && echo '{public}' > /root/.ssh/authorized_keys")
    break_off(
        "Bad configuration option: NoSuchKeyword",
        file="/etc/ssh/sshd_config.d/10-foobar-lamp.conf",
        question=ask_sshd(key),
        asked=5,  # a login takes its time
        tags="linux_base",
        linux_base_sshd_settings={"NoSuchKeyword": "yes"},
    )


def header_of_page():
    """Return what a visitor sees of a setting of Apache."""
    with urllib.request.urlopen(
        urllib.request.Request(f"http://{address_of(HOST)}/healthz", headers={"Host": SITE}),
        timeout=10,
    ) as answer:
        return answer.headers["X-Test"]


def connections_of_database():
    """Return a setting that the database server reads at its start."""
    return on_host("mariadb -N -e 'SELECT @@max_connections'").strip()


def version_by_dns():
    """Return what the name server says its version is."""
    answer = dns.query.udp(
        dns.message.make_query("version.bind", "TXT", "CH"), address_of(HOST), timeout=5
    ).answer
    return answer[0][0].strings[0].decode() if answer else None


def name_in_pages():
    """Return what the application takes from its environment."""
    return re.search("<footer><p>(.*?)</p>", get("/")[1])[1]


@pytest.mark.parametrize(
    ("role", "ask", "wanted", "variables"),
    [
        (
            "apache",
            header_of_page,
            "healed",
            {"apache_settings": {"Header": 'always set X-Test "healed"'}},
        ),
        (
            "mysql",
            connections_of_database,
            "77",
            {"mysql_settings": {"mysqld": {"max_connections": 77}}},
        ),
        ("bind", version_by_dns, "healed", {"bind_options": {"version": '"healed"'}}),
        ("python_app", name_in_pages, "healed", {"environment": {"SITE_NAME": "healed"}}),
    ],
)
def test_run_that_died_before_its_handlers_heals(user, site, role, ask, wanted, variables):
    if role == "python_app":
        sites = {
            name: {**one, "app": {**one["app"], **variables}} for name, one in user.sites.items()
        }
        variables = {"lamp_sites": sites}
    # That whole runs change nothing afterwards, test_next_good_run_converges shows.
    tags = ("--tags", role)
    user.play_until(f"foobar.lamp.{role} : Configure", *tags, **variables)
    assert ask() != wanted, "nothing is left to heal"
    done = user.play(*tags, **variables)
    assert done.returncode == 0, done.stdout[-5000:]
    assert recap(done)["changed"] > 0
    assert ask() == wanted
    assert recap(user.play(*tags, **variables))["changed"] == 0


def broken(user, file, text):
    """Return the sample application's copy with ``text`` at the end of ``file``,
    as the site's source.
    """
    place = user.place / f"broken-{pathlib.Path(file).stem}"
    run("cp", "-r", user.app, place)
    with open(place / file, "a", encoding="utf-8") as source:
        source.write(text)
    sites = {
        name: {**site, "app": {**site["app"], "source": str(place)}}
        for name, site in user.sites.items()
    }
    return {"lamp_sites": sites}


def test_entry_that_cannot_be_imported(user, break_off):
    sites = broken(user, "foobar/wsgi.py", '\nraise RuntimeError("broken on purpose")\n')
    break_off(
        "Traceback",
        "RuntimeError: broken on purpose",
        "serves it.",
        tags="python_app,apache",
        **sites,
    )


def test_migration_that_fails(user, break_off):
    sites = broken(user, "migrations/env.py", '\nraise RuntimeError("no way forward")\n')
    break_off("RuntimeError: no way forward", "(migrate)", tags="python_app,apache", **sites)


def test_next_good_run_converges(user, site):
    done = user.play()
    assert done.returncode == 0, done.stdout[-5000:]
    assert recap(user.play())["changed"] == 0
    assert site("/")[0] == 200
    assert connections_of_database() != "77"


def test_site_that_is_added_gets_its_secrets_without_a_word(user, site):
    name = "more.example.com"
    done = user.play(
        lamp_sites={**user.sites, name: {"document_root": "/srv/more", "database": "more"}}
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert (user.place / ".secrets" / name / "database_password").is_file()
    assert site("/readyz")[0] == 200


def test_lost_secrets_are_made_anew_on_demand_only(user, site):
    kept = user.place / ".secrets"
    kept.rename(user.place / "kept")

    def state():
        return on_host(
            'sha256sum /etc/python_app/*; mariadb -N -e "SELECT * FROM mysql.global_priv WHERE '
            "User = 'shop'\" | sha256sum"
        )

    before = state()
    for _time in ("first", "second"):
        done = user.play()
        said = " ".join(done.stdout.split())
        assert done.returncode != 0
        assert (
            f"database_password and secret_key of {SITE} are not in {kept}/{SITE} on this "
            f"computer, but server1 has them"
        ) in said
        assert (
            f"copy {kept} here from the computer that ran this before, "
            f"or set lamp_new_secrets to true"
        ) in said
        assert recap(done)["changed"] == 0
        assert not kept.exists()
        assert state() == before
    done = user.play(lamp_new_secrets=True)
    assert done.returncode == 0, done.stdout[-5000:]
    assert state() != before
    assert site("/readyz")[0] == 200
    assert recap(user.play())["changed"] == 0


def test_site_moves_to_another_port_and_another_socket(user, site):
    moved = {
        "apache_listen": [8080],
        "mysql_settings": {"mysqld": {"socket": "/run/mysqld/moved.sock"}},
    }
    dry = user.play("--check", **moved)
    assert dry.returncode == 0, dry.stdout[-5000:]
    assert "Would be restarted, since its socket moves to /run/mysqld/moved.sock" in dry.stdout
    done = user.play(**moved)
    assert done.returncode == 0, done.stdout[-5000:]
    assert recap(user.play(**moved))["changed"] == 0
    status, text = get("/", port=8080)
    assert (status, "Aurora" in text) == (200, True)
    # Nobody listens there any more, and the firewall lets nobody in.
    with pytest.raises((ConnectionRefusedError, TimeoutError)):
        get("/")
    on_host("test -S /run/mysqld/moved.sock && test ! -e /run/mysqld/mysqld.sock")
    # Health is asked at that port by the playbooks that change no more than releases.
    larger = {
        "lamp_sites": {
            SITE: {**user.sites[SITE], "app": {**user.sites[SITE]["app"], "memory_limit": 777}}
        }
    }
    for playbook, more in (("deploy", larger), ("rollback", {})):
        done = user.play(playbook=f"foobar.lamp.{playbook}", **moved, **more)
        assert done.returncode == 0, done.stdout[-3000:]
        assert get("/", port=8080)[0] == 200
    assert user.play().returncode == 0
    assert get("/")[0] == 200
