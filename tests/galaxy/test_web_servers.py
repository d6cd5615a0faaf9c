"""Apache and nginx with the same virtual hosts, asked the same: what they answer is the same but
for what docs/web_servers.md says.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import json
import pathlib
import re
import socket
import ssl
import time

import pytest
from cryptography import x509
from support import load
from support.certificates import authority, certificate
from support.containers import address_of, on_host, remove, run, start
from support.plays import recap
from support.waiting import wait_for

from .users import DOCKER, HOST, IMAGE

WEB = f"{HOST}-web"
#: The port of each server, for HTTP and for HTTPS; and its unit.
PORTS = {"apache": 80, "nginx": 8081}
TLS_PORTS = {"apache": 443, "nginx": 8443}
UNITS = {"apache": "apache2", "nginx": "nginx"}
SITE, ALIAS, PAGES, SHUT, PLACES, GONE = (
    "www.a.test",
    "alias.a.test",
    "pages.a.test",
    "shut.a.test",
    "places.a.test",
    "gone.a.test",
)
BOTH, ALWAYS = "both.a.test", "always.a.test"
#: A site that is called as the host itself.
OWN = "web1"
CERTIFICATES = "/srv/certificates"
#: Of an ACME account.
THUMBPRINT = "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"


def files_of(name):
    """Return the files of a certificate, as virtual hosts name them."""
    return {
        "chain": f"{CERTIFICATES}/{name}/current/fullchain.pem",
        "key": f"{CERTIFICATES}/{name}/current/key.pem",
    }


def tls_of(name):
    """Return the TLS of a site whose certificate browsers may come to trust."""
    return {**files_of(name), "trusted_file": f"{CERTIFICATES}/{name}/trusted"}


SOCKET = "/srv/app.sock"
VHOSTS = [
    {
        "name": SITE,
        "aliases": [ALIAS],
        "tls": tls_of(SITE),
        "static": [
            {"url": "/static/", "path": "/srv/static", "immutable": True, "precompressed": True},
            {"url": "/plain/", "path": "/srv/static"},
        ],
        "media": [{"url": "/media/", "path": "/srv/media"}],
        "redirects": {
            "/old": "/new?a=b%20c",
            "/plain-old": "/new",
            "/blog/": "https://blog.a.test/posts/",
            "/moved/": {"to": "/here/", "status": 308},
            "/static/gone": {"to": "/$1;{x}", "status": 302},
            ALIAS: f"http://{SITE}/",
        },
        "error_pages": [
            {"status": "404", "src": "404.html"},
            {"status": "503", "src": "503.html"},
            {"status": "504", "src": "504.html"},
        ],
        "proxy": [
            {"name": "root", "socket": SOCKET, "timeout": 2},
            {"name": "deep", "path": "/deep", "socket": SOCKET},
        ],
    },
    {"name": PAGES, "document_root": "/srv/pages"},
    {
        "name": SHUT,
        "document_root": "/srv/pages",
        "access": {"users": {"alice": "correct horse battery"}},
        "tls": tls_of(SHUT),
    },
    {"name": OWN, "document_root": "/srv/pages", "tls": tls_of(SITE)},
    {"name": PLACES, "redirects": {"/": f"http://{SITE}/"}, "tls": tls_of(PLACES)},
    {"name": GONE, "proxy": [{"name": "gone", "socket": "/srv/nobody.sock"}], "tls": tls_of(GONE)},
    {
        "name": BOTH,
        "document_root": "/srv/pages",
        "tls": {**files_of(SITE), "redirect": False, "hsts": 0},
    },
    {
        "name": ALWAYS,
        "document_root": "/srv/pages",
        "tls": {**files_of(SITE), "hsts": 60},
        "headers": {
            "X-Frame-Options": None,
            "referrer-policy": "origin",
            "X-Own": 'a "b" \\ 50% $c',
            "X-Number": 0,
        },
    },
]
FILES = f"""
    mkdir -p /srv/static/dir /srv/media /srv/pages/sub
    cd /srv/static
    yes 'body {{ color: red }}' | head -n 200 > app.0123abcd.css && cp app.0123abcd.css app.css
    gzip -k app.0123abcd.css && printf 'not really brotli' > app.0123abcd.css.br
    printf '<svg/>' > a.svg && printf words > 'a b.txt' && printf dots > a..b.txt
    printf '%s' percent > 'a%41.txt' && printf x > LICENSE
    printf 'alert(1)' > x.js && head -c 100000 /dev/zero > zero.png
    printf secret > .htpasswd && ln -s /etc/hostname link.txt
    cd /srv/media && printf '<b>' > a.html && printf x > a.JPG && printf x > a.html.png
    printf x > noname && ln -s /etc/passwd link.txt
    cd /srv/pages && printf '<p>home' > index.html && printf '<p>sub' > sub/index.html
    ln -s /etc/shadow shadow && printf x > .htaccess
    chown -R nobody /srv/pages/sub
    ln -s /etc/hostname sub/lead.txt && chown -h nobody sub/lead.txt
    touch -d 2026-01-02 /srv/static/* /srv/pages/* -h 2> /dev/null || true
    systemd-run --quiet --unit backend python3 /root/backend.py {SOCKET}
"""
PASSWORD = {"Authorization": "Basic " + base64.b64encode(b"alice:correct horse battery").decode()}


@pytest.fixture(scope="module")
def web(user):
    """Start a host with both servers, the role of each used alone, and an application."""
    start(WEB, "web1", IMAGE)
    for status in ("404", "503", "504"):
        (user.place / f"{status}.html").write_text(f"<p>our page for {status}")
    for name in (SITE, SHUT, PLACES, GONE, "_default"):
        place(name, *certificate(name, ALIAS, kind="rsa" if name == SHUT else "ec"))
    backend = (pathlib.Path(__file__).parent / "backend.py").read_text()
    run("docker", "exec", "-i", WEB, "tee", "/root/backend.py", input=backend, check=True)
    on_host(WEB, FILES, check=True)
    for name, roles in {
        "web": ["apache", "nginx"],
        "apache": ["apache"],
        "nginx": ["nginx"],
    }.items():
        work = {
            "hosts": "all",
            "become": True,
            "gather_facts": False,
            "roles": [f"foobar.lamp.{role}" for role in roles],
        }
        (user.place / f"{name}.yml").write_text(json.dumps([work]))
    # As playbooks/tasks/maintenance.yml does it.
    source = (
        f"{user.place}/collections/ansible_collections/foobar/lamp/playbooks/templates/"
        f"maintenance.{{{{ __server }}}}.conf.j2"
    )
    close = {
        "name": "Close",
        "ansible.builtin.template": {"src": source, "dest": "{{ __dest }}", "mode": "0644"},
    }
    said = {
        "__closed_name": "restore",
        "__closed_by": "A test",
        "__closed_names": [],
        "__closed_local": False,
    }
    said |= {
        "__closed_seconds": 9,
        "__closed_words": "Closed for a test.",
        "__plan": {"web": {"vhosts": VHOSTS}},
    }
    play_of = {
        "hosts": "all",
        "become": True,
        "gather_facts": False,
        "vars": said,
        "tasks": [close],
    }
    (user.place / "close.yml").write_text(json.dumps([play_of]))
    inventory = {"all": {"hosts": {"web1": {"ansible_host": WEB, **DOCKER}}}}
    given = {"nginx_listen": [PORTS["nginx"]], "nginx_tls_listen": [TLS_PORTS["nginx"]]}
    for role in PORTS:
        given |= {
            f"{role}_vhosts": VHOSTS,
            f"{role}_default_tls": files_of("_default"),
            f"{role}_acme_thumbprint": THUMBPRINT,
        }

    def play(*options, playbook="web", **more):
        return user.play(
            *options, inventory=inventory, playbook=f"{playbook}.yml", **{**given, **more}
        )

    done = play()
    assert done.returncode == 0, done.stdout[-3000:]
    assert "correct horse" not in done.stdout
    yield play
    remove(WEB)


def place(name, chain, key, serial):
    """Put a certificate in the place of the one that is served under a name, as at a renewal."""
    there = f"{CERTIFICATES}/{name}/by-serial/{serial}"
    on_host(WEB, f"mkdir -p {there} && cat > {there}/fullchain.pem", input=chain, check=True)
    on_host(WEB, f"umask 077 && cat > {there}/key.pem", input=key, check=True)
    on_host(
        WEB,
        f"cd {CERTIFICATES}/{name} && ln -s by-serial/{serial} new && mv -T new current",
        check=True,
    )


def connected(server, name, tls=True, **options):
    """Return a connection to a server, as one who asks for a name: by TLS,
    whoever signed the certificate, or without.
    """
    plain = socket.create_connection(
        (address_of(WEB), (TLS_PORTS if tls else PORTS)[server]), timeout=30
    )
    return context(**options).wrap_socket(plain, server_hostname=name or None) if tls else plain


def context(versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3), ciphers="DEFAULT", alpn=()):
    """Return how a visitor speaks TLS."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    made.minimum_version, made.maximum_version = versions[0], versions[-1]
    if alpn:
        made.set_alpn_protocols(alpn)
    return made


def answered(server, target, host=SITE, method="GET", body=None, tls=False, **headers):
    """Return status, headers, each by its name and value, and body of an answer."""
    connection = http.client.HTTPConnection(address_of(WEB))
    connection.sock = connected(server, host.partition(":")[0], tls)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": host, **headers}.items():
            connection.putheader(name.replace("_", "-"), value)
        if isinstance(body, list):
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders(body, encode_chunked=True)
        else:
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
        answer = connection.getresponse()
        return (
            answer.status,
            [(name.lower(), value) for name, value in answer.getheaders()],
            answer.read(),
        )
    finally:
        connection.close()


def asked(server, target, **given):
    """Return status, headers and body of an answer, as far as they have to be the same."""
    status, headers, body = answered(server, target, **given)
    return status, dict(headers), body


#: Headers that say who answers and how, and not what.
HOW = {"server", "date", "connection", "keep-alive", "transfer-encoding", "accept-ranges", "allow"}
#: What counts of a redirect, of what is not modified, and of an error that the server itself tells.
OF_ANSWERS = {"location"}, {"etag", "cache-control"}, {"www-authenticate", "retry-after"}


def comparable(answer, host):
    """Return an answer without what each server says in its own way."""
    status, headers, body = answer
    said = {name: value for name, value in headers.items() if name not in HOW}
    if said.get("content-encoding") == "gzip" and body:
        body = gzip.decompress(body)
    if "content-encoding" not in said:
        # Said by one where there may be such an answer, by the other where there is one.
        said.pop("vary", None)
    if "etag" in said:
        said["etag"] = "weak" if said["etag"].startswith("W/") else "strong"
    if "location" in said:
        # Of a directory without its slash: from the root, or whole.
        said["location"] = re.sub(f"^https?://{re.escape(host)}(:\\d+)?/", "/", said["location"])
    if said.get("content-type", "").startswith("application/json"):
        body = json.loads(body or b"{}")
        for name in ("connection", "x-request-start"):
            body.get("headers", {}).pop(name, None)
        said.pop("content-length", None)
        return status, said, body
    if b"our page" in body:
        return (
            status,
            {name: said.get(name) for name in ("content-type", "content-length", "cache-control")},
            body,
        )
    if status >= 300:
        counts = OF_ANSWERS[2 if status >= 400 else 1 if status == 304 else 0]
        return status, {name: value for name, value in said.items() if name in counts}, None
    return status, said, body


CSS = "/static/app.0123abcd.css"
#: Requests that both answer in the same way: target, and what else is given to asked().
SAME = {
    "application": ("/",),
    "address as it is": ("/a%2Fb%20c/%2e%2e/d..e/%25?x=%20&y=/../z",),
    "address with dots": ("/a/./b/../c",),
    "encoded letter": ("/%61",),
    "encoding that is none": ("/%zz",),
    "path out of the root": ("/../../etc/passwd",),
    "application under a path": ("/deep",),
    "application below a path": ("/deep/a%2Fb",),
    "name that begins like a path": ("/deeper",),
    "query without path": ("/?",),
    "HEAD": ("/", {"method": "HEAD"}),
    "OPTIONS of an application": ("/", {"method": "OPTIONS"}),
    "DELETE": ("/x", {"method": "DELETE"}),
    "TRACE": ("/", {"method": "TRACE"}),
    "body": ("/", {"method": "POST", "body": b"12345"}),
    "empty body": ("/", {"method": "POST", "body": b""}),
    "large body": ("/", {"method": "PUT", "body": bytes(300_000)}),
    "body in chunks": ("/", {"method": "POST", "body": [b"123", b"45" * 20_000]}),
    "credentials of the application": ("/", PASSWORD),
    "forged headers": (
        "/",
        {
            "X_Forwarded_For": "6.6.6.6",
            "X_Forwarded_Host": "evil",
            "X_Real_IP": "6.6.6.6",
            "X_Remote_User": "root",
            "Forwarded": "for=6.6.6.6",
        },
    ),
    "other headers": ("/", {"X_Own": "kept", "Cookie": "a=b; c=d", "Accept_Encoding": "gzip;q=0"}),
    "compressed page": ("/", {"Accept_Encoding": "gzip"}),
    "upgrade that is no WebSocket": ("/", {"Connection": "Upgrade", "Upgrade": "h2c"}),
    "name with a port": ("/", {"host": f"{SITE}:8080"}),
    "name in capitals": (CSS, {"host": SITE.upper()}),
    "status of the application": ("/say/404/",),
    "failure of the application": ("/say/500/",),
    "unavailable by its own word": ("/say/503/",),
    "redirect of the application": ("/say/302/",),
    "nothing more": ("/say/204/",),
    "application that breaks off": ("/break/",),
    "application that is not there": ("/", {"host": GONE}),
    "file": ("/plain/app.css",),
    "file, HEAD": ("/plain/app.css", {"method": "HEAD"}),
    "file with a digest": (CSS,),
    "file without": ("/static/app.css",),
    "file by gzip": (CSS, {"Accept_Encoding": "gzip"}),
    "file by Brotli": (CSS, {"Accept_Encoding": "gzip, deflate, br"}),
    "file by gzip, HEAD": (CSS, {"Accept_Encoding": "gzip", "method": "HEAD"}),
    "file that is compressed by its nature": ("/static/zero.png", {"Accept_Encoding": "gzip, br"}),
    "picture": ("/static/a.svg",),
    "file without a suffix": ("/static/LICENSE",),
    "space": ("/static/a%20b.txt",),
    "dots in a name": ("/static/a..b.txt",),
    "percent in a name": ("/static/a%2541.txt",),
    "path with dots": ("/static/dir/../a.svg",),
    "path with encoded dots": ("/static/%2e%2e/static/a.svg",),
    "path out of the directory": ("/static/../../etc/passwd",),
    "slashes before a file": ("//static//a.svg",),
    "link in static files": ("/static/link.txt",),
    "range": ("/plain/zero.png", {"Range": "bytes=10-19"}),
    "end of a file": ("/plain/zero.png", {"Range": "bytes=-5"}),
    "range beyond the end": ("/plain/zero.png", {"Range": "bytes=200000-"}),
    "not modified since": (
        "/plain/app.css",
        {"If_Modified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    ),
    "modified since": ("/plain/app.css", {"If_Modified_Since": "Fri, 02 Jan 1998 00:00:00 GMT"}),
    "another tag": ("/plain/app.css", {"If_None_Match": '"x"'}),
    "any tag": ("/plain/app.css", {"If_None_Match": "*"}),
    "precondition that fails": ("/plain/app.css", {"If_Match": '"x"'}),
    "missing file": ("/static/missing.css",),
    "missing file, compressed": ("/static/missing.css", {"Accept_Encoding": "br, gzip"}),
    "file as a directory": ("/static/app.css/x",),
    "hidden file of a server": ("/plain/.htpasswd",),
    "picture of a visitor": ("/media/a.JPG",),
    "page of a visitor": ("/media/a.html",),
    "picture by two suffixes": ("/media/a.html.png",),
    "file of a visitor without a suffix": ("/media/noname",),
    "missing file of a visitor": ("/media/missing",),
    "link of a visitor": ("/media/link.txt",),
    "beside media": ("/media",),
    "home page": ("/", {"host": PAGES}),
    "page below": ("/sub/", {"host": PAGES}),
    "directory without its slash": ("/sub", {"host": PAGES}),
    "missing page": ("/missing", {"host": PAGES}),
    "link to what is another's": ("/shadow", {"host": PAGES}),
    "link of another": ("/sub/lead.txt", {"host": PAGES}),
    "file of a server's rules": ("/.htaccess", {"host": PAGES}),
    "redirect": ("/old",),
    "redirect that has a query": ("/old?x=y",),
    "redirect with the visitor's query": ("/plain-old?x=y%20z",),
    "redirect of all below": ("/blog/a%20b/c?d=e",),
    "redirect of the path itself": ("/blog/",),
    "redirect of another method": ("/moved/x", {"method": "POST", "body": b"x"}),
    "redirect written in another way": ("/%62log/x",),
    "redirect with signs": ("/static/gone",),
    "path that is like one": ("/older",),
    "redirect of a name": ("/any/path?x", {"host": ALIAS}),
    "redirect of a site": ("/any/path?x", {"host": PLACES}),
    "unknown name": ("/", {"host": "nobody.test"}),
    "unknown name, file": (CSS, {"host": "nobody.test"}),
    "no name": ("/", {"host": ""}),
    "page for an error itself": ("/.error-pages/404.html",),
    "nobody": ("/", {"host": SHUT}),
    "who knows the password": ("/", {"host": SHUT, **PASSWORD}),
    "who does not": ("/", {"host": SHUT, "Authorization": "Basic YWxpY2U6eA=="}),
    "who knows no name": ("/", {"host": SHUT, "Authorization": "Basic Ym9iOng="}),
    "who says that he comes from the host": ("/", {"host": SHUT, "X_Forwarded_For": "127.0.0.1"}),
    "missing page behind a password": ("/missing", {"host": SHUT}),
}


@pytest.mark.parametrize("name", SAME)
def test_both_servers_answer_the_same(web, name):
    target, *more = SAME[name]
    given = more[0] if more else {}
    host = given.get("host", SITE)
    apache, nginx = (comparable(asked(server, target, **given), host) for server in PORTS)
    assert apache == nginx


@pytest.mark.parametrize("server", PORTS)
@pytest.mark.parametrize("name", SAME)
def test_server_answers_the_same_by_https(web, name, server):
    target, *more = SAME[name]
    given = more[0] if more else {}
    host = given.get("host", SITE)
    # Without a certificate there is nothing but HTTP.
    if host == PAGES:
        assert asked(server, target, tls=True, **given)[0] == 404
        return
    plain, secure = (
        comparable(asked(server, target, tls=tls, **given), host) for tls in (False, True)
    )
    for answer, scheme in ((plain, "http"), (secure, "https")):
        if isinstance(answer[2], dict) and answer[2]:
            assert answer[2]["headers"].pop("x-forwarded-proto") == scheme
    assert secure == plain


#: What docs/web_servers.md tells apart, with the status of each.
DIFFERENT = {
    "OPTIONS of a file": ("/plain/app.css", {"method": "OPTIONS"}, 200, 405),
    "directory": ("/static/dir/", {}, 404, 403),
    "zero byte": ("/a%00b", {}, 404, 400),
    "encoded path out of the directory": ("/static/..%2f..%2fetc/passwd", {}, 404, 400),
    "application that says nothing": ("/slow/", {}, 502, 504),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_servers_differ_where_it_is_said(web, name):
    target, given, *statuses = DIFFERENT[name]
    assert [asked(server, target, **given)[0] for server in PORTS] == statuses


@pytest.mark.parametrize(("server", "target"), [("apache", "/a/b"), ("nginx", "//a///b")])
def test_slashes_are_merged_by_apache_alone(web, server, target):
    assert json.loads(asked(server, "//a///b")[2])["target"] == target


@pytest.mark.parametrize(("server", "name"), [("apache", SITE.upper()), ("nginx", SITE)])
def test_capitals_of_a_name_are_kept_by_apache_alone(web, server, name):
    assert json.loads(asked(server, "/", host=SITE.upper())[2])["headers"]["host"] == name


@pytest.mark.parametrize("server", PORTS)
def test_cache_is_told_of_the_compressed_answers(web, server):
    for path in ("/", CSS):
        for headers in ({}, {"Accept_Encoding": "gzip"}):
            assert asked(server, path, **headers)[1]["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("server", PORTS)
def test_tag_of_a_file_is_known_again(web, server):
    for path in ("/plain/app.css", CSS):
        for headers in ({}, {"Accept_Encoding": "gzip"}):
            tag = asked(server, path, **headers)[1]["etag"]
            assert asked(server, path, If_None_Match=tag, **headers)[0] == 304


@pytest.mark.parametrize("server", PORTS)
def test_events_come_when_they_are_sent(web, server):
    seen = []
    with socket.create_connection((address_of(WEB), PORTS[server]), timeout=30) as connection:
        connection.sendall(
            f"GET /events/ HTTP/1.1\r\nHost: {SITE}\r\nConnection: close\r\n\r\n".encode()
        )
        while text := connection.recv(1000):
            seen += [(time.monotonic(), number) for number in re.findall(rb"data: (\d)", text)]
    assert [number for _when, number in seen] == [b"0", b"1", b"2"]
    assert seen[-1][0] - seen[0][0] > 0.8


def talk(connection):
    """Open a WebSocket to the application, which says in capitals what it hears."""
    lines = (
        "GET /talk/ HTTP/1.1",
        f"Host: {SITE}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "",
        "",
    )
    connection.sendall("\r\n".join(lines).encode())
    said = b""
    while b"\r\n\r\n" not in said:
        said += connection.recv(1000)
    assert b" 101 " in said.splitlines()[0]


@pytest.mark.parametrize(("server", "service"), [("apache", "apache2"), ("nginx", "nginx")])
def test_web_socket_outlives_a_reload(web, server, service):
    with socket.create_connection((address_of(WEB), PORTS[server]), timeout=30) as connection:
        talk(connection)
        for words in (b"before", b"after"):
            connection.sendall(words)
            assert connection.recv(1000) == words.upper()
            on_host(WEB, f"systemctl reload {service}", check=True)


@pytest.mark.parametrize("server", PORTS)
def test_request_is_said_when_it_began(web, server):
    _status, _headers, body = asked(server, "/")
    began = json.loads(body)["headers"]["x-request-start"]
    assert re.fullmatch(r"t=\d{16}", began)
    assert abs(time.time() - int(began[2:]) / 1e6) < 60


@pytest.mark.parametrize(
    ("server", "service", "most"), [("apache", "apache2", 4.0), ("nginx", "nginx", 4.0)]
)
def test_server_is_confined(web, server, service, most):
    shown = on_host(WEB, f"systemd-analyze security --no-pager {service} | tail -n 1")
    assert float(re.search(r"exposure level for .*: ([\d.]+)", shown)[1]) <= most


def test_logs_of_visitors_are_not_for_everybody(web):
    assert on_host(WEB, "find /var/log/nginx -name '*.log' -perm -o+r").strip() == ""


def test_status_is_for_the_host_itself(web):
    ask = (
        'python3 -c "import urllib.request; '
        "print(urllib.request.urlopen('http://127.0.0.1:{}/server-status').status)\""
    )
    assert on_host(WEB, ask.format(8078)).strip() == on_host(WEB, ask.format(8079)).strip() == "200"
    assert asked("nginx", "/server-status", host="nobody.test")[0] == 404


def test_password_is_kept_as_a_hash_that_is_checked_soon(web):
    (line,) = on_host(WEB, f"cat /etc/nginx/access/{SHUT}").splitlines()
    assert re.fullmatch(r"alice:\$2y\$05\$\S{53}", line)
    assert (
        on_host(WEB, f"stat --format '%U %G %a' /etc/nginx/access/{SHUT}").strip()
        == "root www-data 640"
    )


def reload(server):
    """Reload a server, and return when nobody is answered by what was before."""

    def processes():
        return set(
            on_host(
                WEB,
                (
                    f"cat /proc/$(systemctl show --property MainPID --value "
                    f"{UNITS[server]})/task/*/children"
                ),
            ).split()
        )

    before = processes()
    on_host(WEB, f"systemctl reload {UNITS[server]}", check=True)
    wait_for(lambda: not before & processes())


@contextlib.contextmanager
def trusted(*names, reloaded=True):
    """Have browsers trust the certificates of some names."""

    def told(command):
        on_host(
            WEB,
            f"cd {CERTIFICATES} && for name in {' '.join(names)}; do {command} $name/trusted; done",
            check=True,
        )
        if reloaded:
            reload("apache")

    told("touch")
    try:
        yield
    finally:
        told("rm")


HSTS = "strict-transport-security"


@pytest.mark.parametrize("server", PORTS)
def test_certificate_that_browsers_do_not_trust_is_forced_on_nobody(web, server):
    for name in (SITE, SHUT, PLACES):
        status, headers, _body = asked(server, "/plain/app.css", host=name)
        assert status != 308
        assert HSTS not in headers
        assert HSTS not in asked(server, "/plain/app.css", host=name, tls=True)[1]
    assert "secure" not in asked(server, "/", tls=True)[1]["set-cookie"].lower()


def port_of(server):
    """Return a server's port for HTTPS as an address has it."""
    return "" if TLS_PORTS[server] == 443 else f":{TLS_PORTS[server]}"


@pytest.mark.parametrize("server", PORTS)
def test_who_comes_by_http_is_redirected_as_long_as_browsers_trust_the_certificate(web, server):
    addresses = [
        "/",
        "/a%2Fb%20c/%2e%2e/d?x=%20&y=/../z?",
        "/a%3Fb%23c?d%3Fe",
        "/old",
        "//evil.test/",
        "/static/gone",
        "/.error-pages/404.html",
        "/.well-known/x",
    ]
    with trusted(SITE, SHUT, PLACES):
        for host in (SITE, ALIAS, SHUT, PLACES, f"{SITE}:8080", SITE.upper()):
            name = host.partition(":")[0].lower()
            for address in addresses:
                status, headers, _body = asked(server, address, host=host)
                assert (status, headers["location"]) == (
                    308,
                    f"https://{name}{port_of(server)}{address}",
                ), (host, address)
                assert HSTS not in headers
        assert asked(server, "/", method="POST", body=b"x")[0] == 308
        # Who asks as one asks a proxy.
        assert (
            asked(server, f"http://{SITE}/a?b")[1]["location"]
            == f"https://{SITE}{port_of(server)}/a?b"
        )
        # Nobody says a password by HTTP.
        assert "www-authenticate" not in asked(server, "/", host=SHUT)[1]
        assert asked(server, "/", host=SHUT, tls=True)[0] == 401
        for name in (PAGES, BOTH):
            assert asked(server, "/", host=name)[0] == 200
        assert asked(server, "/", host="nobody.test")[0] == 404
        assert asked(server, "/.well-known/acme-challenge/a.b")[0] == 404
    assert asked(server, "/")[0] == 200


def test_nginx_sees_without_a_reload_whether_browsers_trust_a_certificate(web):
    with trusted(SITE, reloaded=False):
        assert asked("nginx", "/")[0] == 308
    assert asked("nginx", "/")[0] == 200


@pytest.mark.parametrize("server", PORTS)
def test_site_says_how_it_is_to_be_had(web, server):
    assert asked(server, "/", host=ALWAYS)[0] == 308
    assert asked(server, "/", host=ALWAYS, tls=True)[1][HSTS] == "max-age=60"
    for tls in (False, True):
        status, headers, _body = asked(server, "/", host=BOTH, tls=tls)
        assert status == 200
        assert HSTS not in headers


@pytest.mark.parametrize("server", PORTS)
def test_cookies_are_secure_where_nobody_comes_by_http(web, server):
    def cookies(target):
        return [
            value for name, value in answered(server, target, tls=True)[1] if name == "set-cookie"
        ]

    assert cookies("/own/") == ["a=b", "c=d; HttpOnly; secure", "e=f; Path=/secure/"]
    with trusted(SITE):
        first, second, third = [cookie.lower() for cookie in cookies("/own/")]
        assert [first, third] == ["a=b; secure", "e=f; path=/secure/; secure"]
        assert second.count("secure") == 1
        assert cookies("/say/500/") == [first.replace("secure", "Secure")]


DEFAULTS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-frame-options": "SAMEORIGIN",
}
#: What is answered in all the ways that there are: target, what else is given to answered(), and
#: the status.
WAYS = {
    "static": (CSS, {}, 200),
    "static, compressed": (CSS, {"Accept_Encoding": "br, gzip"}, 200),
    "static, HEAD": ("/plain/app.css", {"method": "HEAD"}, 200),
    "static, part": ("/plain/zero.png", {"Range": "bytes=1-2"}, 206),
    "missing static file": ("/static/missing.css", {}, 404),
    "hidden file": ("/plain/.htpasswd", {}, 403),
    "file of a visitor": ("/media/a.JPG", {}, 200),
    "missing file of a visitor": ("/media/missing", {}, 404),
    "redirect": ("/old", {}, 301),
    "page for an error": ("/.error-pages/404.html", {}, 200),
    "application": ("/", {}, 200),
    "not found by the application": ("/say/404/", {}, 404),
    "failure of the application": ("/say/500/", {}, 500),
    "application that breaks off": ("/break/", {}, 502),
    "body that is too large": ("/", {"method": "POST", "Content_Length": str(1 << 31)}, 413),
    "application that is not there": ("/", {"host": GONE}, 503),
    "page": ("/", {"host": PAGES}, 200),
    "missing page": ("/missing", {"host": PAGES}, 404),
    "no password": ("/", {"host": SHUT}, 401),
}


def times(headers, *names):
    """Return the values of some headers."""
    return {name: [value for one, value in headers if one == name] for name in names}


@pytest.mark.parametrize("server", PORTS)
def test_each_answer_has_each_header_once(web, server):
    def found(ways, *names, tls=False):
        answers = {
            way: answered(server, target, tls=tls, **given)
            for way, (target, given, _status) in ways.items()
        }
        return {
            way: (status, times(headers, *names))
            for way, (status, headers, _body) in answers.items()
        }

    def wanted(ways, values):
        return {
            way: (status, {name: [value] for name, value in values.items()})
            for way, (_target, _given, status) in ways.items()
        }

    assert found(WAYS, *DEFAULTS) == wanted(WAYS, DEFAULTS)
    ways = {way: of for way, of in WAYS.items() if of[1].get("host") != PAGES}
    with trusted(SITE, SHUT, GONE):
        assert found(ways, HSTS, *DEFAULTS, tls=True) == wanted(
            ways, {HSTS: "max-age=15552000", **DEFAULTS}
        )


def test_answer_that_nothing_changed_has_no_other_headers(web):
    tag = asked("nginx", CSS)[1]["etag"]
    status, headers, _body = answered("nginx", CSS, If_None_Match=tag)
    assert status == 304
    assert times(headers, *DEFAULTS) == {name: [value] for name, value in DEFAULTS.items()}
    # Apache says nothing that browsers have kept from before.
    status, headers, _body = answered("apache", CSS, If_None_Match=asked("apache", CSS)[1]["etag"])
    assert status == 304
    assert all(len(values) <= 1 for values in times(headers, *DEFAULTS).values())


@pytest.mark.parametrize("server", PORTS)
def test_application_has_the_word(web, server):
    own = {"x-frame-options": ["DENY"], "referrer-policy": ["no-referrer"], HSTS: ["max-age=1"]}
    with trusted(SITE):
        for target in ("/own/", "/own/404/"):
            assert times(answered(server, target, tls=True)[1], *own) == own
    assert times(answered(server, "/media/a.html")[1], "content-security-policy") == {
        "content-security-policy": ["default-src 'none'; sandbox"]
    }


@pytest.mark.parametrize("server", PORTS)
def test_headers_are_those_of_the_site(web, server):
    wanted = {
        "x-own": ['a "b" \\ 50% $c'],
        "x-number": ["0"],
        "referrer-policy": ["origin"],
        "x-frame-options": [],
    }
    for target in ("/", "/missing"):
        assert times(answered(server, target, host=ALWAYS, tls=True)[1], *wanted) == wanted


@pytest.mark.parametrize("server", PORTS)
def test_challenge_of_a_ca_is_answered_whatever_a_site_does(web, server):
    below, token = "/.well-known/acme-challenge/", "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"
    text = f"{token}.{THUMBPRINT}".encode()
    with trusted(SITE, SHUT, PLACES, GONE), closed(web, server):
        for host in (SITE, ALIAS, PAGES, SHUT, PLACES, GONE, BOTH, ALWAYS, "nobody.test"):
            for tls in (False, True):
                status, headers, body = answered(server, below + token, host=host, tls=tls)
                assert (status, body) == (200, text), host
                assert times(headers, "content-type", "content-length") == {
                    "content-type": ["text/plain"],
                    "content-length": [str(len(text))],
                }
            status, headers, body = asked(server, below + token, host=host, method="HEAD")
            assert (status, headers["content-type"], body) == (200, "text/plain", b"")
            for wrong in (
                "a.b",
                "",
                "a/b",
                "a%20b",
                "a%2Fb",
                "../acme-challenge/a+b",
                f"{token}%0a",
            ):
                assert asked(server, below + wrong, host=host)[0] == 404, (host, wrong)
            for right in ("0", "1", "-", "_"):
                assert (
                    asked(server, below + right, host=host)[2] == f"{right}.{THUMBPRINT}".encode()
                ), (host, right)


#: The file that closes sites, of each server.
CLOSED = {
    "apache": "/etc/apache2/conf-enabled/zz-foobar-lamp-restore.conf",
    "nginx": "/etc/nginx/closed/restore.conf",
}


@contextlib.contextmanager
def closed(web, server):
    """Close all sites of a server, by the file of foobar.lamp.maintenance."""
    done = web(playbook="close", __server=server, __dest=CLOSED[server])
    assert done.returncode == 0, done.stdout[-3000:]
    reload(server)
    try:
        yield
    finally:
        on_host(WEB, f"rm {CLOSED[server]}", check=True)
        reload(server)


@pytest.mark.parametrize("server", PORTS)
def test_closed_site_is_closed_by_https_too(web, server):
    wanted = {
        "retry-after": ["9"],
        "cache-control": ["no-store"],
        **{name: [value] for name, value in DEFAULTS.items()},
    }
    with closed(web, server):
        for tls, host in ((False, SITE), (True, SITE), (False, PAGES)):
            status, headers, body = answered(server, "/", host=host, tls=tls)
            assert status == 503
            assert (b"our page for 503" if host == SITE else b"<p>Closed for a test.</p>") in body
            assert times(headers, *wanted) == wanted, (tls, host)


def test_site_of_nginx_is_closed_whichever_version_wrote_its_file(web):
    path, name = "/etc/nginx/sites-enabled/old.conf", "old.a.test"
    words = [
        "set $lamp_retry_after '';",
        "include /etc/nginx/closed/*.conf;",
        "location / { return 204; }",
    ]
    on_host(
        WEB,
        f"cat > {path}",
        input=f"server {{ listen {PORTS['nginx']}; server_name {name}; {' '.join(words)} }}\n",
        check=True,
    )
    try:
        with closed(web, "nginx"):
            status, headers, _body = answered("nginx", "/", host=name)
            assert (status, times(headers, "retry-after", "cache-control")) == (
                503,
                {"retry-after": ["9"], "cache-control": ["no-store"]},
            )
        status, headers, _body = answered("nginx", "/", host=name)
        assert (status, times(headers, "retry-after", "cache-control")) == (
            204,
            {"retry-after": [], "cache-control": []},
        )
    finally:
        on_host(WEB, f"rm {path}", check=True)
        reload("nginx")


@pytest.mark.parametrize("server", PORTS)
def test_each_name_has_its_certificate(web, server):
    for asks, named in {
        SITE: SITE,
        ALIAS: SITE,
        SHUT: SHUT,
        PAGES: "_default",
        "nobody.test": "_default",
        "": "_default",
    }.items():
        with connected(server, asks) as connection:
            found = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True))
        assert found.subject.rfc4514_string() == f"CN={named}", asks
    chain = ssl.create_default_context(cadata=authority())
    with (
        socket.create_connection((address_of(WEB), TLS_PORTS[server])) as plain,
        chain.wrap_socket(plain, server_hostname=SITE) as checked,
    ):
        assert checked.version() == "TLSv1.3"


@pytest.mark.parametrize("server", PORTS)
def test_site_may_be_called_as_its_host(web, server):
    assert on_host(WEB, "hostname").strip() == OWN
    for tls in (False, True):
        assert asked(server, "/", host=OWN, tls=tls)[::2] == (200, b"<p>home"), tls
        # Nobody can be called as the server of nobody's names.
        for name in ("nobody.invalid", "nobody.test"):
            assert asked(server, "/", host=name, tls=tls)[0] == 404, (name, tls)


def test_site_of_unknown_names_answers_them_by_https(web):
    try:
        assert web(apache_default_site=SITE, nginx_default_site=SITE).returncode == 0
        for server in PORTS:
            for tls in (False, True):
                assert asked(server, "/", host="nobody.test", tls=tls)[0] == 200
        with trusted(SITE):
            for server in PORTS:
                # Its certificate is not for them.
                assert (
                    asked(server, "/a?b", host="nobody.test")[1]["location"]
                    == f"https://{SITE}{port_of(server)}/a?b"
                )
                assert (
                    asked(server, "/a?b", host=ALIAS)[1]["location"]
                    == f"https://{ALIAS}{port_of(server)}/a?b"
                )
    finally:
        assert web().returncode == 0
    for server in PORTS:
        assert asked(server, "/", host="nobody.test", tls=True)[0] == 404


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("server", PORTS)
def test_nobody_speaks_an_old_tls(web, server):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises(ssl.SSLError, match="protocol version"):
            connected(server, SITE, versions=[version]).close()
    for version, said in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        with connected(server, SITE, versions=[version]) as connection:
            assert connection.version() == said


def test_inventory_has_the_last_word_on_tls(web):
    try:
        done = web(
            nginx_settings={"ssl_protocols": "TLSv1.3"},
            apache_settings={"SSLProtocol": "-all +TLSv1.3"},
        )
        assert done.returncode == 0, done.stdout[-3000:]
        for server in PORTS:
            with pytest.raises(ssl.SSLError, match="protocol version"):
                connected(server, SITE, versions=[ssl.TLSVersion.TLSv1_2]).close()
            with connected(server, SITE) as connection:
                assert connection.version() == "TLSv1.3"
    finally:
        assert web().returncode == 0


def ciphers(server, name):
    """Return the ciphers of TLS 1.2 that a server agrees to."""
    known = [
        one["name"]
        for one in context(ciphers="ALL:COMPLEMENTOFALL").get_ciphers()
        if one["protocol"] != "TLSv1.3"
    ]
    found = set()
    for one in known:
        with contextlib.suppress(ssl.SSLError, ConnectionResetError):
            connected(server, name, versions=[ssl.TLSVersion.TLSv1_2], ciphers=one).close()
            found.add(one)
    assert len(known) > 50
    return found


@pytest.mark.parametrize("server", PORTS)
def test_ciphers_are_those_with_forward_secrecy_and_authentication(web, server):
    for name, key in ((SITE, "ECDSA"), (SHUT, "RSA")):
        assert ciphers(server, name) == {
            f"ECDHE-{key}-{cipher}"
            for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
        }
    # A client knows which is fast for it.
    for first, second in (
        ("CHACHA20-POLY1305", "AES256-GCM-SHA384"),
        ("AES256-GCM-SHA384", "CHACHA20-POLY1305"),
    ):
        order = f"ECDHE-ECDSA-{first}:ECDHE-ECDSA-{second}"
        with connected(
            server, SITE, versions=[ssl.TLSVersion.TLSv1_2], ciphers=order
        ) as connection:
            assert connection.cipher()[0] == f"ECDHE-ECDSA-{first}"


@pytest.mark.parametrize("server", PORTS)
def test_secret_is_agreed_upon_as_no_quantum_computer_finds_out(web, server):
    def agreed(groups):
        ask = (
            f"openssl s_client -connect 127.0.0.1:{TLS_PORTS[server]} -servername {SITE} -tls1_3 "
            f"-groups {groups} < /dev/null 2>&1"
        )
        said = on_host(WEB, ask)
        assert said.startswith("Connec")
        return said if "Cipher is TLS_" in said else ""

    assert "Negotiated TLS1.3 group: X25519MLKEM768" in agreed("X25519MLKEM768:X25519")
    assert [bool(agreed(one)) for one in ("X25519", "P-256", "P-384", "P-521", "ffdhe2048")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("server", PORTS)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_visitor_who_comes_again_takes_up_what_was_agreed(web, server, version):
    visitor = context(versions=[version])
    session = None
    # Often, since more than one process may take a connection.
    for again in [False] + 30 * [True]:
        plain = socket.create_connection((address_of(WEB), TLS_PORTS[server]), timeout=30)
        with visitor.wrap_socket(plain, server_hostname=SITE, session=session) as connection:
            connection.sendall(
                f"GET /plain/app.css HTTP/1.1\r\nHost: {SITE}\r\nConnection: close\r\n\r\n".encode()
            )
            while connection.recv(65536):
                pass
            assert connection.session_reused is again
            session = connection.session


@pytest.mark.parametrize("server", PORTS)
def test_browsers_speak_http_2(web, server):
    with connected(server, SITE, alpn=["h2", "http/1.1"]) as connection:
        assert connection.selected_alpn_protocol() == "h2"
    for path, names in (("/", ("x-forwarded-proto", "host")), (CSS, ())):
        to = f"{SITE}:{TLS_PORTS[server]}"
        options = [
            "--silent",
            "--insecure",
            "--http2",
            "--resolve",
            f"{to}:{address_of(WEB)}",
            "--write-out",
            "\n%{http_version} %{http_code}",
        ]
        body, _line, said = run(
            "curl", *options, f"https://{to}{path}", check=True
        ).stdout.rpartition("\n")
        assert said == "2 200"
        if names:
            headers = json.loads(body)["headers"]
            assert (headers["x-forwarded-proto"], headers["host"], headers["x-request-line"]) == (
                "https",
                to.removesuffix(":443"),
                "GET / HTTP/2.0",
            )


@pytest.mark.parametrize("server", PORTS)
def test_web_socket_goes_through_tls(web, server):
    with connected(server, SITE, alpn=["http/1.1"]) as connection:
        talk(connection)
        connection.sendall(b"words")
        assert connection.recv(1000) == b"WORDS"


@pytest.mark.parametrize("server", PORTS)
def test_reload_takes_up_a_new_certificate_and_loses_nobody(web, server):
    def ask():
        with connected(server, SITE) as connection:
            serial = x509.load_der_x509_certificate(
                connection.getpeercert(binary_form=True)
            ).serial_number
            connection.sendall(
                f"GET /plain/app.css HTTP/1.1\r\nHost: {SITE}\r\nConnection: close\r\n\r\n".encode()
            )
            said = b""
            while words := connection.recv(65536):
                said += words
        assert said.startswith(b"HTTP/1.1 200 OK\r\n")
        assert said.endswith(b"body { color: red }\n")
        return serial

    serials = [ask()]
    with load.Load(ask, pause=0.005, threads=4) as visitors:
        for _renewal in range(3):
            chain, key, serial = certificate(SITE, ALIAS)
            place(SITE, chain, key, serial)
            assert ask() == serials[-1]
            on_host(WEB, f"systemctl reload {UNITS[server]}", check=True)
            wait_for(lambda serial=serial: ask() == serial)
            serials.append(serial)
            enough = visitors.asked + 100
            wait_for(lambda enough=enough: visitors.asked > enough)
    assert visitors.failures == []
    assert set(serials) <= set(visitors.done)


def test_second_run_of_both_roles_changes_nothing(web):
    done = web()
    assert recap(done)["changed"] == 0, done.stdout[-3000:]


def test_wrong_words_are_taken_back(web):
    done = web(nginx_settings={"no_such_directive": "x"})
    assert done.returncode != 0
    assert 'unknown directive "no_such_directive"' in done.stdout
    assert "The old files are back." in done.stdout
    assert asked("nginx", "/plain/app.css")[0] == 200


def test_what_only_a_reload_shows_is_taken_back(web):
    on_host(WEB, "systemd-run --quiet --unit taken python3 -m http.server 8090", check=True)
    wait_for(
        lambda: ":8090" in on_host(WEB, "ss --listening --tcp --numeric 2> /dev/null || echo :8090")
    )
    done = web(nginx_listen=[PORTS["nginx"], 8090])
    said = " ".join(done.stdout.split())
    assert done.returncode != 0
    assert "nginx could not be reloaded: " in said
    assert "8090 failed (98: Address already in use)" in said
    assert "The old files are back and nginx runs with them." in said
    assert asked("nginx", "/plain/app.css")[0] == 200


def states():
    return on_host(
        WEB, "systemctl is-active apache2 nginx; systemctl is-enabled apache2 nginx"
    ).split()


def test_server_that_does_not_start_leaves_the_place_to_the_other(web):
    on_host(WEB, "systemctl stop nginx", check=True)
    done = web(playbook="nginx", nginx_listen=[80, 8090], nginx_replaces=["apache2"])
    said = " ".join(done.stdout.split())
    assert done.returncode != 0
    assert "nginx could not be restarted: " in said
    assert "8090 failed (98: Address already in use)" in said
    assert "apache2 runs again in its place." in said
    assert states()[0] == "active"
    assert states()[2:] == ["enabled", "disabled"]
    assert asked("apache", "/plain/app.css")[1]["server"] == "Apache"


def test_servers_change_places_while_visitors_ask(web):
    on_host(WEB, "systemctl stop taken", check=True)
    lost = []

    def ask():
        began = time.monotonic()
        try:
            status, headers, _body = asked("apache", "/plain/app.css")
        except OSError as error:
            lost.append((began, type(error)))
            raise
        assert status == 200
        return headers["server"]

    with load.Load(ask, threads=3) as visitors:
        for new, old, own in (("nginx", "apache2", "nginx"), ("apache", "nginx", "Apache")):
            lost.clear()
            done = web(playbook=new, **{f"{new}_listen": [80], f"{new}_replaces": [old]})
            assert done.returncode == 0, done.stdout[-3000:]
            wait_for(lambda own=own: visitors.done[-1] == own)
            # Nobody met anything but a closed door, and that for a moment; how long it is depends
            # on the host.
            assert {kind for _when, kind in lost} <= {
                ConnectionRefusedError,
                ConnectionResetError,
                http.client.RemoteDisconnected,
            }
            assert not lost or lost[-1][0] - lost[0][0] < 10
            assert states()[2:] == (
                ["disabled", "enabled"] if new == "nginx" else ["enabled", "disabled"]
            )
            assert (
                recap(web(playbook=new, **{f"{new}_listen": [80], f"{new}_replaces": [old]}))[
                    "changed"
                ]
                == 0
            )
    assert all("Connection" in failure or "Remote" in failure for failure in visitors.failures)
