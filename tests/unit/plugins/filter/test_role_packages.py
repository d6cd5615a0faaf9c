"""The packages of a role that is used alone."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.filter.plan import role_packages


def test_packages_follow_from_what_is_given_and_the_defaults():
    assert role_packages("apache") == ["apache2", "logrotate"]
    apps = [{"name": "a.com", "collect": ["x"]}]
    assert role_packages("python_app", python_app_apps=apps, python_app_packages=[]) == [
        "dbus",
        "logrotate",
        "python3-venv",
        "brotli",
    ]
    assert role_packages("mysql", mysql_implementation="mysql")[0] == "mysql-server"
