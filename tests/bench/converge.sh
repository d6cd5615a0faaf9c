#!/bin/bash
# The floor: what playbooks/site.yml makes of a bare host, by a plain shell script that runs on it once, with the same packages and
# wheels, and without the checks, the undoing and the second run. The application lies in $1, certificates to trust beside it in certs/.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
app=$1
site=www.foobar.com
password=$(tr -dc A-Za-z0-9 < /dev/urandom | head -c 48 || true)
key=$(tr -dc A-Za-z0-9 < /dev/urandom | head -c 48 || true)
address=$(hostname -I | cut -d ' ' -f 1)

# linux_base
mkdir -p /usr/local/share/ca-certificates /etc/ssh/sshd_config.d /etc/systemd/journald.conf.d
cp "$app"/../certs/*.crt /usr/local/share/ca-certificates/ 2> /dev/null || true
apt-get update -qq
apt-get install -qq --no-install-recommends ca-certificates sudo tzdata openssh-server unattended-upgrades mariadb-server \
    python3-pymysql python3-venv python3-packaging apache2 libapache2-mod-wsgi-py3 bind9 bind9-utils python3-dnspython > /dev/null
printf 'PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n' > /etc/ssh/sshd_config.d/10-site.conf
printf '[Journal]\nStorage=persistent\nSystemMaxUse=500M\n' > /etc/systemd/journald.conf.d/site.conf
printf 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n' > /etc/apt/apt.conf.d/52site
ln -sfn /usr/share/zoneinfo/Etc/UTC /etc/localtime
update-ca-certificates > /dev/null
sshd -t
systemctl restart systemd-journald
systemctl reload-or-restart ssh

# mysql
cat > /etc/mysql/mariadb.conf.d/90-site.cnf <<'CNF'
[mysqld]
character_set_server = utf8mb4
collation_server = utf8mb4_unicode_ci
innodb_buffer_pool_size = 1G
skip_name_resolve = 1
CNF
systemctl restart mariadb
mariadb <<SQL
CREATE DATABASE foobar CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE USER foobar@localhost IDENTIFIED BY '$password';
GRANT ALL ON foobar.* TO foobar@localhost;
SQL

# python_app
useradd --system --home-dir /srv/$site --shell /usr/sbin/nologin app
mkdir -p /srv/$site/static
cp -r "$app" /srv/$site/src
python3 -m venv /srv/$site/venv
PIP_CERT=/etc/ssl/certs/ca-certificates.crt /srv/$site/venv/bin/pip install --quiet --no-cache-dir --requirement /srv/$site/src/requirements.txt
export DATABASE_URL="mysql+pymysql://foobar:$password@localhost/foobar?unix_socket=/run/mysqld/mysqld.sock&charset=utf8mb4"
export SECRET_KEY=$key SITE_NAME=$site STATIC_ROOT=/srv/$site/static
(cd /srv/$site/src && ../venv/bin/python -m foobar.assets > /dev/null && ../venv/bin/alembic -q upgrade head)
cat > /srv/$site/wsgi.py <<PY
import os, sys
os.environ |= {"DATABASE_URL": "$DATABASE_URL", "SECRET_KEY": "$SECRET_KEY", "SITE_NAME": "$site", "STATIC_ROOT": "$STATIC_ROOT"}
sys.path.insert(0, "/srv/$site/src")
from foobar.wsgi import application
PY
chown root:app /srv/$site/wsgi.py
chmod 640 /srv/$site/wsgi.py

# apache
cat > /etc/apache2/sites-available/site.conf <<CONF
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
a2enmod -q headers brotli > /dev/null
a2dissite -q 000-default > /dev/null
a2ensite -q site > /dev/null
apache2ctl configtest 2> /dev/null
systemctl restart apache2

# bind, with the records
cat > /var/lib/bind/foobar.com.zone <<ZONE
\$TTL 3600
@ SOA ns1 hostmaster 1 3600 900 1209600 300
@ NS ns1
ns1 A $address
www A $address
@ A $address
ZONE
printf 'zone "foobar.com" { type primary; file "/var/lib/bind/foobar.com.zone"; };\n' > /etc/bind/named.conf.local
named-checkconf
systemctl restart named
python3 -c "import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1/healthz', headers={'Host': '$site'}), timeout=15)"
