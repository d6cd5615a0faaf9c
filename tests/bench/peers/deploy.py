"""What playbooks/site.yml makes of hosts, as a deploy of pyinfra: its operations where there is
one, a shell command where not.
"""

import io
import json
import os
import pathlib

from pyinfra import host
from pyinfra.operations import apt, files, mysql, pip, server, systemd
from pyinfra.operations.util import any_changed

known = json.loads(pathlib.Path(os.environ["BENCH"]).read_text())
site, database, web, password = (known[name] for name in ("site", "database", "web", "password"))
here = pathlib.Path(known["place"])
first, address = host.data.first, host.data.address
root = f"/srv/{site}"


def put(dest, content, **more):
    """A file with this content."""
    return files.put(name=f"Write {dest}", src=io.StringIO(content), dest=dest, **more)


def restart(service, *after):
    """Restart a service if one of the operations changed something."""
    systemd.service(
        name=f"Restart {service}", service=service, restarted=True, _if=any_changed(*after)
    )


# linux_base
certificates = [
    files.put(
        name=f"Trust {file.name}",
        src=str(file),
        dest=f"/usr/local/share/ca-certificates/{file.name}",
    )
    for file in sorted((here / "certs").iterdir())
]
packages = [
    "ca-certificates",
    "sudo",
    "tzdata",
    "openssh-server",
    "unattended-upgrades",
    "python3-venv",
    "apache2",
    "libapache2-mod-wsgi-py3",
    "brotli",
]
if first:
    packages += [
        "mariadb-server",
        "python3-pymysql",
        "zstd",
        "bind9",
        "bind9-utils",
        "python3-dnspython",
    ]
apt.packages(
    name="Install packages", packages=packages, no_recommends=True, update=True, cache_time=3600
)
server.shell(
    name="Take up the certificates",
    commands=["update-ca-certificates"],
    _if=any_changed(*certificates),
)
sshd = put(
    "/etc/ssh/sshd_config.d/10-site.conf",
    (
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\n"
    ),
)
server.shell(name="Test sshd", commands=["sshd -t"], _if=sshd.did_change)
systemd.service(name="Reload sshd", service="ssh", reloaded=True, _if=sshd.did_change)
files.directory(name="Make journald's directory", path="/etc/systemd/journald.conf.d")
restart(
    "systemd-journald",
    put(
        "/etc/systemd/journald.conf.d/site.conf",
        "[Journal]\nStorage=persistent\nSystemMaxUse=500M\n",
    ),
)
put(
    "/etc/apt/apt.conf.d/52site",
    'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n',
)
files.link(name="Set the time zone", path="/etc/localtime", target="/usr/share/zoneinfo/Etc/UTC")

# mysql
BACKUP = """#!/bin/sh -e
umask 077
mkdir -p /var/backups/lamp
mariadb-dump --all-databases --single-transaction --flush-logs |
    zstd --quiet > "/var/backups/lamp/$(date +%F).sql.zst"
find /var/backups/lamp -name '*.zst' -mtime +14 -delete
"""
if first:
    settings = put(
        "/etc/mysql/mariadb.conf.d/90-site.cnf",
        f"[mysqld]\nbind_address = {'127.0.0.1' if web == [address] else '0.0.0.0'}\n"
        f"character_set_server = utf8mb4\n"
        "collation_server = utf8mb4_unicode_ci\ninnodb_buffer_pool_size = 1G\nskip_name_resolve = "
        "1\nlog_bin = binlog\n",
    )
    restart("mariadb", settings)
    backup = [
        put("/usr/local/sbin/backup", BACKUP, mode="755"),
        put(
            "/etc/systemd/system/backup.service",
            "[Service]\nType=oneshot\nExecStart=/usr/local/sbin/backup\n",
        ),
        put(
            "/etc/systemd/system/backup.timer",
            "[Timer]\nOnCalendar=03:00\nPersistent=yes\n[Install]\nWantedBy=timers.target\n",
        ),
    ]
    systemd.daemon_reload(name="Read the backup's units", _if=any_changed(*backup))
    systemd.service(name="Start the backup's timer", service="backup.timer", enabled=True)
    mysql.database(
        name="Make the database", database="foobar", charset="utf8mb4", collate="utf8mb4_unicode_ci"
    )
    for client in ["localhost", *web]:
        mysql.user(
            name=f"Make the account at {client}",
            user="foobar",
            user_hostname=client,
            password=password,
        )
        mysql.privileges(
            name=f"Grant {client} the database",
            user="foobar",
            user_hostname=client,
            privileges=["ALL"],
            database="foobar",
        )

# python_app
place = (
    "localhost/foobar?unix_socket=/run/mysqld/mysqld.sock&charset=utf8mb4"
    if first
    else f"{database}/foobar?charset=utf8mb4"
)
environment = {
    "DATABASE_URL": f"mysql+pymysql://foobar:{password}@{place}",
    "SECRET_KEY": known["secret_key"],
    "SITE_NAME": site,
    "STATIC_ROOT": f"{root}/static",
}
server.user(  # noqa: S604 # the user's own, who has none
    name="Make the application's user",
    user="app",
    system=True,
    home=root,
    shell="/usr/sbin/nologin",
    create_home=False,
)
files.directory(name="Make the application's directory", path=f"{root}/static")
source = files.sync(
    name="Send the application",
    src=str(here / "app"),
    dest=f"{root}/src",
    exclude_dir=["*/__pycache__"],
)
pip.venv(name="Make its environment", path=f"{root}/venv", python="python3")
pip.packages(
    name="Install what it requires",
    requirements=f"{root}/src/requirements.txt",
    pip=f"{root}/venv/bin/pip",
    extra_install_args="--quiet --no-cache-dir",
    _env={"PIP_CERT": "/etc/ssl/certs/ca-certificates.crt"},
    _if=source.did_change,
)
steps = ["../venv/bin/python -m foobar.assets"] + (
    ["../venv/bin/alembic upgrade head"] if first else []
)
steps.append(
    f"find {root}/static -name '*.css' -exec gzip --force "
    f"--keep -9 {{}} + -exec brotli --force --keep {{}} +"
)
server.shell(
    name="Collect and migrate",
    commands=steps,
    _chdir=f"{root}/src",
    _env=environment,
    _if=source.did_change,
)
wsgi = put(
    f"{root}/wsgi.py",
    (
        f'import os, sys\nos.environ |= {environment!r}\nsys.path.insert(0, "{root}/src")\nfrom '
        f"foobar.wsgi import application\n"
    ),
    group="app",
    mode="640",
)

# apache
sites = {
    site: f"""<VirtualHost *:80>
    ServerName {site}
    ServerAlias foobar.com
    Alias /static/ {root}/static/
    <Directory {root}>
        Require all granted
        Header set Cache-Control "public, max-age=31536000, immutable"
    </Directory>
    WSGIDaemonProcess site user=app group=app processes=2 threads=8 python-home={root}/venv
    WSGIScriptAlias / {root}/wsgi.py process-group=site application-group=%{{GLOBAL}}
</VirtualHost>
"""
} | {
    name: f"""<VirtualHost *:80>
    ServerName {name}
    DocumentRoot /srv/static/{name}
    <Directory /srv/static/{name}>
        Require all granted
    </Directory>
</VirtualHost>
"""
    for name in known["sites"]
}
apache = [source, wsgi]
for name, virtual_host in sites.items():
    apache.append(put(f"/etc/apache2/sites-available/{name}.conf", virtual_host))
    enabled = f"/etc/apache2/sites-enabled/{name}.conf"
    apache.append(
        files.link(name=f"Enable {name}", path=enabled, target=f"../sites-available/{name}.conf")
    )
apache.append(
    files.link(
        name="Enable headers",
        path="/etc/apache2/mods-enabled/headers.load",
        target="../mods-available/headers.load",
    )
)
apache.append(
    files.link(
        name="Disable the default site",
        path="/etc/apache2/sites-enabled/000-default.conf",
        present=False,
    )
)
server.shell(
    name="Test Apache's configuration", commands=["apache2ctl configtest"], _if=any_changed(*apache)
)
restart("apache2", *apache)

# bind, with the records
if first:
    names = ["@", "www", *(name.partition(".")[0] for name in known["sites"])]
    records = "".join(f"{name} A {one}\n" for name in names for one in web)
    named = [
        put(
            "/var/lib/bind/foobar.com.zone",
            (
                f"$TTL 3600\n@ SOA ns1 hostmaster {len(records)} 3600 900 1209600 300\n"
                f"@ NS ns1\nns1 A {address}\n{records}"
            ),
        ),
        put(
            "/etc/bind/named.conf.local",
            'zone "foobar.com" { type primary; file "/var/lib/bind/foobar.com.zone"; };\n',
        ),
    ]
    server.shell(
        name="Test the name server's configuration",
        commands=["named-checkconf -z"],
        _if=any_changed(*named),
    )
    restart("named", *named)

ask = (
    f"import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1/healthz', "
    f"headers={{'Host': '{site}'}}), timeout=15)"
)
server.shell(name="Ask for the site's health", commands=[f'python3 -c "{ask}"'])
