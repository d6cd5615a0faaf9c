"""What follows for the role python_app, and what is wrong with its
inputs, also by what is on the controller's disk.
"""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import model
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import roles

from .example import APP, SITE, facts, inputs_of, problems_of, site_of


@pytest.fixture
def app(tmp_path):
    (tmp_path / "shop.py").write_text("application = None\n")
    (tmp_path / "requirements.txt").write_text("flask\n")
    return {
        "name": "www.foobar.com",
        "source": str(tmp_path),
        "wsgi": "shop:application",
        "requirements": ["requirements.txt"],
    }


def problems(*apps, **more):
    return problems_of("python_app", {"python_app_apps": list(apps), **more})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "/nowhere"}, "source /nowhere, which is not a directory"),
        ({"source": "/nowhere.tar.gz"}, "source /nowhere.tar.gz, which is not a file"),
        ({"source": "/{version}.whl", "version": "7"}, "source /7.whl, which is not a file"),
        (
            {"source": "https://me:hush@example.com/x.zip"},
            "the source https://example.com/x.zip and no checksum",
        ),
        ({"source": "https://example.com/x.zip", "checksum": "md5:0"}, "checksum 'md5:0'"),
        ({"source": ""}, "none of source, requirement, image and build"),
        ({"requirement": "shop==1"}, "source and requirement"),
        (
            {"source": "", "requirement": "shop==1", "project": True},
            "project, which a requirement is anyway",
        ),
        (
            {"source": "", "requirement": "shop==1", "version": "2"},
            "requirement shop==1 and the version 2",
        ),
        ({"requirements": ["x.txt"]}, "requirements x.txt, which is not a file"),
        ({"constraints": ["x.txt"]}, "constraints x.txt, which is not a file"),
        (
            {"constraints": ["/nowhere/x.txt"]},
            "constraints /nowhere/x.txt, which is not a file on this computer",
        ),
        (
            {"source": "git@example.com:shop.git", "constraints": ["/nowhere/x.txt"]},
            "which is not a file on this computer",
        ),
        (
            {"source": "git@example.com:shop.git", "requirements": ["../x.txt"]},
            "the file ../x.txt: give one in the source",
        ),
        ({"wsgi": "shop"}, "wsgi 'shop'"),
        ({"wsgi": "shop:make(1)"}, "or a factory"),
        ({"wsgi": None}, "none of wsgi, asgi and serve: give one of them"),
        ({"asgi": "shop:app"}, "wsgi and asgi: give one of them"),
        (
            {"wsgi": None, "serve": ["gunicorn", "shop:app"]},
            "serve without $SOCKET: give a command that listens on it",
        ),
        ({"threads": 0}, "threads 0: give a number from 1 to 1000"),
        (
            {"restrict": {"ExecStart": "x"}},
            "restrict with 'ExecStart': give what systemd.exec(5) lets",
        ),
        ({"restrict": {"UMask": "0022\nExecStart=x"}}, "restrict with a line break in UMask"),
        ({"user": "Big Name"}, "user 'Big Name'"),
        ({"name": "../x"}, "name '../x'"),
        ({"workers": [{"name": "A b", "command": ["x"]}]}, "worker or timer 'A b'"),
        ({"health_path": "x"}, "health_path 'x'"),
        ({"path": "x"}, "path 'x'"),
        ({"environment": {"A-B": "x"}}, "environment variable 'A-B'"),
        ({"subdirectory": "../x"}, "the subdirectory '../x': give a directory within the source"),
        ({"subdirectory": "gone"}, "the subdirectory gone, which is not a directory in"),
        (
            {"deploy_key": "hush"},
            "deploy_key, which is for a source that is a git repository, not a directory",
        ),
        (
            {"source": "git@example.com:x.git", "deploy_key": "/hush"},
            "deploy_key that is neither a private key nor a file",
        ),
        (
            {"source": "git@example.com:x.git", "deploy_key": "-----BEGIN PUBLIC KEY-----\nhush"},
            "deploy_key that is not a private key",
        ),
        (
            {"source": "git@example.com:x.git", "include": ["dist"]},
            "include, which is for a source that is a directory",
        ),
        (
            {"python": "3"},
            (
                "the python '3': give the path of one on the host, "
                'or a version in quotes such as "3.12"'
            ),
        ),
        ({"backup_before_migrate": True}, "backup_before_migrate and no migrate"),
    ],
)
def test_problems_name_value_and_remedy(app, change, words):
    (problem,) = problems({**app, **change})
    assert words in problem
    assert "hush" not in problem


def test_problem_names_what_the_user_wrote(app):
    (problem,) = problems(
        {**app, "origin": "lamp_sites['www.foobar.com'].app", "source": "/nowhere"}
    )
    assert problem == (
        "lamp_sites['www.foobar.com'].app has the source /nowhere, which is not a directory "
        "on this computer: correct the path."
    )


def test_files_beyond_the_source_have_names_of_their_own(app, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "c.txt").write_text("flask==3.1.3\n")
    paths = [str(tmp_path / name / "c.txt") for name in ("one", "two")]
    assert problems({**app, "constraints": paths[:1]}) == []
    (problem,) = problems({**app, "constraints": paths})
    assert "of the same name beyond its source" in problem


def test_lock_above_the_subdirectory_is_a_problem(app):
    (pathlib.Path(app["source"]) / "backend").mkdir()
    (pathlib.Path(app["source"]) / "poetry.lock").write_text("")
    (problem,) = problems({**app, "requirements": [], "subdirectory": "backend"})
    assert "poetry.lock is above the subdirectory backend, and would not be followed" in problem
    assert (
        problems({**app, "requirements": [], "subdirectory": "backend", "exclude": ["*.lock"]})
        == []
    )


@pytest.mark.parametrize(
    "change", [{}, {"wsgi": "shop:make()"}, {"source": "git@example.com:shop.git", "version": "v1"}]
)
def test_what_is_right_has_no_problem(app, change):
    assert problems({**app, **change}) == []


@pytest.mark.parametrize(
    ("keep", "port", "words"),
    [(1, 80, "python_app_keep_releases is 1"), (2, 0, "python_app_port is 0")],
)
def test_numbers(app, keep, port, words):
    (problem,) = problems(app, python_app_keep_releases=keep, python_app_port=port)
    assert words in problem


def test_two_applications_share_nothing(app):
    text = "\n".join(problems(app, app, {**app, "name": "b", "user": "app-www-foobar-com"}))
    assert "www.foobar.com twice" in text
    assert "which runs www.foobar.com already" in text


def test_problem_with_a_value_does_not_show_it(app):
    (problem,) = problems({**app, "environment": {"KEY": "hush\0hush"}})
    assert "value of KEY that has a NUL character" in problem
    assert "hush" not in problem


def test_value_of_several_lines_is_taken(app):
    assert problems({**app, "environment": {"KEY": "-----BEGIN X-----\nhush\n"}}) == []


def test_value_that_is_null_is_refused(app):
    (problem,) = problems({**app, "environment": {"KEY": None}})
    assert "no value of KEY: give one, or leave it out" in problem


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": "/nowhere.tar"}, "image /nowhere.tar, which is not a file"),
        (
            {"image": None, "build": {"directory": "/nowhere"}},
            "build /nowhere, which is not a directory",
        ),
        ({"build": "."}, "image and build: give one"),
        ({"wsgi": "shop:app"}, "wsgi beside image, but the image has its own server"),
        (
            {"requirements": ["requirements.txt"]},
            "requirements beside image, but what it depends on is in the image",
        ),
        ({"python": "3.12"}, "python beside image"),
        ({"threads": 2}, "threads beside image"),
        ({"restrict": {"PrivateDevices": False}}, "restrict beside image"),
        ({"port": 0}, "port 0: give a port"),
        ({"port": 80, "serve": ["x", "$SOCKET"]}, "port beside a serve with $SOCKET"),
        ({"port": 80, "network": "open"}, "port beside network open"),
        ({"volumes": {"data": "data"}}, "volumes with 'data': give an absolute path"),
        ({"volumes": {"/a/../b": "data"}}, "volumes with '/a/../b'"),
        ({"volumes": {"/data": "../data"}}, "volumes with '../data' for /data"),
        ({"volumes": {"/data": "a:b"}}, "volumes with 'a:b' for /data"),
        ({"cpu_limit": 0}, "cpu_limit 0"),
        ({"static_dir": "static"}, "static_dir 'static': give an absolute path in the image"),
        ({"name": "Shop"}, "a name that no image can have"),
        (
            {"environment": {"DB_HOST": "db.example.com"}},
            "DB_HOST 'db.example.com' in its environment, and network database",
        ),
        ({"environment": {"DB_HOST": "192.0.2.1", "DB_PORT": "x"}}, "DB_PORT 'x': give a number"),
    ],
)
def test_problems_of_images_name_value_and_remedy(change, words):
    (problem,) = problems({"name": "shop", "image": "registry.foobar.com/shop:1.4", **change})
    assert words in problem


@pytest.mark.parametrize(
    ("environment", "database"),
    [
        ({}, {}),
        ({"DB_HOST": "192.0.2.1"}, {"address": "192.0.2.1", "port": 3306}),
        ({"DB_HOST": "2001:db8::1", "DB_PORT": "3307"}, {"address": "2001:db8::1", "port": 3307}),
        ({"DB_HOST": "localhost", "DB_SOCKET": "/run/x/y.sock"}, {"socket": "/run/x/y.sock"}),
        ({"DB_HOST": "/run/x/y.sock"}, {"socket": "/run/x/y.sock"}),
    ],
)
def test_plan_of_an_image_says_where_the_database_is_and_nothing_else_of_its_environment(
    environment, database
):
    app = {
        "name": "shop",
        "image": "shop.tar",
        "environment": {"DB_PASSWORD": "hush", **environment},
    }
    assert problems({**app, "image": "shop:1"}) == []
    found = model.plan(app)
    assert found["container"]["database"] == database
    assert "hush" not in str(found)


APPS = [
    {"name": "a.com", "host": "a.com"},
    {"name": "a.com_x", "host": "a.com"},
    {"name": "b.com", "host": "b.com"},
]


def narrowed(site="", version=""):
    """Return the applications of a deploy of this choice, and what is wrong with that."""
    role, said = (
        roles.ALL["python_app"],
        site_of(web="one", lamp_deploy_site=site, lamp_deploy_version=version),
    )
    inputs = {"python_app_apps": APPS, "python_app_exclusive": True}
    return {**inputs, **role.narrowed(said, inputs)}, role.narrowed_problems(said, inputs)


def test_choice():
    assert narrowed() == ({"python_app_apps": APPS, "python_app_exclusive": True}, [])

    def chosen(*choice):
        inputs, wrong = narrowed(*choice)
        assert wrong == []
        assert inputs["python_app_exclusive"] is False
        return inputs["python_app_apps"]

    assert [app["name"] for app in chosen("a.com")] == ["a.com", "a.com_x"]
    assert [app["name"] for app in chosen("a.com", "2")] == ["a.com"]
    assert chosen("a.com_x", 2) == [{"name": "a.com_x", "host": "a.com", "version": "2"}]
    (problem,) = narrowed("c.com")[1]
    assert "give one of a.com, a.com_x, b.com" in problem
    (problem,) = narrowed("", "2")[1]
    assert "of which site" in problem


def test_version_of_a_directory_that_is_no_repository_is_refused(tmp_path):
    role, said = (
        roles.ALL["python_app"],
        site_of(web="one", lamp_deploy_site="a.com", lamp_deploy_version="v2"),
    )
    inputs = {"python_app_apps": [{"name": "a.com", "host": "a.com", "source": str(tmp_path)}]}
    (problem,) = role.narrowed_problems(said, inputs)
    assert problem.startswith(
        f"lamp_deploy_version is 'v2', and a.com comes "
        f"from {tmp_path}, which is not a git repository"
    )
    (tmp_path / ".git").mkdir()
    assert role.narrowed_problems(said, inputs) == []


def apps_of(sites=None, host="one", **more):
    return inputs_of(
        "python_app",
        site_of(SITE if sites is None else sites, **{"web": "one", "db": "one", **more}),
        host,
    )["python_app_apps"]


def test_application_beside_its_database_goes_through_the_socket():
    (app,) = apps_of()
    assert app["source"] == "/app"
    assert app["user"] == "app-www-foobar-com"
    url = app["environment"]["DATABASE_URL"]
    assert (
        url
        == "mysql+pymysql://shop:p%2Fw%3Ax-is-long@localhost/shop?unix_socket=/run/mysqld/mysqld.sock&charset=utf8mb4"
    )


def test_application_apart_goes_over_the_network():
    (app,) = apps_of(web="one", db="two", hosts={"two": {"lamp_address": "2001:db8::1"}})
    assert (
        "@[2001:db8::1]/shop?ssl_ca=/etc/python_app/database.pem&charset"
        in app["environment"]["DATABASE_URL"]
    )


def with_app(**change):
    return {name: {**site, "app": {**site["app"], **change}} for name, site in SITE.items()}


def test_address_for_django_s_readers_has_no_driver_and_tls_by_a_file():
    (app,) = apps_of(with_app(database_scheme="mysql"))
    assert app["environment"]["DATABASE_URL"].startswith("mysql://shop:")
    assert "database_scheme" not in app
    (app,) = apps_of(
        with_app(database_scheme="mysql"),
        web="one",
        db="two",
        hosts={"two": {"lamp_address": "192.0.2.1"}},
    )
    assert (
        "@192.0.2.1/shop?read_default_file=/etc/python_app/database.cnf&charset"
        in app["environment"]["DATABASE_URL"]
    )


def test_database_is_also_in_variables_of_its_own():
    def parts(**more):
        (app,) = apps_of(**more)
        return {name: value for name, value in app["environment"].items() if name.startswith("DB_")}

    same = {"DB_PORT": "3306", "DB_NAME": "shop", "DB_USER": "shop", "DB_PASSWORD": "p/w:x-is-long"}
    assert parts() == {**same, "DB_HOST": "localhost", "DB_SOCKET": "/run/mysqld/mysqld.sock"}
    apart = parts(web="one", db="two", hosts={"two": {"lamp_address": "192.0.2.1"}})
    assert apart == {**same, "DB_HOST": "192.0.2.1", "DB_SSL_CA": "/etc/python_app/database.pem"}


def test_what_the_user_gives_wins_over_what_follows():
    (app,) = apps_of(with_app(environment={"DB_HOST": "/run/mysqld/mysqld.sock"}))
    assert app["environment"]["DB_HOST"] == "/run/mysqld/mysqld.sock"


def test_backup_before_a_migration_is_taken_where_the_database_is():
    (app,) = apps_of(
        with_app(migrate=["x"], backup_before_migrate=True),
        web="one",
        db="two",
        hosts={"two": {"lamp_address": "192.0.2.1"}},
    )
    assert app["backup_host"] == "two"


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        ("gitea@example.com:acme/shop.git", "gitea@example.com:acme/shop.git"),
        ("../shop", "/shop"),
        ("shop.git", "/inv/shop.git"),
    ],
)
def test_source_that_is_no_address_starts_at_the_inventory(source, taken):
    (app,) = apps_of(with_app(source=source))
    assert app["source"] == taken


def test_application_apart_trusts_the_authorities_of_the_database_hosts():
    def trusted(host, **known):
        said = {"ansible_facts": {"foobar_lamp": facts(**known)}}
        site = site_of(web="one two", db="one", hosts={"one": said})
        return roles.ALL["python_app"].late(site, site.host(host))[
            "python_app_trusted_certificates"
        ]

    assert trusted("two", ca_certificates={"/etc/mysql/tls/ca.pem": "PEM\n"}) == [
        {"name": "database", "content": "PEM"}
    ]
    assert trusted("two") == trusted("two", ca_certificates={}) == []
    assert trusted("one", ca_certificates={"/etc/mysql/tls/ca.pem": "PEM\n"}) == []


def test_applications_under_paths_of_one_site():
    api = {**APP, "memory_limit": 256, "static_dir": "s"}
    first, second = apps_of(
        {"www.foobar.com": {"app": APP, "apps": {"/api": api}, "database": "shop"}}
    )
    assert (second["name"], second["host"], second["path"]) == (
        "www.foobar.com_api",
        "www.foobar.com",
        "/api",
    )
    assert first["user"] != second["user"]
    assert second["memory_limit"] == 256
    assert (first["origin"], second["origin"]) == (
        "lamp_sites['www.foobar.com'].app",
        "lamp_sites['www.foobar.com'].apps['/api']",
    )


def test_files_beyond_the_source_start_where_sources_do():
    files = {"requirements": "r.txt", "constraints": ["../c.txt", "/c/d.txt", "c/e.txt"]}
    (app,) = apps_of({"www.foobar.com": {"app": {**APP, **files}}})
    assert (app["requirements"], app["constraints"]) == (
        ["r.txt"],
        ["/c.txt", "/c/d.txt", "c/e.txt"],
    )


@pytest.mark.parametrize("source", ["git@example.com:shop.git", "https://example.com/shop.tar.gz"])
def test_source_elsewhere_is_no_path(source):
    (app,) = apps_of({"www.foobar.com": {"app": {"source": source, "wsgi": "a:b"}}})
    assert app["source"] == source


def test_application_is_told_all_names_of_its_site():
    (app,) = apps_of()
    assert app["environment"]["SITE_NAMES"] == "www.foobar.com,foobar.com"
    assert app["aliases"] == ["foobar.com"]


def test_environment_of_a_site_wins_over_what_follows():
    (app,) = apps_of(
        {"www.foobar.com": {"app": {**APP, "environment": {"SITE_NAME": "ours", "X": "1"}}}}
    )
    assert app["environment"] == {
        "SECRET_KEY": "k" * 40,
        "SITE_NAME": "ours",
        "SITE_NAMES": "www.foobar.com",
        "X": "1",
    }


@pytest.mark.parametrize(
    ("settings", "socket"),
    [
        ({}, "/run/mysqld/mysqld.sock"),
        ({"mysqld": {}}, "/run/mysqld/mysqld.sock"),
        ({"client": {"socket": "/x"}}, "/run/mysqld/mysqld.sock"),
        ({"mysqld": {"socket": "/run/our db/s"}}, "/run/our%20db/s"),
    ],
)
def test_socket_is_where_the_servers_settings_have_it(settings, socket):
    (app,) = apps_of(hosts={"one": {"mysql_settings": settings}})
    assert f"?unix_socket={socket}&charset" in app["environment"]["DATABASE_URL"]
    (app,) = apps_of(web="one", db="two", hosts={"one": {"mysql_settings": settings}})
    assert "unix_socket" not in app["environment"]["DATABASE_URL"]


def timers_of(site):
    return [
        inputs_of("python_app", site, host.name)["python_app_apps"][0].get("single_timers")
        for host in site.hosts("lamp_web")
    ]


def test_first_web_host_runs_the_timers_of_one_host():
    assert timers_of(site_of(web="one two three", db="one")) == ["here", "elsewhere", "elsewhere"]
    assert timers_of(site_of(web="two one", db="one")) == ["here", "elsewhere"]
    assert timers_of(site_of(web="one", db="one")) == [None]


@pytest.mark.parametrize(
    "left", [{}, {"foobar_lamp": facts(addresses=["192.0.2.2"], asked_by="an earlier run")}]
)
def test_timers_stay_where_they_are_in_a_run_that_has_not_asked_all_web_hosts(left):
    asked = {"ansible_facts": {"foobar_lamp": facts(addresses=["192.0.2.1"], asked_by="this run")}}
    site = site_of(web="one two", db="one", hosts={"one": asked, "two": {"ansible_facts": left}})
    assert (
        inputs_of("python_app", site, "one")["python_app_apps"][0]["single_timers"] == "unchanged"
    )


def test_all_web_hosts_have_the_same_settings():
    """Secrets among them: what one host signs, such as a session, another takes."""
    site = site_of(web="one two", db="three")
    one, two = (
        inputs_of("python_app", site, name)["python_app_apps"][0]["environment"]
        for name in ("one", "two")
    )
    assert one == two
    assert one["SECRET_KEY"] == "k" * 40


@pytest.mark.parametrize(
    ("shared", "mounts", "words"),
    [
        ("mnt/media", None, "media.shared, 'mnt/media', which is not a path"),
        ("/mnt/../media", None, "which is not a path"),
        ("/mnt/my media", None, "which is not a path"),
        ("/home/media", None, "in /home, of which services have their own or see nothing"),
        ("/srv/www.foobar.com/media", None, "in /srv/www.foobar.com, which is the role's own"),
        (
            "/mnt/media",
            {"/": "/dev/vda1", "/mnt/med": "nas:/"},
            "'/mnt/media', on which nothing is mounted on this host",
        ),
    ],
)
def test_directory_that_hosts_cannot_share_is_refused(app, shared, mounts, words):
    (problem,) = problems_of(
        "python_app",
        {"python_app_apps": [{**app, "media": {"shared": shared}}]},
        {"mounts": mounts},
    )
    assert words in problem


@pytest.mark.parametrize("place", ["/mnt/media", "/mnt/media/shop"])
def test_directory_on_a_mount_or_below_is_taken(app, place):
    given = {"python_app_apps": [{**app, "media": {"shared": place}}]}
    assert (
        problems_of("python_app", given, {"mounts": {"/": "/dev/vda1", "/mnt/media": "nas:/media"}})
        == []
    )


def test_version_of_an_image_needs_a_place_in_its_name():
    role, said = (
        roles.ALL["python_app"],
        site_of(web="one", lamp_deploy_site="a.com", lamp_deploy_version="v2"),
    )
    app = {"name": "a.com", "host": "a.com", "image": "registry.foobar.com/shop:v1"}
    (problem,) = role.narrowed_problems(said, {"python_app_apps": [app]})
    assert problem.startswith(
        "lamp_deploy_version is 'v2', "
        "and a.com is an image whose name has no place for it: leave the version out"
    )
    assert (
        role.narrowed_problems(
            said, {"python_app_apps": [{**app, "image": "registry.foobar.com/shop:{version}"}]}
        )
        == []
    )
