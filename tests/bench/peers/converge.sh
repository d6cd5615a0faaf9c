#!/bin/bash
# The floor: what playbooks/site.yml makes of a host, by a plain shell script that runs on it, with the same packages and wheels, and
# without the checks, the undoing and the healing. Run again, it restarts what its files changed. Beside it lie the application in
# app/, certificates to trust in certs/, and settings: site, sites (static ones), database (a host), web (hosts), password, secret_key.
# shellcheck disable=SC2086,SC2154 # the settings, some of them lists of words
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
here=$(dirname "$0")
# shellcheck source=/dev/null
. "$here/settings"
address=$(hostname -I | cut -d ' ' -f 1)
changed="" first=""
# The host that has the database and the name server.
[ "$database" != "$address" ] || first=yes

# put FILE [MODE]: what it reads is what the file shall hold.
put() {
    cat > /run/new
    cmp --silent /run/new "$1" || { install -D -m "${2:-644}" /run/new "$1"; changed=yes; }
}
# changed COMMAND...: runs it if a file changed since the last call.
changed() {
    [ -z "$changed" ] || "$@"
    changed=""
}

# linux_base
packages="ca-certificates sudo tzdata openssh-server unattended-upgrades python3-venv apache2 libapache2-mod-wsgi-py3 brotli"
[ -z "$first" ] || packages="$packages mariadb-server python3-pymysql zstd bind9 bind9-utils python3-dnspython"
mkdir -p /usr/local/share/ca-certificates
for certificate in "$here"/certs/*.crt; do
    [ ! -e "$certificate" ] || put "/usr/local/share/ca-certificates/${certificate##*/}" < "$certificate"
done
if [ "$(dpkg-query --show --showformat '${db:Status-Abbrev}\n' $packages 2> /dev/null | grep -c '^ii')" -ne "$(wc -w <<< "$packages")" ]; then
    apt-get update -qq
    apt-get install -qq --no-install-recommends $packages > /dev/null
fi
changed update-ca-certificates > /dev/null
put /etc/ssh/sshd_config.d/10-site.conf <<< $'PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no'
changed sshd -t
changed systemctl reload-or-restart ssh
put /etc/systemd/journald.conf.d/site.conf <<< $'[Journal]\nStorage=persistent\nSystemMaxUse=500M'
changed systemctl restart systemd-journald
put /etc/apt/apt.conf.d/52site <<< $'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";'
ln -sfn /usr/share/zoneinfo/Etc/UTC /etc/localtime
changed=""

# mysql
if [ -n "$first" ]; then
    put /etc/mysql/mariadb.conf.d/90-site.cnf <<CNF
[mysqld]
bind_address = $([ "$web" = "$address" ] && echo 127.0.0.1 || echo 0.0.0.0)
character_set_server = utf8mb4
collation_server = utf8mb4_unicode_ci
innodb_buffer_pool_size = 1G
skip_name_resolve = 1
log_bin = binlog
CNF
    changed systemctl restart mariadb
    put /usr/local/sbin/backup 755 <<'BACKUP'
#!/bin/sh -e
umask 077
mkdir -p /var/backups/lamp
mariadb-dump --all-databases --single-transaction --flush-logs | zstd --quiet > "/var/backups/lamp/$(date +%F).sql.zst"
find /var/backups/lamp -name '*.zst' -mtime +14 -delete
BACKUP
    put /etc/systemd/system/backup.service <<< $'[Service]\nType=oneshot\nExecStart=/usr/local/sbin/backup'
    put /etc/systemd/system/backup.timer <<< $'[Timer]\nOnCalendar=03:00\nPersistent=yes\n[Install]\nWantedBy=timers.target'
    changed eval 'systemctl daemon-reload && systemctl --quiet enable --now backup.timer'
    {
        echo "CREATE DATABASE IF NOT EXISTS foobar CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;"
        for client in localhost $web; do
            echo "CREATE USER IF NOT EXISTS foobar@'$client' IDENTIFIED BY '$password'; GRANT ALL ON foobar.* TO foobar@'$client';"
        done
    } | mariadb
fi

# python_app
id app > /dev/null 2>&1 || useradd --system --home-dir "/srv/$site" --shell /usr/sbin/nologin app
mkdir -p "/srv/$site/static"
place="$database/foobar?charset=utf8mb4"
[ -z "$first" ] || place="localhost/foobar?unix_socket=/run/mysqld/mysqld.sock&charset=utf8mb4"
export DATABASE_URL="mysql+pymysql://foobar:$password@$place" SECRET_KEY=$secret_key SITE_NAME=$site STATIC_ROOT=/srv/$site/static
if ! diff --recursive --brief --exclude=__pycache__ "$here/app" "/srv/$site/src" > /dev/null 2>&1; then
    rm -rf "/srv/$site/src"
    cp -r "$here/app" "/srv/$site/src"
    python3 -m venv "/srv/$site/venv"
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt "/srv/$site/venv/bin/pip" install --quiet --no-cache-dir --requirement "/srv/$site/src/requirements.txt"
    (cd "/srv/$site/src" && ../venv/bin/python -m foobar.assets > /dev/null && { [ -z "$first" ] || ../venv/bin/alembic -q upgrade head; })
    find "/srv/$site/static" -name '*.css' -exec gzip --force --keep -9 {} + -exec brotli --force --keep {} +
    changed=yes
fi
put "/srv/$site/wsgi.py" 640 <<PY
import os, sys
os.environ |= {"DATABASE_URL": "$DATABASE_URL", "SECRET_KEY": "$SECRET_KEY", "SITE_NAME": "$site", "STATIC_ROOT": "$STATIC_ROOT"}
sys.path.insert(0, "/srv/$site/src")
from foobar.wsgi import application
PY
chown root:app "/srv/$site/wsgi.py"

# apache
put /etc/apache2/sites-available/site.conf <<CONF
<VirtualHost *:80>
    ServerName $site
    ServerAlias foobar.com
    Alias /static/ /srv/$site/static/
    <Directory /srv/$site>
        Require all granted
        Header set Cache-Control "public, max-age=31536000, immutable"
    </Directory>
    WSGIDaemonProcess site user=app group=app processes=2 threads=8 python-home=/srv/$site/venv
    WSGIScriptAlias / /srv/$site/wsgi.py process-group=site application-group=%{GLOBAL}
</VirtualHost>
CONF
ln -sf ../sites-available/site.conf /etc/apache2/sites-enabled/site.conf
for name in $sites; do
    put "/etc/apache2/sites-available/$name.conf" <<CONF
<VirtualHost *:80>
    ServerName $name
    DocumentRoot /srv/static/$name
    <Directory /srv/static/$name>
        Require all granted
    </Directory>
</VirtualHost>
CONF
    ln -sf "../sites-available/$name.conf" "/etc/apache2/sites-enabled/$name.conf"
done
a2enmod -q headers > /dev/null
a2dissite -q 000-default > /dev/null
changed eval 'apache2ctl configtest 2> /dev/null && systemctl restart apache2'

# bind, with the records
if [ -n "$first" ]; then
    records="ns1 A $address"
    for name in @ www $(printf '%s\n' $sites | cut -d . -f 1); do
        for host in $web; do records+=$'\n'"$name A $host"; done
    done
    put /var/lib/bind/foobar.com.zone <<ZONE
\$TTL 3600
@ SOA ns1 hostmaster $(cksum <<< "$records" | cut -d ' ' -f 1) 3600 900 1209600 300
@ NS ns1
$records
ZONE
    put /etc/bind/named.conf.local <<< 'zone "foobar.com" { type primary; file "/var/lib/bind/foobar.com.zone"; };'
    changed eval 'named-checkconf -z > /dev/null && systemctl restart named'
fi

# The database may still be on its way, on another host.
for _ in $(seq 240); do
    ! python3 -c "import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1/healthz', headers={'Host': '$site'}), timeout=15)" \
        2> /dev/null || exit 0
    sleep 0.5
done
exit 1
