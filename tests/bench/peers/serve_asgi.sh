#!/usr/bin/env bash
# Beside the site's ASGI application: nginx (8085) before uvicorn with as many processes, by the same Python, with the same packages.
set -euo pipefail
current=/srv/chat.foobar.com/current
python3 -m venv /opt/bench/pip
/opt/bench/pip/bin/pip --quiet install --target /opt/bench/uvicorn --no-deps uvicorn==0.54.0 uvloop httptools websockets click h11
chmod -R a+rX /opt/bench/uvicorn
processes=$(($(pgrep --full --count 'chat[.]foobar[.]com/.*/serve[.]py') - 1))
systemd-run --quiet --unit uvicorn --working-directory $current/src \
    $current/run env PYTHONPATH=/opt/bench/uvicorn python -m uvicorn --host 127.0.0.1 --port 8095 --workers "$processes" --no-access-log chat:app
cat > /opt/bench/nginx-asgi.conf <<'CONF'
user www-data;
worker_processes auto;
pid /run/nginx-asgi.pid;
events {}
http {
    access_log /var/log/nginx/asgi.log;
    gzip on;
    server {
        listen 8085;
        location / {
            proxy_pass http://127.0.0.1:8095;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }
    }
}
CONF
systemd-run --quiet --unit nginx-asgi nginx -c /opt/bench/nginx-asgi.conf -g 'daemon off;'
python3 /opt/bench/ready.py chat.foobar.com /healthz 80 8085
