# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from ``lamp_sites``: what is wrong with it, and the inputs of the roles.

Private to the collection. Pure: no I/O, no Ansible import. A *site* is a value of ``lamp_sites`` (see docs/sites.md), *secrets* is
``{site name: {"database_password": str, "secret_key": str}}``, a *host* is the variables of one inventory host.
"""

from __future__ import annotations

import difflib
import hashlib
import posixpath
import re
from urllib.parse import quote

from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.accounts import OWN_ACCOUNTS, OWN_DATABASES

#: The secrets of each site.
SECRETS = ("database_password", "secret_key")
#: What tells Apache how to run an application.
PROCESS_KEYS = (
    "processes",
    "threads",
    "request_timeout",
    "queue_timeout",
    "startup_timeout",
    "graceful_timeout",
    "maximum_requests",
    "restart_interval",
)
#: Apache would refuse memory beyond the limit; the application's own launcher replaces the process.
NUMBERS = (*PROCESS_KEYS, "memory_limit")
#: Where name servers keep what transfers of the zone are signed with.
TRANSFER_KEY = "/etc/bind/keys/lamp-transfer.key"
#: The certificate of the database's authority on web hosts.
DATABASE_AUTHORITY = "/etc/python_app/database.pem"
LAYERS = ("lamp_db", "lamp_dns", "lamp_web")
#: The variables of an inventory that playbooks read.
VARIABLES = (
    "lamp_address",
    "lamp_base_dir",
    "lamp_certificate_authorities",
    "lamp_deploy_site",
    "lamp_deploy_version",
    "lamp_direct",
    "lamp_dns_force",
    "lamp_dns_key",
    "lamp_dns_records",
    "lamp_dns_server",
    "lamp_dnssec_policy",
    "lamp_domain",
    "lamp_new_secrets",
    "lamp_release",
    "lamp_remove_confirm",
    "lamp_remove_database",
    "lamp_remove_site",
    "lamp_secrets",
    "lamp_secrets_dir",
    "lamp_sites",
    "lamp_take_over",
    "lamp_untested_os",
)

_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\Z")
_DATABASE = re.compile(r"[0-9A-Za-z_$-]{1,64}\Z")
_WSGI = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\(\))?\Z")
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+\Z")


def _app_problems(where, app):
    if bool(app.get("source")) == bool(app.get("requirement")):
        yield (
            f"{where}.source is {'there besides' if app.get('source') else 'missing, and so is'} requirement: give one, a directory "
            "on this computer, a git repository, an archive or a wheel, or what pip installs."
        )
    if not _WSGI.match(app.get("wsgi", "")):
        found = f"is {app['wsgi']!r}" if "wsgi" in app else "is missing"
        yield f"{where}.wsgi {found}: give the module and the callable in it, for instance myapp.wsgi:application."
    if app.get("user") == "root":
        yield f"{where}.user is root, as which no application runs: give a user of its own, or leave it out."
    for key in NUMBERS:
        most = 1000 if key in ("processes", "threads") else 10**9
        if key in app and not 1 <= app[key] <= most:
            yield f"{where}.{key} is {app[key]}: give a number from 1 to {most}."
    for key in ("static_url", "health_path"):
        if key in app and not app[key].startswith("/"):
            yield f"{where}.{key} is {app[key]!r}: begin it with a slash."
    for key in app.get("environment", {}):
        if not _ENVIRONMENT.match(key):
            yield f"{where}.environment has the name {key!r}: use letters, digits and underscores, no digit first."


def site_problems(sites):
    """Return what is wrong with ``lamp_sites``, whose types are right: a list of sentences, each with variable, value and remedy.

    Not checked here is what only the controller's disk can tell, such as whether an app's source exists.
    """
    if not sites:
        return ["lamp_sites is empty: describe at least one site in it, see docs/sites.md."]
    problems = []
    owner, databases, users = {}, {}, {}
    for name, site in sites.items():
        where = f"lamp_sites['{name}']"
        if not _HOSTNAME.match(name):
            problems.append(f"{where} is no host name: use letters, digits, hyphens and dots, for instance www.foobar.com.")
        if not site.get("app") and not site.get("apps") and not site.get("document_root"):
            problems.append(
                f"{where} has neither app nor document_root: give it an application to run or a directory of static files to serve."
            )
        for path in site.get("apps", {}):
            if not _PATH.match(path):
                problems.append(f"{where}.apps has the path {path!r}: begin it with a slash, for instance /shop, and end it without one.")
        for path, app_name, app in apps(name, site):
            app_where = _origin(name, path)
            problems.extend(_app_problems(app_where, app))
            user = app.get("user") or app_user(app_name)
            if users.setdefault(user, app_where) != app_where:
                problems.append(f"{app_where}.user is {user!r}, which runs {users[user]} already: give each a user of its own.")
        if "document_root" in site and not posixpath.isabs(site["document_root"]):
            problems.append(f"{where}.document_root is {site['document_root']!r}: give the absolute path of a directory on the web host.")
        if "database" in site:
            if not _DATABASE.match(site["database"]):
                problems.append(
                    f"{where}.database is {site['database']!r}: use 1 to 64 letters, digits, underscores, hyphens or dollar signs."
                )
            elif site["database"].lower() in OWN_ACCOUNTS | OWN_DATABASES:
                problems.append(f"{where}.database is {site['database']!r}, a name of the server's own: choose another.")
            elif site["database"] in databases:
                problems.append(
                    f"{where}.database is {site['database']!r}, which lamp_sites['{databases[site['database']]}'] has already: "
                    "give each site a database of its own."
                )
            databases.setdefault(site["database"], name)
        for alias in [name, *site.get("aliases", [])]:
            if not _HOSTNAME.match(alias):
                if alias != name:
                    problems.append(f"{where}.aliases has {alias!r}, which is no host name: correct or remove it.")
            elif owner.setdefault(alias.lower(), name) != name:
                problems.append(
                    f"{where} answers to {alias}, which lamp_sites['{owner[alias.lower()]}'] does already: give each name to one site."
                )
    return problems


def secret_problems(given, sites):
    """Return what is wrong with ``lamp_secrets``, whose types are right: a list of sentences. They never hold a value."""
    problems = []
    for name, own in given.items():
        where = f"lamp_secrets['{name}']"
        if name not in sites:
            problems.append(f"{where} is for a site that lamp_sites does not have: correct the name or remove it.")
        problems.extend(
            f"{where}.{key} is shorter than 12 characters: give a longer one, or remove it to have one made."
            for key, value in own.items()
            if len(value) < 12
        )
    return problems


def removal_problems(sites, site, confirm, database, databases, accounts):
    """Return what is wrong with the variables of playbooks/remove.yml: a list of sentences.

    ``databases`` and ``accounts``: the names that are declared.
    """
    if not _HOSTNAME.match(site):
        return [f"lamp_remove_site is {site!r}: give the name of the site whose remains are to go, -e lamp_remove_site=www.foobar.com."]
    problems = []
    if site in sites:
        problems.append(f"lamp_remove_site is {site!r}, which lamp_sites has: take it out there and run foobar.lamp.site before this.")
    if confirm != site:
        problems.append(
            f"This removes the files, users, settings and logs of {site}{f' and the database {database}' if database else ''} for good. "
            f"If that is meant, add -e lamp_remove_confirm={site}."
        )
    if not database:
        return problems
    if not _DATABASE.match(database) or database.lower() in OWN_ACCOUNTS | OWN_DATABASES:
        problems.append(f"lamp_remove_database is {database!r}, which is no site's: give the name that was the site's database.")
    elif database in databases or database_user({"database": database}) in accounts:
        problems.append(
            f"lamp_remove_database is {database!r}, which is declared, or whose account is: take it out of the inventory first."
        )
    return problems


def variable_problems(names):
    """Return a sentence for each of the variables ``names`` that begins with ``lamp_`` and is none of ours: it would count for nothing."""
    problems = []
    for name in sorted(name for name in names if name.startswith("lamp_") and name not in VARIABLES):
        near = difflib.get_close_matches(name, VARIABLES, n=1)
        hint = f"did you mean {near[0]}?" if near else "correct or remove it, see docs/sites.md."
        problems.append(f"{name} is not a known variable: {hint}")
    return problems


def variable_doubts(names, inputs):
    """Return a sentence for each of the variables ``names`` that is nearly an input of a role (``inputs``), and may be the user's own."""
    prefixes = tuple({name.partition("_")[0] + "_" for name in inputs})
    return [
        f"{name} is no variable of a role and counts for nothing here: did you mean {near}?"
        for name in sorted(name for name in names if name.startswith(prefixes) and name not in inputs)
        for near in difflib.get_close_matches(name, inputs, n=1, cutoff=0.9)
    ]


def domain_problems(domain):
    """Return what is wrong with ``lamp_domain``: a list of sentences."""
    if _HOSTNAME.match(domain) and "." in domain:
        return []
    return [f"lamp_domain is {domain!r}: give the domain that the sites belong to, for instance foobar.com, without a dot at the end."]


def inventory_summary(groups):
    """Return in a few words which hosts do what: ``"lamp_web: web1, web2; lamp_db: db1"``; long lists as their count."""
    there = {layer: groups[layer] for layer in LAYERS if groups.get(layer)}
    return "; ".join(f"{layer}: {', '.join(hosts) if len(hosts) <= 4 else f'{len(hosts)} hosts'}" for layer, hosts in there.items())


def inventory_problems(groups):
    """Return what is wrong with the inventory's ``groups`` (``{group: [hosts]}``): a list of sentences."""
    problems = []
    placed = {host for layer in LAYERS for host in groups.get(layer, ())}
    for host in groups.get("lamp", ()):
        if host not in placed and host not in groups.get("lamp_lb", ()):
            problems.append(f"Host {host} stands in no group that does something: put it into {', '.join(LAYERS)}, or out of lamp.")
    for host in groups.get("ungrouped", ()):
        problems.append(f"Host {host} stands in no group: put it into one of {', '.join(LAYERS)}, or into a group of its own.")
    for layer in ("lamp_web", "lamp_db"):
        if not groups.get(layer):
            problems.append(f"Group {layer} is empty: put the host that does this part into it.")
    for layer in (*LAYERS, "lamp_lb"):
        for host in groups.get(layer, ()):
            if host not in groups.get("lamp", ()):
                problems.append(f"Host {host} stands in {layer} but not in lamp: make {layer} a child of the group lamp.")
    for layer in ("lamp_db",):
        if len(groups.get(layer, ())) > 1:
            problems.append(
                f"Group {layer} has {len(groups[layer])} hosts ({', '.join(groups[layer])}): this version takes one, leave one in it."
            )
    if groups.get("lamp_lb"):
        problems.append("Group lamp_lb has hosts: this version brings no load balancer, empty the group.")
    return problems


def addresses(hosts):
    """Return the addresses, IPv4 before IPv6, under which the world reaches ``hosts``, in their order.

    A host's ``lamp_address`` (text or list) wins over those that host_facts found.
    Raises ValueError for a host of which neither is known.
    """
    found = []
    for host in hosts:
        given = host.get("lamp_address")
        if given:
            own = [given] if isinstance(given, str) else list(given)
        else:
            own = (host.get("ansible_facts") or {}).get("foobar_lamp", {}).get("addresses", [])
        if not own:
            raise ValueError(
                f"No address of host {host.get('inventory_hostname')} is known: run without --limit, or set lamp_address for the host."
            )
        found.extend(own)
    return found


def database_user(site):
    """Return the name of the account that ``site`` uses: its database's, within the length that MySQL allows."""
    return site["database"][:32]


def with_given(following, given, *names):
    """Return a role input that is a list: what follows from the sites (``following``), and what the inventory gives (``given``) besides.

    Entries are known by the values of the keys ``names``. A given one takes the place of that which follows under the
    same name; the others are added at the end. What is no list of such entries is returned as it is: the role's
    specification says what is wrong with it.
    """
    if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
        return given
    names = names or ("name",)

    def name_of(entry):
        # An account without a host is one of the socket's; no other name has a default.
        return tuple(str(entry.get(name) or {"host": "localhost"}.get(name)).lower() for name in names)

    own = {name_of(entry): entry for entry in given}
    there = {name_of(entry) for entry in following}
    return [own.get(name_of(entry), entry) for entry in following] + [entry for entry in given if name_of(entry) not in there]


def mysql_databases(sites):
    """Return the role input ``mysql_databases``."""
    return [{"name": site["database"]} for site in sites.values() if "database" in site]


def backup_files(sites):
    """Return the role input ``backup_files``: what the applications keep in files."""
    return [
        {"name": app_name, "path": f"/srv/{app_name}/state", "user": app.get("user") or app_user(app_name)}
        for name, site in sites.items()
        for _path, app_name, app in apps(name, site)
    ]


def mysql_users(sites, secrets, clients):
    """Return the role input ``mysql_users``: for each site with a database an account from each of ``clients``.

    ``clients``: the hosts that accounts may come from, ``localhost`` among them where the application shares the database's host. The
    others have to use TLS.
    """
    return [
        {
            "name": database_user(site),
            "host": client,
            "password": secrets[name]["database_password"],
            "databases": [site["database"]],
            "require_tls": client != "localhost",
        }
        for name, site in sites.items()
        if "database" in site
        for client in clients
    ]


def python_app_apps(sites, secrets, database_host, base):
    """Return the role input ``python_app_apps``.

    ``database_host``: the database server's address, or ``localhost`` for its socket. ``base``: the directory on the controller
    that relative sources start from.
    """
    return [
        _python_app(name, app_name, path, app, site, secrets[name], database_host, base)
        for name, site in sites.items()
        for path, app_name, app in apps(name, site)
    ]


def apps(name, site):
    """Return ``(path, name, app)`` of each application of the site ``name``."""
    own = [("/", str(name), site["app"])] if "app" in site else []
    return own + [(path, str(name) + str(path).replace("/", "_"), app) for path, app in site.get("apps", {}).items()]


def site_files(name, site):
    """Return the paths of which a web host has one as soon as it has the site's secrets."""
    names = [app_name for _path, app_name, _app in apps(name, site)]
    return [path for app_name in names for path in (f"/etc/python_app/{app_name}.env", f"/srv/{app_name}/current")]


def _origin(name, path):
    """Return what the inventory calls an application."""
    return f"lamp_sites['{name}'].app" if path == "/" else f"lamp_sites['{name}'].apps['{path}']"


def _python_app(name, app_name, path, app, site, secret, database_host, base):
    role_app = {key: value for key, value in app.items() if key not in (*PROCESS_KEYS, "static_url")}
    role_app |= {"name": app_name, "host": name, "path": path, "user": app.get("user") or app_user(app_name)}
    role_app["origin"], role_app["aliases"] = _origin(name, path), list(site.get("aliases", []))

    def on_controller(file):
        return posixpath.normpath(posixpath.join(base, posixpath.expanduser(file)))

    for key in ("requirements", "constraints"):
        if key in app:
            files = [app[key]] if isinstance(app[key], str) else app[key]
            role_app[key] = [on_controller(file) if str(file).startswith(("/", "./", "../", "~")) else file for file in files]
    source = app.get("source", "")
    if source and "://" not in source and not source.startswith("git@"):
        role_app["source"] = on_controller(source)
    environment = {"SECRET_KEY": secret["secret_key"], "SITE_NAME": name, "SITE_NAMES": ",".join([name, *role_app["aliases"]])}
    if "database" in site:
        environment["DATABASE_URL"] = database_url(site, secret["database_password"], database_host)
    role_app["environment"] = {**environment, **app.get("environment", {})}
    return role_app


def database_url(site, password, host):
    """Return the address of a site's database in the form that SQLAlchemy and Django's helpers read."""
    # A client that is told the authority checks the server's certificate, its names too.
    way = "unix_socket=/run/mysqld/mysqld.sock" if host == "localhost" else f"ssl_ca={DATABASE_AUTHORITY}"
    place = f"[{host}]" if ":" in host else host
    return (
        f"mysql+pymysql://{quote(database_user(site))}:{quote(password, safe='')}@{place}/{quote(site['database'])}?{way}&charset=utf8mb4"
    )


def database_authorities(hosts):
    """Return the role input ``python_app_trusted_certificates``: what database hosts say of their authorities, in one file."""
    facts = [(host.get("ansible_facts") or {}).get("foobar_lamp", {}) for host in hosts]
    found = [text.strip() for one in facts for text in one.get("authorities", {}).values()]
    name = posixpath.basename(DATABASE_AUTHORITY).removesuffix(".pem")
    return [{"name": name, "content": "\n".join(found)}] if found else []


def apache_vhosts(sites):
    """Return the role input ``apache_vhosts``."""
    vhosts = []
    for name, site in sites.items():
        vhost = {"name": name, "aliases": list(site.get("aliases", []))}
        for key in ("document_root", "extra"):
            if key in site:
                vhost[key] = site[key]
        for path, app_name, app in apps(name, site):
            current, user = f"/srv/{app_name}/current", app.get("user") or app_user(app_name)
            wsgi = {
                "name": app_name,
                "path": path,
                "script": f"{current}/wsgi.py",
                "python_home": f"{current}/venv",
                "user": user,
                "group": user,
                **{key: app[key] for key in PROCESS_KEYS if key in app},
            }
            vhost.setdefault("wsgi", []).append(wsgi)
            if "collect" in app or "static_dir" in app:
                url = app.get("static_url", f"{path.rstrip('/')}/static/")
                directory = f"{current}/{app.get('static_dir', 'static')}"
                vhost.setdefault("static", []).append({"url": url, "path": directory, "immutable": "collect" in app, "precompressed": True})
        vhosts.append(vhost)
    return vhosts


def app_user(name):
    """Return the system user that runs the application of the site ``name``, within Linux's 32 characters."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if len(plain) > 28:
        plain = f"{plain[:19]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"app-{plain}"


def bind_zones(domain, name_servers, position, dnssec_policy=None):
    """Return the role input ``bind_zones`` of the name server at ``position``: the first is primary, the others are secondaries.

    ``name_servers``: a list of addresses for each. The keys ``lamp`` (updates) and ``lamp-transfer`` are those of ``bind_keys``.
    """
    zone = {"name": domain}
    if len(name_servers) > 1:
        zone["transfer_key"] = "lamp-transfer"
    if position > 0:
        return [{**zone, "primaries": name_servers[0]}]
    if dnssec_policy:
        zone["dnssec_policy"] = dnssec_policy
    return [
        {
            **zone,
            "nameservers": [{"name": f"ns{number}.{domain}", "addresses": own} for number, own in enumerate(name_servers, 1)],
            "hostmaster": f"hostmaster.{domain}",
            "update_key": "lamp",
            "secondaries": [address for own in name_servers[1:] for address in own],
        }
    ]


def bind_keys(name_servers, position, transfer_secret):
    """Return the role input ``bind_keys`` of the name server at ``position``, of as many as ``name_servers``.

    The key for updates is made on the primary and stays there; that for transfers has to be the same on all.
    """
    transfer = [{"name": "lamp-transfer", "secret": transfer_secret}] if len(name_servers) > 1 else []
    return ([] if position else [{"name": "lamp"}]) + transfer


def dns_records(sites, domain, web, name_servers=(), authorities=(), declared=()):
    """Return the record sets of ``domain``: those that follow from ``sites`` and the inventory, and those that the user ``declared``.

    Names of sites lead to the addresses ``web``; names outside the domain have their records elsewhere. What is declared takes the place
    of what follows under the same name and type.
    """
    records = []
    for site_name, site in sites.items():
        for name in [site_name, *site.get("aliases", [])]:
            if name.lower() == domain.lower() or name.lower().endswith("." + domain.lower()):
                records += _address_records(f"{name}.", web)
    own = {(_absolute(record["name"], domain), str(record["type"]).upper()) for record in declared}
    if name_servers:
        # On somebody else's name server the domain may have mail and more that nobody told us of.
        records += _zone_records(domain, name_servers, authorities, (_absolute("@", domain), "MX") in own)
    return [record for record in records if (_absolute(record["name"], domain), record["type"]) not in own] + list(declared)


def _zone_records(domain, name_servers, authorities, mail):
    """Return the record sets of a zone of our own.

    ``name_servers``: a list of addresses for each. ``authorities``: who may issue certificates. ``mail``: whether the domain has mail; if
    not, it says so.
    """
    names = [f"ns{number}.{domain}." for number in range(1, len(name_servers) + 1)]
    records = [{"name": "@", "type": "NS", "values": names}]
    for name, addresses_of_it in zip(names, name_servers, strict=True):
        records += _address_records(name, addresses_of_it)
    records.append({"name": "@", "type": "CAA", "values": [f'0 issue "{name}"' for name in authorities] or ['0 issue ";"']})
    if not mail:
        records.append({"name": "@", "type": "MX", "values": ["0 ."]})
        records.append({"name": "@", "type": "TXT", "values": ["v=spf1 -all"]})
        records.append({"name": "_dmarc", "type": "TXT", "values": ["v=DMARC1; p=reject"]})
    return records


def _absolute(name, domain):
    name = str(name).lower()
    return name if name.endswith(".") else f"{domain.lower()}." if name == "@" else f"{name}.{domain.lower()}."


def _address_records(name, addresses):
    kinds = {"A": [address for address in addresses if ":" not in address], "AAAA": [address for address in addresses if ":" in address]}
    return [{"name": name, "type": kind, "values": values} for kind, values in kinds.items() if values]
