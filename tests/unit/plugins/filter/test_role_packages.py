"""The packages of a role that is used alone."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.filter.plan import role_packages


def test_packages_follow_from_what_is_given_and_the_defaults():
    assert role_packages("apache") == ["apache2", "logrotate"]
    assert role_packages("apache", apache_vhosts=[{"name": "a.com", "wsgi": [{}]}]) == ["apache2", "logrotate", "libapache2-mod-wsgi-py3"]
    assert role_packages("mysql", mysql_implementation="mysql")[0] == "mysql-server"
