#!/usr/bin/env bash
# Beside the site, on ports of their own: Debian's Apache with its own settings (8081), nginx before gunicorn with as many processes
# as gunicorn's documentation says (8082), and nginx before gunicorn with the site's processes and threads (8083); that nginx has Debian's
# own settings. The site's own, by the role nginx, is there already (8084).
set -euo pipefail
current=/srv/www.foobar.com/current
user=$(stat --format %U /srv/www.foobar.com/state)
head -c 60000 /dev/urandom > $current/static/photo.jpg

mkdir -p /var/log/apache2-stock
echo 'Listen 8081' > /etc/apache2-stock/ports.conf
cat > /etc/apache2-stock/sites-enabled/000-default.conf <<SITE
<VirtualHost *:8081>
    ServerName www.foobar.com
    ErrorLog \${APACHE_LOG_DIR}/error.log
    CustomLog \${APACHE_LOG_DIR}/access.log combined
    Alias /static/ $current/static/
    <Directory $current>
        Require all granted
    </Directory>
    WSGIDaemonProcess stock user=$user group=$user python-home=$current/venv
    WSGIProcessGroup stock
    WSGIApplicationGroup %{GLOBAL}
    WSGIScriptAlias / /opt/bench/stock.py
    <Directory /opt/bench>
        Require all granted
    </Directory>
</VirtualHost>
SITE
cat > /opt/bench/stock.py <<STOCK
import os, shlex, sys
with open("/etc/python_app/www.foobar.com.env") as file:
    os.environ.update(line.split("=", 1) for line in shlex.split(file.read(), comments=True))
os.environ["STATIC_ROOT"] = "$current/static"
sys.path.insert(0, "$current/src")
from foobar.wsgi import application
STOCK
systemctl start apache2@stock

# Debian's gunicorn, without Debian's other modules of Python.
mkdir -p /opt/bench/gunicorn
cp -r /usr/lib/python3/dist-packages/{gunicorn,packaging} /opt/bench/gunicorn
cores=$(nproc)
gunicorn() {
    systemd-run --quiet --unit "gunicorn-$1" --working-directory $current --setenv PYTHONPATH=/opt/bench/gunicorn \
        $current/run env PYTHONPATH=/opt/bench/gunicorn python -m gunicorn --bind "127.0.0.1:$2" --workers "$3" --threads "$4" foobar.wsgi:application
}
gunicorn processes 8092 $((2 * cores + 1)) 1
# As many as the site has: its processes and their parent.
gunicorn threads 8093 "$(($(pgrep --full --count 'www[.]foobar[.]com/.*/serve[.]py') - 1))" 8

site() {
    cat <<SITE
server {
    listen $1;
    server_name www.foobar.com;
    location /static/ { alias $current/static/; }
    location / {
        proxy_pass http://127.0.0.1:$2;
        proxy_set_header Host \$host;
        proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto \$scheme;
    }
}
SITE
}
rm -f /etc/nginx-stock/sites-enabled/*
{ site 8082 8092 && site 8083 8093; } > /etc/nginx-stock/sites-enabled/site
systemd-run --quiet --unit nginx-stock nginx -c /etc/nginx-stock/nginx.conf -g 'daemon off;'
python3 /opt/bench/ready.py www.foobar.com /readyz 80 8081 8082 8083 8084
