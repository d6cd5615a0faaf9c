"""linux_base in a play of its own, by SSH: the way by which a run came stays open, what packages
bring runs, others' work is kept.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import subprocess
import threading

import pytest
import yaml
from support.containers import address_of, remove, run, start
from support.plays import recap
from support.waiting import wait_for

from .users import IMAGE

NAME = "lamp-galaxy-ssh"
RECIPE = f"""FROM {IMAGE}
RUN apt-get update \\
    && apt-get install --yes --no-install-recommends openssh-server sudo && apt-get clean
CMD ["/sbin/init"]
"""
PASSWORDS = {"root": "way-of-root", "ada": "way-of-ada"}
SSH = (
    "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
    "-o ControlMaster=no -o ControlPath=none"
)


def sh(script):
    """Return what a shell on the host says; it has to succeed."""
    done = run("docker", "exec", NAME, "bash", "-c", script)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """Return the file of a private key, whose public half is beside it."""
    path = tmp_path_factory.mktemp("keys") / "key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path, check=True)
    return path


@pytest.fixture(scope="module")
def ssh_host(key):
    """Start a host as a hoster gives it:
    root by password or key, and an administrator whose sudo asks for the password.
    """
    built = run("docker", "build", "--quiet", "--tag", NAME, "-", input=RECIPE)
    assert built.returncode == 0, built.stderr
    # Root may look at others' processes, as on a server.
    start(NAME, "old1", NAME, "--cap-add", "SYS_PTRACE")
    public = key.with_suffix(".pub").read_text().strip()
    sh(f"""set -e
        useradd --create-home --shell /bin/bash --groups sudo ada
        printf 'root:{PASSWORDS["root"]}\\nada:{PASSWORDS["ada"]}\\n' | chpasswd
        install -d -m 700 /root/.ssh && echo '{public}' > /root/.ssh/authorized_keys
        install -d -m 700 -o ada -g ada /home/ada/.ssh
        install -m 600 -o ada -g ada /root/.ssh/authorized_keys /home/ada/.ssh
        echo 'PermitRootLogin yes' > /etc/ssh/sshd_config.d/50-hoster.conf
        systemctl reload ssh""")
    yield address_of(NAME)
    remove(NAME)
    run("docker", "image", "rm", NAME)


@pytest.fixture(scope="module")
def play(user, ssh_host, key):
    """Return ``play(*options, tasks=…, way=…, **variables)``:
    run the role, or tasks, on the host, by a key unless told otherwise.
    """
    host = {
        "ansible_host": ssh_host,
        "ansible_user": "root",
        "ansible_ssh_common_args": SSH,
        "ansible_pipelining": True,
    }
    host["ansible_python_interpreter"] = "/usr/bin/python3"
    by_key = {"ansible_ssh_private_key_file": str(key)}

    def play(*options, tasks=None, roles=("linux_base",), way=None, **variables):
        work = {"tasks": tasks} if tasks else {"roles": [f"foobar.lamp.{role}" for role in roles]}
        # As the plays of the collection are.
        common = {"hosts": "all", "gather_facts": False, "become": True, "any_errors_fatal": True}
        (user.place / "play.yml").write_text(yaml.safe_dump([{**common, **work}]))
        inventory = {"all": {"hosts": {"server1": {**host, **(by_key if way is None else way)}}}}
        return user.play(*options, inventory=inventory, playbook="play.yml", **variables)

    return play


@pytest.fixture
def refused(play):
    """Return ``refused(*words, **variables)``:
    a run that has to fail with these words and change nothing.
    """

    def refused(*words, options=(), **variables):
        before = sh("sshd -T; ls -l /etc/ssh/sshd_config.d /etc/sudoers.d; cat /etc/passwd")
        done = play(*options, **variables)
        assert done.returncode != 0, done.stdout
        said = " ".join(done.stdout.split())
        for word in words:
            assert word in said, done.stdout
        assert recap(done).get("changed", 0) == 0
        assert sh("sshd -T; ls -l /etc/ssh/sshd_config.d /etc/sudoers.d; cat /etc/passwd") == before

    return refused


BY_PASSWORD = (
    "linux_base_sshd_settings.PasswordAuthentication is no, but this run logs in with a password: "
    "give the host an SSH key"
)


@pytest.mark.parametrize("name", ["ansible_password", "ansible_ssh_pass", "ansible_ssh_password"])
def test_password_is_not_shut_out_by_whatever_name(refused, name):
    refused(BY_PASSWORD, way={name: PASSWORDS["root"]})


def test_password_from_a_file_or_a_prompt_is_not_shut_out(refused, tmp_path):
    (tmp_path / "password").write_text(PASSWORDS["root"])
    refused(BY_PASSWORD, way={}, options=["--connection-password-file", tmp_path / "password"])


def test_root_by_password_is_not_shut_out_where_passwords_are_let_in(refused):
    words = "PermitRootLogin is without-password, but this run logs in as root with a password"
    refused(
        words,
        way={"ansible_password": PASSWORDS["root"]},
        linux_base_sshd_settings={"PasswordAuthentication": "yes"},
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"PermitRootLogin": "no"},
            "PermitRootLogin is no, but this run logs in as root with a key",
        ),
        ({"AllowUsers": ["ada", "eve"]}, "AllowUsers is ada eve, which locks out root"),
        ({"AllowGroups": "sudo"}, "AllowGroups is sudo, which locks out root"),
        ({"Port": 2222}, "Port is 2222, but this run came by port 22: name both, [2222, 22]"),
        ({"ListenAddress": "127.0.0.1"}, "ListenAddress is 127.0.0.1:22, but this run came by"),
        (
            {"PubkeyAuthentication": "no"},
            "PubkeyAuthentication is no, but this run logs in with a key",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_do_not_shut_out_the_run(refused, settings, words):
    refused(words, linux_base_sshd_settings=settings)


@pytest.mark.parametrize(
    ("admin", "words"),
    [
        ({"state": "absent"}, "linux_base_admins removes ada, the user of this run"),
        (
            {
                "ssh_keys": [
                    "ssh-ed25519 " + base64.b64encode(b"another").decode().replace("YW5v", "AAAA")
                ]
            },
            "without the one by which",
        ),
        ({"shell": "/usr/sbin/nologin"}, "the shell /usr/sbin/nologin"),
    ],
)
def test_administrator_of_the_run_is_not_shut_out(refused, key, admin, words):
    way = {
        "ansible_user": "ada",
        "ansible_ssh_private_key_file": str(key),
        "ansible_become_password": PASSWORDS["ada"],
    }
    refused(words, way=way, linux_base_admins=[{"name": "ada", **admin}])


@pytest.fixture(scope="module")
def admins(key):
    """Return the administrators of the host: ada, whose runs need sudo, and eve."""
    public = key.with_suffix(".pub").read_text().strip()
    return [
        {"name": "ada", "ssh_keys": [public]},
        {"name": "eve", "ssh_keys": [public], "sudo": False},
    ]


def test_role_alone_makes_a_base_and_stays_reachable(play, key, admins):
    sh("echo 'ssh-ed25519 AAAA old' >> /home/ada/.ssh/authorized_keys")
    variables = {
        "linux_base_hostname": "web1.example.com",
        "linux_base_packages": ["cron"],
        "linux_base_admins": admins,
        "linux_base_sshd_settings": {"AllowUsers": ["ada", "root", "eve"]},
    }
    assert play("--check", **variables).returncode == 0
    first = play(**variables)
    assert first.returncode == 0, first.stdout[-5000:]
    again = play(**variables)
    assert recap(again)["changed"] == 0, again.stdout[-5000:]
    assert recap(play("--check", **variables))["changed"] == 0
    for who in ("ada", "eve"):
        done = play(
            way={"ansible_user": who, "ansible_ssh_private_key_file": str(key)},
            tasks=[{"ansible.builtin.raw": "id", "become": False}],
        )
        assert done.returncode == 0, done.stdout
    assert "AAAA old" in sh("cat /home/ada/.ssh/authorized_keys.before")
    assert "AAAA old" not in sh("cat /home/ada/.ssh/authorized_keys")
    assert "passwordauthentication no" in sh("sshd -T")
    assert "NOPASSWD" in sh("sudo -l -U ada")
    assert sh("stat --format %U:%a /home/eve/.ssh /home/eve/.ssh/authorized_keys").split() == [
        "eve:700",
        "eve:600",
    ]


def test_settings_that_no_new_login_fits_are_taken_back_by_the_host_itself(play, key, admins):
    before = sh("sshd -T")
    way = {
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": f"{SSH} -o KexAlgorithms=curve25519-sha256",
    }
    settings = {
        "AllowUsers": ["ada", "root", "eve"],
        "KexAlgorithms": "sntrup761x25519-sha512@openssh.com",
    }
    # Time for the run to end, on a busy computer, before they are taken back.
    done = play(
        way=way,
        linux_base_admins=admins,
        linux_base_sshd_settings=settings,
        __linux_base_sshd_seconds=20,
    )
    assert done.returncode != 0
    said = " ".join(done.stdout.split())
    assert "no matching key exchange method found" in said, done.stdout[-3000:]
    assert "The host restores the old ones within 20 seconds." in said
    assert "kexalgorithms sntrup761x25519-sha512@openssh.com" in sh("sshd -T")
    wait_for(lambda: sh("sshd -T") == before, 60)
    # sshd itself reads what was put back a moment later.
    wait_for(lambda: play(way=way, tasks=[{"ansible.builtin.ping": {}}]).returncode == 0, 60)
    # One that fits is confirmed, and nothing is taken back.
    assert play(linux_base_admins=admins, linux_base_sshd_settings=settings).returncode == 0
    assert sh("systemctl list-timers --all | grep foobar-lamp-sshd-back || true") == ""
    assert sh("sshd -T | grep ^kexalgorithms") == "kexalgorithms sntrup761x25519-sha512@openssh.com"
    assert (
        play(
            linux_base_admins=admins,
            linux_base_sshd_settings={"AllowUsers": settings["AllowUsers"]},
        ).returncode
        == 0
    )


FILE = "/etc/ssh/sshd_config.d/10-foobar-lamp.conf"


@pytest.fixture
def before(play, admins):
    """Return what sshd says of its settings before some are tried; they are so again afterwards."""
    variables = {
        "linux_base_admins": admins,
        "linux_base_sshd_settings": {"AllowUsers": ["ada", "root", "eve"]},
    }
    assert play(**variables).returncode == 0
    yield sh("sshd -T")
    assert play(**variables).returncode == 0


def declare(setting):
    """Write another setting into the file, as a run does before sshd reads it;
    returns the digest of the file.
    """
    return sh(f"sed -i '/^MaxAuthTries /d; 1i {setting}' {FILE}; sha256sum {FILE}").split()[0]


def confirm(digest):
    """Return what becomes of it when a run confirms the settings that it declared,
    and what it is told.
    """
    done = run("docker", "exec", NAME, "lamp-sshd", "confirm", digest)
    return done.returncode, done.stderr.strip()


def test_run_confirms_no_settings_of_another(before):
    digest = declare("MaxAuthTries 5")
    sh("lamp-sshd try 600")
    other = declare("MaxAuthTries 6")
    assert confirm(digest) == (1, f"{FILE} has changed since sshd read it.")
    sh("lamp-sshd try 600")
    assert confirm(digest) == (1, "sshd has read other settings than those of this run.")
    assert sh("systemctl is-active foobar-lamp-sshd-back.timer") == "active"
    # Two that declare the same.
    assert [confirm(other), confirm(other)] == [(0, ""), (0, "")]
    assert sh("systemctl list-timers --all | grep foobar-lamp-sshd-back || true") == ""
    sh("lamp-sshd back")
    assert "maxauthtries 6" in sh("sshd -T")


def test_settings_that_came_too_late_are_not_confirmed(before):
    digest = declare("MaxAuthTries 5")
    sh("lamp-sshd try 1")
    wait_for(lambda: sh("sshd -T") == before, 60)
    wait_for(lambda: sh("systemctl list-units --all | grep foobar-lamp-sshd-back || true") == "")
    assert confirm(digest) == (1, "The host has gone back to the settings of before.")


def test_run_says_why_its_settings_are_not_kept(play, admins, before):
    settings = {"AllowUsers": ["ada", "root", "eve"], "MaxAuthTries": 5}
    variables = {"linux_base_admins": admins, "linux_base_sshd_settings": settings}
    done = play(
        **variables, __linux_base_sshd_digest="that of another", __linux_base_sshd_seconds=10
    )
    assert done.returncode != 0
    said = " ".join(done.stdout.split())
    assert (
        "were not confirmed: sshd has read other settings than those of this run. The host restores"
        in said
    ), done.stdout[-3000:]
    wait_for(lambda: sh("sshd -T") == before, 60)


def test_run_that_did_not_come_by_ssh_says_that_no_login_tries_its_settings(play, admins, before):
    settings = {"AllowUsers": ["ada", "root", "eve"], "MaxAuthTries": 5}
    way = {"ansible_connection": "community.docker.docker", "ansible_host": NAME}
    done = play(way=way, linux_base_admins=admins, linux_base_sshd_settings=settings)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "This run did not come to server1 by SSH" in " ".join(done.stdout.split())
    assert "Connect again" not in done.stdout
    assert "maxauthtries 5" in sh("sshd -T")
    assert (
        sh(
            f"cmp {FILE} /var/lib/foobar.lamp/sshd.conf; systemctl list-timers --all | grep "
            f"foobar-lamp-sshd-back || true"
        )
        == ""
    )


def test_server_that_is_not_the_roles_has_nothing_of_it(play, admins, before):
    assert play(linux_base_admins=admins, linux_base_sshd=False).returncode == 0
    left = (
        "ls -d /etc/systemd/system{,/*.wants}/foobar-lamp-sshd* /usr/local/sbin/lamp-sshd "
        "/var/lib/foobar.lamp/sshd.*"
    )
    assert sh(f"{left} {FILE} 2> /dev/null || true") == ""
    again = play(linux_base_admins=admins, linux_base_sshd=False)
    assert recap(again)["changed"] == 0, again.stdout[-3000:]


@pytest.mark.parametrize("mac", ["hmac-sha2-256-etm@openssh.com", "umac-128-etm@openssh.com"])
@pytest.mark.parametrize(
    "exchange", ["mlkem768x25519-sha256", "sntrup761x25519-sha512@openssh.com", "curve25519-sha256"]
)
def test_client_comes_in_by_each_algorithm_that_is_offered(ssh_host, key, exchange, mac):
    words = (
        f"ssh -i {key} {SSH} -o KexAlgorithms={exchange} -o MACs={mac} -o Ciphers=aes256-ctr "
        f"root@{ssh_host} id -un"
    )
    done = run(*words.split())
    if "Unsupported KEX algorithm" in done.stderr or "Bad SSH2 KexAlgorithms" in done.stderr:
        pytest.skip("this computer's SSH is older")
    assert done.stdout.strip() == "root", done.stderr


@pytest.mark.parametrize(
    "option",
    [
        *(
            "KexAlgorithms=ecdh-sha2-nistp256",
            "KexAlgorithms=diffie-hellman-group14-sha256",
            "KexAlgorithms=diffie-hellman-group-exchange-sha256",
        ),
        *(
            "HostKeyAlgorithms=ecdsa-sha2-nistp256",
            "MACs=hmac-sha1",
            "MACs=hmac-sha2-256",
            "MACs=umac-64-etm@openssh.com",
        ),
    ],
)
def test_client_that_has_weak_algorithms_alone_is_refused(ssh_host, key, option):
    done = run(
        *f"ssh -i {key} {SSH} -o Ciphers=aes256-ctr -o {option} root@{ssh_host} id -un".split()
    )
    assert "Unable to negotiate" in done.stderr


def test_block_for_some_logins_is_in_force(play, admins):
    variables = {
        "linux_base_admins": admins,
        "linux_base_sshd_settings": {"AllowUsers": ["ada", "root", "eve"]},
    }
    match = [{"match": "User eve", "settings": {"PasswordAuthentication": True}}]
    assert play(linux_base_sshd_matches=match, **variables).returncode == 0
    assert (
        sh("sshd -T -C user=eve,host=x,addr=192.0.2.9 | grep ^passwordauth")
        == "passwordauthentication yes"
    )
    assert (
        sh("sshd -T -C user=ada,host=x,addr=192.0.2.9 | grep ^passwordauth")
        == "passwordauthentication no"
    )
    assert play(**variables).returncode == 0


def test_timer_that_rotates_logs_runs_again_if_somebody_stopped_it(play, admins):
    sh("systemctl disable --now logrotate.timer")
    assert (
        play(
            linux_base_admins=admins,
            linux_base_sshd_settings={"AllowUsers": ["ada", "root", "eve"]},
        ).returncode
        == 0
    )
    assert sh(
        "systemctl is-active logrotate.timer; systemctl is-enabled logrotate.timer"
    ).split() == ["active", "enabled"]


def test_what_sshd_alone_knows_is_asked_before_it_reads_its_files(refused):
    # The list of before is in the files until they are exchanged.
    refused(
        "AllowUsers is ada eve, which locks out root",
        "The old files are back.",
        linux_base_sshd_settings={"AllowUsers": ["ada", "eve"]},
    )


def test_sudo_of_the_run_is_not_taken_away(refused, key):
    sh("gpasswd --delete ada sudo")
    way = {"ansible_user": "ada", "ansible_ssh_private_key_file": str(key)}
    refused(
        "linux_base_admins leaves ada without sudo", way=way, linux_base_admins=[{"name": "eve"}]
    )


@pytest.mark.parametrize("become", [{}, {"ansible_become_user": "root"}], ids=["", "become_user"])
def test_administrator_s_links_do_not_lead_root(play, key, become):
    sh("install -d -m 700 /srv/canary && rm -rf /home/eve/.ssh && ln -s /srv/canary /home/eve/.ssh")
    way = {"ansible_ssh_private_key_file": str(key), **become}
    done = play(
        way=way,
        linux_base_admins=[
            {
                "name": "eve",
                "ssh_keys": [key.with_suffix(".pub").read_text().strip()],
                "sudo": False,
            }
        ],
    )
    assert done.returncode != 0
    assert sh("stat --format %U:%a /srv/canary; ls -A /srv/canary") == "root:700"
    sh("rm /home/eve/.ssh")


def test_host_knows_its_name():
    assert sh("hostname; hostname --fqdn; getent ahosts web1.example.com | head -n 1").split()[
        :3
    ] == ["web1.example.com"] * 2 + ["127.0.1.1"]


@pytest.mark.parametrize(
    "unit",
    [
        "cron.service",
        "logrotate.timer",
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "dpkg-db-backup.timer",
        "unattended-upgrades",
    ],
)
def test_what_packages_bring_runs_from_the_first_run_on(unit):
    sh(f"systemctl is-active {unit}")


def test_every_enabled_unit_was_tried():
    listed = sh(
        "ls /etc/systemd/system/{multi-user,timers}.target.wants | grep -E '[.](service|timer)$'"
    ).split()
    said = sh(
        f"systemctl show --property=Id,ActiveState,ConditionTimestampMonotonic {' '.join(listed)}"
    )
    assert "ActiveState=inactive\nConditionTimestampMonotonic=0" not in said
    assert "Id=logrotate.timer" in said


HOLD = (
    "import fcntl, sys; file = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(file, 2); "
    "print(flush=True); sys.stdin.read()"
)


@contextlib.contextmanager
def held(seconds):
    """Hold apt's lock for so many seconds, or until the end,
    as the first updates of a new host do.
    """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        ["docker", "exec", "-i", NAME, "python3", "-c", HOLD], **pipes
    ) as process:
        process.stdout.readline()
        timer = threading.Timer(seconds, process.stdin.close)
        timer.start()
        yield
        timer.cancel()


def test_apt_of_others_is_waited_for_by_name(play):
    with held(30):
        done = play(tasks=[{"foobar.lamp.debian_packages": {"name": ["hello"]}}])
    assert done.returncode == 0, done.stdout
    assert re.search(
        r"waiting up to (300|2\d\d) s for python3 -c import fcntl", done.stdout + done.stderr
    )
    assert sh("hello --greeting x") == "x"


# A source of packages of which a version is replaced by the next, as mirrors do it.
REPLACED = r"""set -e
mkdir -p /srv/source/tool/DEBIAN && cd /srv/source
printf 'Package: tool\nVersion: %s\nArchitecture: all\n' "$1" > tool/DEBIAN/control
printf 'Maintainer: A <a@example.org>\nDescription: t\n' >> tool/DEBIAN/control
rm -f *.deb && dpkg-deb --build tool "tool_$1.deb" > /dev/null
exec > Packages
cat tool/DEBIAN/control
stat --printf='Filename: ./%n\nSize: %s\n' "tool_$1.deb"
sha256sum "tool_$1.deb" | sed 's/ .*//; s/^/SHA256: /'
"""


def test_lists_that_name_what_is_gone_are_fetched_anew(play):
    replaced = f"cat > /root/replaced <<'END'\n{REPLACED}END\n"
    sh(
        f"{replaced}bash /root/replaced 1; systemd-run --quiet --unit=source python3 "
        f"-m http.server --directory /srv/source 8765"
    )
    sh("echo 'deb [trusted=yes] http://127.0.0.1:8765 ./' > /etc/apt/sources.list.d/tool.list")
    try:
        wait_for(lambda: "tool" in sh("apt-get update -qq; apt-cache search --names-only '^tool$'"))
        sh("bash /root/replaced 2")
        done = play(tasks=[{"foobar.lamp.debian_packages": {"name": ["tool"]}}])
        assert done.returncode == 0, done.stdout + done.stderr
        assert "once more, with new lists" in " ".join((done.stdout + done.stderr).split())
        assert sh("dpkg-query --show tool").split() == ["tool", "2"]
    finally:
        sh("systemctl stop source; rm /etc/apt/sources.list.d/tool.list; apt-get update -qq")


def test_apt_of_others_that_does_not_end_is_named(play):
    with held(600):
        done = play(tasks=[{"foobar.lamp.debian_packages": {"name": ["sl"], "lock_timeout": 2}}])
    assert done.returncode != 0
    said = " ".join(done.stdout.split())
    assert "apt is locked by python3 -c import fcntl" in said
    assert "has not ended within 2 s: let it end, and run this again." in said


VHOST = (
    "<VirtualHost *:80>\n  ServerName shop.example.org\n  DocumentRoot /srv/shop\n</VirtualHost>\n"
)
OURS = {
    "apache_vhosts": [{"name": "www.example.com", "document_root": "/srv/www"}],
    "bind_zones": [],
}


@pytest.fixture(scope="module")
def old_host(ssh_host):
    """Let the host serve a site and a zone already."""
    sh(f"""set -e
        DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=60 install -qq \\
            --no-install-recommends apache2 bind9 > /dev/null 2>&1
        mkdir -p /srv/shop /srv/www
        printf '{VHOST}' > /etc/apache2/sites-available/shop.conf
        a2ensite -q shop && a2enmod -q proxy
        echo 'zone "example.org" {{ type primary; file "/etc/bind/example.org"; }};' \\
            >> /etc/bind/named.conf.local
        printf '$TTL 300\\n@ SOA ns1 root 1 300 300 300 300\\n NS ns1\\nns1 A 192.0.2.1\\n' \\
            > /etc/bind/example.org
        systemctl reload apache2 named""")


@pytest.mark.parametrize(
    ("role", "words"),
    [
        (
            "apache",
            (
                "This host serves /etc/apache2/sites-enabled/shop.conf (shop.example.org) from "
                "files that this collection has not made."
            ),
        ),
        ("bind", "This host serves example.org from files that this collection has not made."),
    ],
)
def test_host_that_serves_something_is_refused(refused, old_host, role, words):
    refused(words, f"{role}_take_over", roles=[role], **OURS)


@pytest.mark.parametrize(
    ("role", "kept"),
    [("apache", "/etc/apache2/sites-available/shop.conf"), ("bind", "/etc/bind/named.conf.local")],
)
def test_host_that_is_taken_over_keeps_what_was_there(play, old_host, role, kept):
    digest = hashlib.sha256(sh(f"cat {kept}").encode()).hexdigest()
    done = play(roles=[role], **OURS, **{f"{role}_take_over": True})
    assert done.returncode == 0, done.stdout[-3000:]
    before = f"/var/lib/foobar.lamp/before/{role}"
    said = " ".join((done.stdout + done.stderr).split())
    assert f"what was here before is kept in {before}: " in said
    assert kept in said
    assert "mods-enabled" not in said.partition("is kept in")[2].partition(". ")[0]
    assert hashlib.sha256(sh(f"cat {before}{kept}").encode()).hexdigest() == digest
    assert sh("stat --format %a /var/lib/foobar.lamp/before") == "700"
    if role == "apache":
        assert (
            sh(f"readlink {before}/etc/apache2/mods-enabled/proxy.load")
            == "../mods-available/proxy.load"
        )
    again = play(roles=[role], **OURS)
    assert recap(again)["changed"] == 0, again.stdout[-3000:]
    assert "is kept in" not in again.stdout + again.stderr


def test_start_of_the_host_takes_back_what_nobody_confirmed(before):
    """It is the last one: the host keeps its address,
    but not what Docker mounts, such as /etc/resolv.conf.
    """
    declare("MaxAuthTries 5")
    sh("lamp-sshd try 600")
    assert "maxauthtries 5" in sh("sshd -T")
    booted = "systemctl show --property=ActiveEnterTimestampMonotonic basic.target"
    began = sh(booted)
    sh("systemctl soft-reboot")
    wait_for(lambda: run("docker", "exec", NAME, *booted.split()).stdout.strip() not in (began, ""))
    wait_for(
        lambda: (
            run("docker", "exec", NAME, "systemctl", "is-active", "ssh").stdout.strip() == "active"
        )
    )
    assert sh("systemctl list-timers --all | grep foobar-lamp-sshd-back || true") == ""
    assert sh("sshd -T") == before
    unit = "systemctl show --value --property=ExecMainStartTimestampMonotonic"
    assert int(sh(f"{unit} foobar-lamp-sshd")) < int(sh(f"{unit} ssh"))
