"""A real Kerberos realm on the loopback address, with nothing of it outside its directory."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time

from .name_servers import free_port

REALM = "FOOBAR.COM"
#: What the name server is called in the realm; it need not be found in the DNS.
HOST = "ns1.foobar.com"


class Kerberos:
    """A KDC for REALM; whoever is started with ``environment`` lives in that realm."""

    name = REALM

    def __init__(self, place):
        self.place, self.port = place, free_port()
        self.keytab = self.place / "named.keytab"
        (place / "krb5.conf").write_text(f"""\
[libdefaults]
    default_realm = {REALM}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1
[realms]
    {REALM} = {{
        kdc = 127.0.0.1:{self.port}
    }}
    ELSEWHERE.EXAMPLE = {{
        kdc = 127.0.0.1:{free_port()}
    }}
[domain_realm]
    .foobar.com = {REALM}
    .elsewhere.example = ELSEWHERE.EXAMPLE
""")
        (place / "kdc.conf").write_text(f"""\
[kdcdefaults]
    kdc_listen = ""
    kdc_tcp_listen = 127.0.0.1:{self.port}
[realms]
    {REALM} = {{
        database_name = {place}/principal
        key_stash_file = {place}/stash
        acl_file = {place}/acl
    }}
[logging]
    kdc = FILE:{place}/kdc.log
""")
        self.environment = {
            "KRB5_CONFIG": str(place / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(place / "kdc.conf"),
            "KRB5CCNAME": f"FILE:{place}/tickets",
            "KRB5_CLIENT_KTNAME": f"FILE:{place}/none.keytab",
            "KRB5RCACHETYPE": "none",
        }
        self._call("kdb5_util", "create", "-s", "-r", REALM, "-P", "master of a test")
        self.keytab = self.add(f"DNS/{HOST}", "named")
        self.keytab.chmod(0o644)
        with (place / "log").open("a") as log:
            command = [_program("krb5kdc"), "-n", "-P", place / "kdc.pid"]
            self.process = subprocess.Popen(
                command, env={**os.environ, **self.environment}, stderr=log, stdout=log
            )
        for _try in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise AssertionError((place / "log").read_text())

    def add(self, principal, name):
        """Add a principal, or give it new keys;
        return the keytab that then holds its newest keys.
        """
        keytab = self.place / f"{name}.keytab"
        self._call("kadmin.local", "-q", f"addprinc -randkey {principal}")
        self._call("kadmin.local", "-q", f"ktadd -k {keytab} {principal}")
        return keytab

    def change(self, query):
        """Have the realm's administrator change something."""
        self._call("kadmin.local", "-q", query)

    def log_in(self, principal, keytab, *more):
        """Put a ticket of ``principal`` into the cache; ``more`` are arguments of kinit."""
        self._call("kinit", "-k", "-t", keytab, *more, principal)

    def _call(self, program, *arguments):
        done = subprocess.run(
            [_program(program), *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def _program(name):
    return shutil.which(name) or f"/usr/sbin/{name}"
