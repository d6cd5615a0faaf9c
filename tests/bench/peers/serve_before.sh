#!/usr/bin/env bash
# What has to be there before the site is: Debian's packages, and Apache's settings as the packages ship them. Nothing starts.
set -euo pipefail
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
apt-get update -qq
apt-get install -qq --no-install-recommends apache2 libapache2-mod-wsgi-py3 nginx-light gunicorn openssl wrk > /dev/null
rm /usr/sbin/policy-rc.d
# The site starts what such a policy has kept off. This one is for later, on a port of its own.
systemctl disable --quiet nginx
cp -a /etc/apache2 /etc/apache2-stock
cp -a /etc/nginx /etc/nginx-stock
sed -i 's|/etc/nginx/|/etc/nginx-stock/|; s|/run/nginx.pid|/run/nginx-stock.pid|; s|/var/log/nginx|/var/log/nginx-stock|' /etc/nginx-stock/nginx.conf
mkdir -p /var/log/nginx-stock
# The site removes mod_wsgi.
mkdir -p /opt/bench
cp /usr/lib/apache2/modules/mod_wsgi.so /opt/bench/
sed -i 's|/usr/lib/apache2/modules/mod_wsgi.so|/opt/bench/mod_wsgi.so|' /etc/apache2-stock/mods-available/wsgi.load
# By which the site is served over HTTPS, and where wrk finds its name.
mkdir -p /opt/bench/tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=www.foobar.com -addext subjectAltName=DNS:www.foobar.com \
    -out /opt/bench/tls/chain.pem -keyout /opt/bench/tls/key.pem 2> /dev/null
echo 127.0.0.1 www.foobar.com >> /etc/hosts
