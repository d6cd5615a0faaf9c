"""What becomes of compose files as people write them."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import compose, interpolation

DJANGO = """
x-app: &app
  build:
    context: .
    dockerfile: docker/Dockerfile
    target: production
    args: {PIP_EXTRA: "1"}
  environment: &environment
    DJANGO_SETTINGS_MODULE: shop.settings.production
    ALLOWED_HOSTS: ${ALLOWED_HOSTS:-localhost,127.0.0.1}
    SECRET_KEY: ${SECRET_KEY:?give it}
    DATABASE_URL: mysql://shop:${DB_PASSWORD}@db:3306/shop
    EMAIL_PASSWORD: ${EMAIL_PASSWORD}
    WORKERS: 2
    DEBUG: false
  volumes:
    - media:/app/media
  depends_on:
    db:
      condition: service_healthy
  restart: unless-stopped

services:
  web:
    <<: *app
    command: gunicorn shop.wsgi:application --bind 0.0.0.0:8000 --workers 2
    ports: ["127.0.0.1:8000:8000"]
    healthcheck:
      test: ["CMD-SHELL", "curl -f http://localhost:8000/healthz || exit 1"]
  worker:
    <<: *app
    command: ["celery", "-A", "shop", "worker", "-l", "info"]
  celery_beat:
    <<: *app
    command: celery -A shop beat
  migrate:
    <<: *app
    command: python manage.py migrate --noinput
    restart: "no"
  db:
    image: mariadb:11.4
    environment:
      MARIADB_DATABASE: shop
      MARIADB_USER: shop
      MARIADB_PASSWORD: ${DB_PASSWORD}
      MARIADB_RANDOM_ROOT_PASSWORD: "yes"
    volumes: [db:/var/lib/mysql]
  nginx:
    image: nginx:1.27-alpine
    ports: ["80:80", "443:443"]
    volumes: ["./nginx.conf:/etc/nginx/conf.d/default.conf:ro"]
    depends_on: [web]
  adminer:
    image: adminer
    profiles: [debug]
    ports: ["8080:8080"]

volumes: {media: {}, db: {}}
"""

FLASK = """
version: "3.8"
services:
  app:
    image: registry.foobar.com/guestbook:${TAG:-1.4}
    expose: [5000]
    environment:
      - FLASK_ENV=production
      - GREETING=costs $$5
"""

UNSUPPORTED = """
services:
  web:
    build: https://example.com/shop.git
    privileged: true
    network_mode: host
    user: "1000"
    env_file: [.env]
    devices: ["/dev/ttyUSB0:/dev/ttyUSB0"]
    gpus: all
    cap_add: [NET_ADMIN]
    security_opt: ["seccomp:unconfined"]
    command: python manage.py runserver 0.0.0.0:8000
    ports: ["8000:8000", "9000:9000"]
    volumes: [".:/app", "/var/run/docker.sock:/var/run/docker.sock", "cache:/cache"]
    environment:
      REDIS_URL: redis://redis:6379/0
      POSTGRES_HOST: postgres
      API_TOKEN: abcdef
      BROKER: amqp://joe:hunter22@elsewhere.foobar.com
      REGION:
    depends_on: [redis, postgres, search]
  redis: {image: "redis:7-alpine"}
  postgres: {image: postgres:16}
  search: {image: "docker.elastic.co/elasticsearch/elasticsearch:8.1"}
"""


def read(text, database="", **given):
    return compose.read(
        yaml.safe_load(text),
        "../shop/compose.yml",
        {"compose": "../shop/compose.yml", **given},
        database,
    )


def test_django_with_mariadb_and_celery():
    found = read(DJANGO, environment={"EMAIL_PASSWORD": "from the vault"})
    assert found.problems == []
    assert found.database == "shop"
    assert found.app == {
        "build": {
            "directory": "../shop",
            "file": "docker/Dockerfile",
            "target": "production",
            "args": {"PIP_EXTRA": "1"},
        },
        "serve": ["gunicorn", "shop.wsgi:application", "--bind", "0.0.0.0:8000", "--workers", "2"],
        "port": 8000,
        "environment": {
            "DJANGO_SETTINGS_MODULE": "shop.settings.production",
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "WORKERS": "2",
            "DEBUG": "false",
            "EMAIL_PASSWORD": "from the vault",
        },
        "volumes": {"/app/media": "media"},
        "health_path": "/healthz",
        "workers": [
            {"name": "worker", "command": ["celery", "-A", "shop", "worker", "-l", "info"]},
            {"name": "celery-beat", "command": ["celery", "-A", "shop", "beat"]},
        ],
        "migrate": ["python", "manage.py", "migrate", "--noinput"],
    }
    said = "\n".join(found.notes)
    assert "the site's database shop takes the place of the service db: it starts empty" in said
    assert "the site sets DATABASE_URL, SECRET_KEY itself" in said
    assert "volumes start empty, below the application's state directory: /app/media" in said
    # A secret that nobody gave is asked for by its name.
    assert read(DJANGO).problems == [
        "../shop/compose.yml: services.web.environment.EMAIL_PASSWORD has no value in the file: "
        "give it in app.environment, from a vault if it is a secret."
    ]


def test_flask_from_a_registry():
    found = read(FLASK)
    assert found.problems == found.notes == []
    assert found.app == {
        "image": "registry.foobar.com/guestbook:1.4",
        "port": 5000,
        "environment": {"FLASK_ENV": "production", "GREETING": "costs $5"},
    }
    assert found.database == ""


@pytest.mark.parametrize(
    "said",
    [
        (
            "services.web.build.context is an address: "
            "give app.build with a directory on this computer."
        ),
        (
            "services.web.privileged has no place here: an application has no rights on the host: "
            "have it do without."
        ),
        (
            "services.web.network_mode has no place here: an application reaches its database "
            "alone: remove it, or give app.network: open."
        ),
        (
            "services.web.user has no place here: "
            "an image is run as its own user: set USER in the Containerfile."
        ),
        "services.web.env_file has no place here: what is in such a file is the user's to keep: "
        "give it in app.environment, secrets from a vault.",
        (
            "services.web.devices has no place here: "
            "an application reaches no devices: have it do without."
        ),
        (
            "services.web.cap_add has no place here: "
            "an application has no capabilities: have it do without."
        ),
        "services.web.gpus has no place here: remove it.",
        "services.web.security_opt has no place here: remove it.",
        "services.web.command is a server for development (python manage.py runserver "
        "0.0.0.0:8000): give app.serve, such as [gunicorn, --bind, 'unix:$SOCKET', 'shop.wsgi'].",
        "services.web.ports has 8000, 9000: give app.port, the one that visitors are for.",
        (
            "services.web.volumes has ., a path of the host's: "
            "copy it into the image, and give app.volumes without it."
        ),
        (
            "services.web.volumes has /var/run/docker.sock, a path of the host's: copy it into the "
            "image, and give app.volumes without it."
        ),
        (
            "services.web.environment.API_TOKEN looks like a secret, which has no place in a file: "
            "give it in app.environment, from a vault."
        ),
        (
            "services.web.environment.BROKER looks like a secret, which has no place in a file: "
            "give it in app.environment, from a vault."
        ),
        (
            "services.web.environment.REGION has no value in the file: give it in app.environment, "
            "from a vault if it is a secret."
        ),
        "services.redis (redis) is what the application depends on by REDIS_URL, and nothing "
        "here runs it: run it elsewhere, give what leads to it in app.environment, and "
        "app.network: open. Debian has it as redis-server, for python_app_packages and "
        "app.services. Then take it out of depends_on.",
        "services.postgres (postgres) is what the application depends on by POSTGRES_HOST, and "
        "the database here is MariaDB or MySQL: move to that, or run it elsewhere, give what "
        "leads to it in app.environment, and app.network: open. Then take it out of depends_on.",
        "services.search (elasticsearch) is what the application depends on, and nothing here "
        "runs it: run it elsewhere, give what leads to it in app.environment, and app.network: "
        "open. Then take it out of depends_on.",
    ],
)
def test_what_has_no_place_is_refused(said):
    assert f"../shop/compose.yml: {said}" in read(UNSUPPORTED).problems


def test_secrets_do_not_show():
    said = "\n".join([*read(UNSUPPORTED).problems, *read(UNSUPPORTED).notes])
    assert "hunter22" not in said
    assert "abcdef" not in said


def test_nothing_else_is_refused():
    assert len(read(UNSUPPORTED).problems) == 19


def test_what_the_site_says_wins_and_is_not_read():
    given = {
        "build": {"directory": "."},
        "serve": ["gunicorn", "--bind", "unix:$SOCKET"],
        "volumes": {},
        "environment": {
            "REDIS_URL": "redis://192.0.2.1",
            "API_TOKEN": "x",
            "BROKER": "y",
            "REGION": "z",
            "POSTGRES_HOST": "192.0.2.2",
        },
    }
    found = read(UNSUPPORTED, **given)
    assert found.app == given
    refused = {problem.split(" ")[1] for problem in found.problems}
    keys = (
        "privileged",
        "network_mode",
        "user",
        "env_file",
        "devices",
        "gpus",
        "cap_add",
        "security_opt",
    )
    assert refused == {*(f"services.web.{key}" for key in keys), "services.search"}


@pytest.mark.parametrize(
    ("text", "given", "said"),
    [
        ("[]", {}, "services is missing"),
        ("services: {web: x}", {}, "services is missing"),
        ("{include: [a.yml], services: {}}", {}, "include names other files"),
        (FLASK, {"service": "web"}, "it has no service web: give app.service one of app."),
        (
            "services: {a: {image: a}, b: {image: b}}",
            {},
            "which service is the application? Give app.service, one of a, b.",
        ),
        (
            "services: {web: {expose: [80]}}",
            {},
            "services.web has neither image nor build: add one.",
        ),
        (
            "services: {web: {image: a}}",
            {},
            "services.web has neither ports nor expose: give app.port, on which it listens.",
        ),
        (
            "services: {web: {image: '${IMAGE}', expose: [80]}}",
            {},
            "services.web.image has ${IMAGE} without a default: give it one",
        ),
        (
            "services: {web: {image: a, ports: [1342]}, w: {image: a}}",
            {},
            "services.w has the image of the application and no command",
        ),
        (
            "services: {web: {image: a, ports: [481342]}}",
            {},
            "services.web.ports has 481342, which is no port: write it in quotes",
        ),
        (
            "services: {web: {image: a, expose: [80], depends_on: [db]}, db: {image: mysql}}",
            {},
            "services.db.environment names no database: give the site's database, beside app.",
        ),
        (
            "services: {web: {image: a, expose: [80], environment: {MYSQL_HOST: db, "
            "MYSQL_PASSWORD: x}},"
            " db: {image: mysql, environment: {MYSQL_DATABASE: a, MYSQL_PASSWORD: x}}}",
            {},
            "services: MYSQL_HOST, MYSQL_PASSWORD leads to db, in whose place is the site's "
            "database: have the application read DATABASE_URL",
        ),
        (
            (
                "services: {web: {image: a, expose: [80], environment: {A: 1}}, "
                "w: {image: a, command: w, environment: {A: 2}}}"
            ),
            {},
            (
                "services.w.environment.A is another than of web: "
                "all have one, so give it in app.environment."
            ),
        ),
    ],
)
def test_refused(text, given, said):
    found = read(text, **given)
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"../shop/compose.yml: {said}")


def test_service_that_migrates_and_goes_on_is_a_worker():
    text = (
        "services: {web: {image: a, expose: [80]}, w: {image: a, command: sh -c 'python manage.py "
        "migrate && celery -A shop worker'}}"
    )
    found = read(text)
    assert "migrate" not in found.app
    assert found.app["workers"] == [
        {"name": "w", "command": ["sh", "-c", "python manage.py migrate && celery -A shop worker"]}
    ]


def test_site_keeps_the_database_that_it_has():
    found = read(DJANGO, "other", environment={"EMAIL_PASSWORD": "x"})
    assert (found.database, found.problems) == ("other", [])


@pytest.mark.parametrize(
    ("port", "number"),
    [
        ("8000", 8000),
        (8000, 8000),
        ("80:8000", 8000),
        ("127.0.0.1:80:8000/tcp", 8000),
        ("[::1]:80:8000", 8000),
        ({"target": 8000}, 8000),
    ],
)
def test_ports(port, number):
    found = compose.read({"services": {"web": {"image": "a", "ports": [port]}}}, "compose.yml", {})
    assert (found.app["port"], found.problems) == (number, [])


@pytest.mark.parametrize(
    ("volume", "found"),
    [
        ("data:/app/data", {"/app/data": "data"}),
        ("data:/app/data/:rw", {"/app/data": "data"}),
        ("/app/node_modules", {"/app/node_modules": "app-node_modules"}),
        ({"type": "volume", "source": "data", "target": "/app/data"}, {"/app/data": "data"}),
        ({"type": "tmpfs", "target": "/run"}, None),
    ],
)
def test_volumes(volume, found):
    said = compose.read(
        {"services": {"web": {"image": "a", "expose": ["80"], "volumes": [volume]}}},
        "compose.yml",
        {},
    )
    assert (said.app.get("volumes"), said.problems) == (found, [])


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", ("plain", [])),
        ("${A:-x}-${B-y}", ("x-y", [])),
        ("${A:-${B:-z}}", ("z", [])),
        ("${A:+x}", ("", [])),
        ("$A ${B} ${C:?why}", ("  ", ["A", "B", "C"])),
        ("$$A ${B:-$$5}", ("$A $5", [])),
        ("100% ${", ("100% ${", [])),
    ],
)
def test_interpolation(text, filled):
    assert interpolation.filled(text) == filled
