"""The scenario's hosts, and the site's visitors."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlencode

import testinfra.utils.ansible_runner
from support import containers, plays

SITE = "www.foobar.com"

INVENTORY = testinfra.utils.ansible_runner.AnsibleRunner(plays.inventory())


def address_of(host):
    """Return the address of a host on the containers' network."""
    return containers.address_of(host.backend.name)


class Browser:
    """A visitor: follows the name server's answer, keeps cookies, shows
    status, headers and text of each answer.
    """

    def __init__(self, ask):
        self._ask = ask
        self.cookies = {}

    def request(self, method, path, form=None, name=SITE, headers=None):
        """Return the ``http.client.HTTPResponse`` with its body, decoded, as ``text``."""
        answer = self._ask(name).answer
        assert answer, f"the name server knows no address of {name}"
        connection = http.client.HTTPConnection(answer[-1][0].address, 80, timeout=20)
        sent = {"Host": name, **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
        body = None
        if form is not None:
            body = urlencode(form)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        response.raw = response.read()
        response.text = response.raw.decode(errors="replace")
        for header in response.headers.get_all("Set-Cookie", []):
            key, _equals, value = header.partition(";")[0].partition("=")
            self.cookies[key] = value
        connection.close()
        return response

    def get(self, path, **options):
        """Fetch ``path``."""
        return self.request("GET", path, **options)

    def json(self, path):
        """Fetch ``path`` and return what its JSON says."""
        return json.loads(self.get(path).text)
