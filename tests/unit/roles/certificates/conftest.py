"""Make the role's command importable, and give it a CA, a clock and a host of a test's own."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[4] / "roles/certificates/files"))

from site_certificates import moments, protocol, report, run, settings
from site_certificates.site import Site
from support.fake_ca import FakeCa


class Clock:
    """A clock that a test can put forward."""

    def __init__(self):
        self.ahead, self._real = datetime.timedelta(), moments.now

    def __call__(self):
        return self._real() + self.ahead

    def forward(self, **words):
        self.ahead += datetime.timedelta(**words)


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(moments, "now", found)
    return found


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch):
    """Leave out what matters only when the power fails, and takes most of the time."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.fixture
def ca(clock, monkeypatch):
    monkeypatch.setattr(protocol._Network, "pause", 0)
    found = FakeCa(clock)
    yield found
    found.close()


class Host:
    """A host with one site."""

    def __init__(self, top, cas):
        self.path, self.top = top / "settings.json", top / "certificates"
        self.options = {
            "directory": str(self.top),
            "authorities": cas,
            "account_secret": "s" * 48,
            "contact": "",
            "check": False,
            "dns": None,
            "authority": {"name": "web1", "domains": ["foobar.com"]},
            "certificates": [
                {
                    "name": "www.foobar.com",
                    "names": ["www.foobar.com", "foobar.com"],
                    "source": "acme",
                    "method": "http-01",
                }
            ],
            "load": [],
            "adopt": str(top / "letsencrypt"),
        }

    def site(self, **options):
        self.path.write_text(json.dumps(self.options))
        return Site(settings.load(str(self.path)), **options)

    def run(self, *words, **options):
        """Run the command; return what it says of the site, and the names that changed."""
        site = self.site(**options.pop("site", {}))
        with site.locked():
            run.run(site, *words, **options)
            rows = report.rows(site)
        return rows[0], site.changed


@pytest.fixture
def host(tmp_path, ca):
    return Host(tmp_path, [{"name": "test", "directory": ca.directory, "trusted": True}])
