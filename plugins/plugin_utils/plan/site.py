# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site: what the inventory says of it and its hosts, and what is
wrong with that. Private to the collection.

Pure: no I/O, no Ansible import. A *site* in the plural is a value of ``lamp_sites`` (see
docs/sites.md).
"""

from __future__ import annotations

import hashlib
import ipaddress
import posixpath
import re
from functools import cached_property

from ansible_collections.foobar.lamp.plugins.plugin_utils.app import model as python_app
from ansible_collections.foobar.lamp.plugins.plugin_utils.common.facts import facts_of
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.accounts import (
    OWN_ACCOUNTS,
    OWN_DATABASES,
)
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import front

#: The secrets of each site.
SECRETS = ("database_password", "secret_key")
#: The group of those that stand before the web hosts.
BALANCERS = "lamp_lb"
#: The group of the database's hosts, and where applications reach the database where these are
#: several.
DATABASE = "lamp_db"
DATABASE_PROXY = "127.0.0.1"
#: The group of the name servers.
NAME_SERVERS = "lamp_dns"
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\Z")
_DATABASE = re.compile(r"[0-9A-Za-z_$-]{1,64}\Z")
_CALLABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\(\))?\Z")
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SCHEME = re.compile(r"(mysql|mariadb)[a-z0-9]*([+-][a-z0-9]+)?\Z")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+\Z")


class UnknownAddressError(ValueError):
    """A host of which neither the inventory nor the host itself has said an address."""


class Host:
    """A host of the inventory.

    ``variables``: what the inventory and the host's facts say, by name.
    """

    def __init__(self, name, groups, variables, somewhere=()):
        self.name = name
        self._somewhere = list(somewhere)
        self.groups = groups
        self._variables = variables
        #: The inputs of roles that the inventory gives the host. Of the host that is planned they
        #: have the right types.
        self.given = variables

    @cached_property
    def facts(self):
        """What host_facts says; nothing of a host that this run has not asked."""
        return facts_of(self._variables)

    @cached_property
    def addresses(self):
        """The addresses under which the world reaches the host, IPv4 before IPv6."""
        found = (
            _list(self._variables.get("lamp_address"))
            or list(self.facts.get("addresses", []))
            or self._somewhere
        )
        if not found:
            raise UnknownAddressError(
                f"No address of host {self.name} is known: run without --limit, or set "
                f"lamp_address for the host."
            )
        return found

    @cached_property
    def peer_addresses(self):
        """The addresses under which the other hosts of the site reach it,
        and from which it comes to them.
        """
        return _list(self._variables.get("lamp_peer_address")) or self.addresses


class Site:
    """Everything that the plan of a host follows from.

    ``values``: the inventory's lamp_* of the right types. ``groups``: ``{group: [host names]}``.
    ``variables_of``: called with a host's name, for its variables. ``secrets``: called once, for
    ``{site name: {secret: value}}``. ``transfer_secret``: likewise, for that of the name servers;
    ``acme_account``: for that of the account with CAs; ``acme_keys``: for those by which web hosts
    prove names, ``{host name: secret}``. ``base``: the directory on the controller that relative
    sources start from.
    """

    def __init__(
        self,
        values,
        groups,
        variables_of,
        secrets=dict,
        transfer_secret=str,
        base="",
        acme_account=str,
        acme_keys=dict,
    ):
        self.values = values
        self.groups = groups
        self.base = base
        #: Whether secrets that nobody has are made and kept; else they are others each time.
        self.makes_secrets = False
        #: What stands for the addresses of a host that the run does not know. Nothing: that is a
        #: problem.
        self.somewhere = []
        self._variables_of = variables_of
        self._secrets = secrets
        self._transfer_secret = transfer_secret
        self._acme_account = acme_account
        self._acme_keys = acme_keys
        self._hosts = {}

    @property
    def domain(self):
        """The domain that the sites belong to."""
        return self.values.get("lamp_domain", "")

    @property
    def sites(self):
        """The sites, by name."""
        return self.values.get("lamp_sites") or {}

    @cached_property
    def secrets(self):
        """The secrets of each site."""
        return self._secrets()

    @cached_property
    def transfer_secret(self):
        """What name servers sign transfers of the zone with."""
        return self._transfer_secret()

    @cached_property
    def acme_account(self):
        """What the key of the account with CAs follows from."""
        return self._acme_account()

    @cached_property
    def acme_keys(self):
        """What each web host signs the records with by which it
        proves the names of its certificates.
        """
        return self._acme_keys()

    def host(self, name):
        """Return the host of this name."""
        if name not in self._hosts:
            groups = [group for group, members in self.groups.items() if name in members]
            self._hosts[name] = Host(name, groups, self._variables_of(name), self.somewhere)
        return self._hosts[name]

    def hosts(self, group, without=""):
        """Return the hosts of a group, but those of the group ``without``."""
        others = self.groups.get(without, ())
        return [self.host(name) for name in self.groups.get(group, ()) if name not in others]

    def position(self, group, host):
        """Return at which place of a group the host stands, from 0:
        the first one does what is done once.
        """
        return self.groups[group].index(host.name)

    def addresses(self, group):
        """Return the addresses under which the world reaches the hosts of a group."""
        return [address for host in self.hosts(group) for address in host.addresses]

    @property
    def primary(self):
        """The name of the host that is the primary name server;
        empty where there are no name servers of our own.
        """
        return primary(self.groups, self.values)

    @property
    def entrance(self):
        """The group whose hosts visitors come to."""
        return entrance(self.groups)

    @property
    def entrances(self):
        """The names of the hosts that visitors come to, and where TLS ends."""
        return entrances(self.groups, self.values)

    @property
    def vip(self):
        """The addresses that one of the balancers has, each with its prefix where one is given;
        none where each has its own alone.
        """
        return _list(self.values.get("lamp_vip"))

    @property
    def visited(self):
        """The addresses under which visitors reach the site."""
        return [address.partition("/")[0] for address in self.vip] or self.addresses(self.entrance)

    @property
    def balanced(self):
        """Whether balancers stand before the web hosts."""
        return self.entrance == BALANCERS

    @property
    def clustered(self):
        """Whether several hosts have the database."""
        return len(self.groups.get(DATABASE, ())) > 1

    @property
    def balancers(self):
        """The addresses from which balancers come to the web hosts."""
        return [address for host in self.hosts(BALANCERS) for address in host.peer_addresses]

    def apps(self):
        """Return ``(site's name, site, path, name, app)`` of each application."""
        return [(name, site, *one) for name, site in self.sites.items() for one in apps(name, site)]


def primary(groups, values):
    """Return the host that is the primary name server, by groups and variables;
    an empty text where there is none of our own.
    """
    servers = groups.get(NAME_SERVERS) or ()
    return (values.get("lamp_dns_primary") or servers[0]) if servers else ""


def entrance(groups):
    """Return the group whose hosts visitors come to, and where TLS ends:
    the balancers, where there are any, else the web hosts.
    """
    return BALANCERS if groups.get(BALANCERS) else "lamp_web"


def entrances(groups, values):
    """Return the names of the hosts that visitors come to, by groups and variables:
    those of the entrance, and behind them the web hosts that visitors still come to.
    """
    first, still = groups.get(entrance(groups), ()), values.get("lamp_still_visited") or ()
    return [
        *first,
        *(name for name in groups.get("lamp_web", ()) if name in still and name not in first),
    ]


def is_address(text):
    """Whether a text is an IP address."""
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _list(value):
    return [value] if isinstance(value, str) else list(value or [])


def database_user(site):
    """Return the name of the account that ``site`` uses:
    its database's, within the length that MySQL allows.
    """
    return site["database"][:32]


def apps(name, site):
    """Return ``(path, name, app)`` of each application of the site ``name``."""
    own = [("/", str(name), site["app"])] if "app" in site else []
    return own + [
        (path, str(name) + str(path).replace("/", "_"), app)
        for path, app in site.get("apps", {}).items()
    ]


def origin(name, path):
    """Return what the inventory calls an application."""
    return f"lamp_sites['{name}'].app" if path == "/" else f"lamp_sites['{name}'].apps['{path}']"


def app_user(name):
    """Return the system user that runs the application of the site
    ``name``, within Linux's 32 characters.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if len(plain) > 28:
        plain = f"{plain[:19]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"app-{plain}"


def _app_problems(where, app):
    if wrong := python_app.made_of_problem(app):
        yield f"{where} has {wrong}"
    given = [key for key in ("wsgi", "asgi", "serve") if app.get(key)]
    if not given and not python_app.is_image(app):
        yield (
            f"{where}.wsgi is missing, and so are asgi and serve: give the module and the "
            f"callable, for instance myapp.wsgi:application."
        )
    elif len(given) > 1:
        yield f"{where}.{given[1]} is set besides {given[0]}: remove one of them."
    for key in ("wsgi", "asgi"):
        if key in app and not _CALLABLE.match(app[key]):
            remedy = (
                f"give the module and the callable in it, for instance myapp.{key}:application."
            )
            yield f"{where}.{key} is {app[key]!r}: {remedy}"
    if app.get("user") == "root":
        yield (
            f"{where}.user is root, but no application may run as root: "
            f"give another user, or leave it out."
        )
    if not _SCHEME.match(app.get("database_scheme", "mysql")):
        yield (
            f"{where}.database_scheme is {app['database_scheme']!r}: give mysql, or with a driver "
            f"for instance mysql+pymysql."
        )
    for key in ("static_url", "health_path"):
        if key in app and not app[key].startswith("/"):
            yield f"{where}.{key} is {app[key]!r}: begin it with a slash."
    for key in app.get("environment", {}):
        if not _ENVIRONMENT.match(key):
            yield (
                f"{where}.environment has the name {key!r}: "
                f"use letters, digits and underscores, no digit first."
            )


def _in_ascii(name):
    """Return the name in ASCII that DNS has for ``name``; empty if that is not certain."""
    try:
        found = name.encode("idna").decode("ascii")
        # Python knows an older rule, by which some letters become others.
        certain = found.encode("ascii").decode("idna") == name.lower()
    except UnicodeError:
        return ""
    return found if certain and _HOSTNAME.match(found) else ""


def _name_problem(name):
    """Return what is wrong with a name of a site, and the remedy: the end of a sentence.

    A name is also a directory, an account and a key, of which each writing is another one.
    """
    if not _HOSTNAME.match(name):
        found = "" if name.isascii() else _in_ascii(name)
        remedy = (
            f"write its ASCII form, {found}."
            if found
            else "use the letters a to z, digits, hyphens and dots, for instance www.foobar.com."
        )
        return f"is no host name: {remedy}"
    if name != name.lower():
        return f"has capital letters: write {name.lower()}."
    return ""


def site_problems(sites):
    """Return what is wrong with ``lamp_sites``, whose types are right:
    a list of sentences, each with variable, value and remedy.

    Not checked here is what only the controller's disk can tell, such as whether an app's source
    exists.
    """
    if not sites:
        return ["lamp_sites is empty: describe at least one site in it, see docs/sites.md."]
    problems = []
    owner, databases, users = {}, {}, {}
    for name, site in sites.items():
        where = f"lamp_sites['{name}']"
        if wrong := _name_problem(name):
            problems.append(f"lamp_sites key {name!r} {wrong}")
        problems.extend(front.problems(where, site, name))
        problems.extend(
            front.error_page_problems(
                f"{where}.error_pages", site.get("error_pages", {}), "app" in site
            )
        )
        if not any(site.get(key) for key in ("app", "apps", "document_root", "redirects")):
            problems.append(
                f"{where} has neither app nor document_root nor redirects: give it an "
                f"application to run, a directory of static files to serve, or redirects."
            )
        for path in site.get("apps", {}):
            if not _PATH.match(path):
                problems.append(
                    f"{where}.apps has the path {path!r}: begin it with a slash, for instance "
                    f"/shop, and end it without one."
                )
        for path, app_name, app in apps(name, site):
            app_where = origin(name, path)
            problems.extend(_app_problems(app_where, app))
            if "media" in app:
                problems.extend(front.media_problems(app_where, path, app["media"]))
            user = app.get("user") or app_user(app_name)
            if users.setdefault(user, app_where) != app_where:
                problems.append(
                    f"{app_where}.user is {user!r}, "
                    f"which already runs {users[user]}: give each its own user."
                )
        if "document_root" in site and not posixpath.isabs(site["document_root"]):
            problems.append(
                f"{where}.document_root is {site['document_root']!r}: give the absolute path of a "
                f"directory on the web host."
            )
        if "database" in site:
            if not _DATABASE.match(site["database"]):
                problems.append(
                    f"{where}.database is {site['database']!r}: use 1 to 64 letters, digits, "
                    f"underscores, hyphens or dollar signs."
                )
            elif site["database"].lower() in OWN_ACCOUNTS | OWN_DATABASES:
                problems.append(
                    f"{where}.database is {site['database']!r}, a name of the server's own: "
                    f"choose another."
                )
            elif site["database"] in databases:
                problems.append(
                    f"{where}.database is {site['database']!r}, which "
                    f"lamp_sites['{databases[site['database']]}'] already has: "
                    f"give each site its own database."
                )
            databases.setdefault(site["database"], name)
        for alias in [name, *site.get("aliases", [])]:
            if wrong := _name_problem(alias):
                if alias != name:
                    problems.append(f"{where}.aliases has {alias!r}, which {wrong}")
            elif owner.setdefault(alias, name) != name:
                problems.append(
                    f"{where} has the name {alias}, which lamp_sites['{owner[alias]}'] "
                    f"already has: give each name to one site."
                )
    return problems


def sharing_problems(sites, groups):
    """Return what is wrong with ``sites`` on as many web hosts as the ``groups`` have:
    a list of sentences.
    """
    hosts, problems = groups.get("lamp_web", ()), []
    if len(hosts) < 2:
        return problems
    for name, site in sites.items():
        if site.get("sticky") and not groups.get(BALANCERS):
            problems.append(
                f"lamp_sites['{name}'].sticky is true, but without balancers nobody keeps a "
                f"visitor on one of {len(hosts)} web hosts: put balancers into {BALANCERS}, or "
                f"remove it and keep sessions in the database."
            )
        problems += [
            f"{origin(name, path)}.media is on {len(hosts)} web hosts, each of which would have "
            f"only some of the files: "
            f"give media.shared, a directory that all of them share, see docs/several_hosts.md."
            for path, _name, app in apps(name, site)
            if "media" in app and not app["media"].get("shared")
        ]
    return problems


def secret_problems(given, sites):
    """Return what is wrong with ``lamp_secrets``, whose types are right:
    a list of sentences. They never hold a value.
    """
    problems = []
    for name, own in given.items():
        where = f"lamp_secrets['{name}']"
        if name not in sites:
            problems.append(
                f"{where} is for a site that lamp_sites does not have: "
                f"correct the name or remove it."
            )
        problems.extend(
            (
                f"{where}.{key} is shorter than 12 characters: "
                f"give a longer one, or remove it to have one made."
            )
            for key, value in own.items()
            if len(value) < 12
        )
    return problems


def removal_problems(sites, site, confirm, database, databases, accounts):
    """Return what is wrong with the variables of playbooks/remove.yml: a list of sentences.

    ``databases`` and ``accounts``: the names that are declared.
    """
    if not _HOSTNAME.match(site):
        return [
            (
                f"lamp_remove_site is {site!r}: give the name of the site whose remains should be "
                f"removed, -e lamp_remove_site=www.foobar.com."
            )
        ]
    problems = []
    if site in sites:
        problems.append(
            f"lamp_remove_site is {site!r}, which lamp_sites has: remove it there and run "
            f"foobar.lamp.site first."
        )
    if confirm != site:
        problems.append(
            f"This removes the files, users, settings and logs of "
            f"{site}{f' and the database {database}' if database else ''} permanently. To "
            f"confirm, add -e lamp_remove_confirm={site}."
        )
    if not database:
        return problems
    if not _DATABASE.match(database) or database.lower() in OWN_ACCOUNTS | OWN_DATABASES:
        problems.append(
            f"lamp_remove_database is {database!r}, which cannot be a site's database: give the "
            f"name of the database that the site had."
        )
    elif database in databases or database_user({"database": database}) in accounts:
        problems.append(
            f"lamp_remove_database is {database!r}, which is declared, or whose account is "
            f"declared: remove it from the inventory first."
        )
    return problems


def is_domain(name):
    """Whether a name is one of a domain: a host name of two labels at least."""
    return bool(_HOSTNAME.match(name)) and "." in name


def domain_problems(domain):
    """Return what is wrong with ``lamp_domain``: a list of sentences."""
    wrong = _name_problem(domain)
    if is_domain(domain) or not domain.isascii():
        return [f"lamp_domain is {domain!r}, which {wrong}"] if wrong else []
    return [
        (
            f"lamp_domain is {domain!r}: give the domain that the sites belong to, for instance "
            f"foobar.com, without a dot at the end."
        )
    ]
