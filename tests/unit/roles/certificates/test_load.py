"""What is on the disk is served, or what was served goes on: by a real server."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import support
from site_certificates import authority, files, load, main, moments, pem, placing, report, run
from support.fake_ca import FakeCa

SYSTEMCTL = """#!/bin/sh
echo "$*" >> {top}/said
case "$1" in
is-active) test -e {top}/port;;
reload) kill -HUP {pid};;
esac
"""


@pytest.fixture
def served(host, tmp_path, monkeypatch):
    """Return a host whose server serves the placeholder."""
    site = host.site()
    with site.locked():
        placing.place(site)
    port, script = tmp_path / "port", pathlib.Path(support.__path__[0]) / "tls_server.py"
    process = subprocess.Popen(
        [sys.executable, str(script), str(host.top), str(port), str(tmp_path / "deaf")]
    )
    while not (port.exists() and port.read_text()):
        assert process.poll() is None
        time.sleep(0.01)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemctl").write_text(SYSTEMCTL.format(top=tmp_path, pid=process.pid))
    (tmp_path / "bin/systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(load, "_CAP", 1)
    host.place = f"127.0.0.1:{port.read_text()}"
    test = ["sh", "-c", f"! test -e {tmp_path}/broken || {{ echo line 7 is wrong >&2; exit 1; }}"]
    host.options["load"] = [{"unit": "web.service", "test": test, "serves": host.place}]
    host.reloads = lambda: (tmp_path / "said").read_text().count("reload web.service")
    yield host
    process.send_signal(signal.SIGKILL)
    process.wait()


def serial(host):
    return load.served(host.place, "www.foobar.com")[0]


def test_loaded_and_seen(served):
    row, _changed = served.run()
    assert row["state"] == "issued"
    assert serial(served) == row["serial"] == f"{2**70:x}"
    # For the certificate; and, once it is seen, for visitors to be led to it.
    assert served.reloads() == 2
    served.run()
    assert served.reloads() == 2


def test_timer_is_silent_and_asks_nobody_when_nothing_is_due(served, ca, clock, tmp_path, capfd):
    served.run()
    # Whoever asked the DNS would get no answer, and say so.
    served.options.update(
        check=True, dns={"zone": "foobar.com", "resolver": ["127.0.0.1"], "port": 1}
    )
    served.site()
    clock.forward(hours=2)
    before = (
        list(ca.asked),
        (tmp_path / "said").read_text(),
        (served.top / "www.foobar.com/state.json").read_text(),
    )
    capfd.readouterr()
    assert main.main(["--settings", str(served.path), "run", "--timer"]) == 0
    assert capfd.readouterr() == ("", "")
    assert (
        list(ca.asked),
        (tmp_path / "said").read_text(),
        (served.top / "www.foobar.com/state.json").read_text(),
    ) == before


def test_what_the_server_reads_at_its_start_is_not_loaded_again(served, ca):
    ca.planned["newOrder"] = [(400, "dns", {})]
    served.run()
    assert served.reloads() == 0


def test_unit_that_says_not_where_it_serves_is_reloaded_all_the_same(served, clock):
    place = served.options["load"][0].pop("serves")
    first, _changed = served.run()
    assert served.reloads() >= 1
    before = served.reloads()
    clock.forward(days=61)
    row, changed = served.run()
    assert (row["state"], changed, row["serial"] != first["serial"]) == (
        "issued",
        ["www.foobar.com"],
        True,
    )
    assert served.reloads() == before + 1
    assert load.served(place, "www.foobar.com")[0] == row["serial"]
    served.run()
    assert served.reloads() == before + 1


@pytest.fixture
def warned(served, monkeypatch):
    """Return the moments at which visitors are led to a certificate that browsers do not trust;
    a server looks at each request.
    """
    found = []

    def look():
        if (served.top / "www.foobar.com/trusted").exists() and serial(
            served
        ) not in served.trusted:
            found.append(serial(served))

    served.trusted = {f"{2**70 + number:x}" for number in range(9)}
    monkeypatch.setattr(files, "checkpoint", look)
    return found


def test_visitors_are_led_to_no_certificate_that_is_not_served_yet(served, warned, clock):
    assert served.run()[0]["trusted"] is True
    assert not warned
    # A server that looks when it is reloaded has to be told as well.
    assert served.reloads() == 2
    clock.forward(days=61)
    assert served.run()[1] == ["www.foobar.com"]
    assert served.reloads() == 3
    # The CA of a test: nobody is led to it any more before it is served.
    served.options["authorities"][0]["trusted"] = False
    clock.forward(days=61)
    served.trusted.discard(f"{2**70 + 2:x}")
    row, _changed = served.run()
    assert (row["serial"], row["trusted"], serial(served)) == (
        f"{2**70 + 2:x}",
        False,
        row["serial"],
    )
    assert served.reloads() == 4
    assert not warned


def give(host, place):
    """Have a certificate given that is trusted; return its serial."""
    other = authority.Authority(place / "other", "other")
    other.make(["foobar.com"], moments.now())
    chain, key = place / "chain.pem", place / "key.pem"
    for path, content in zip(
        (chain, key), other.leaf(["www.foobar.com"], moments.now()), strict=True
    ):
        path.write_bytes(content)
    wish = {
        "name": "www.foobar.com",
        "names": ["www.foobar.com"],
        "source": "given",
        "chain": str(chain),
        "key": str(key),
        "trusted": True,
    }
    host.options["certificates"] = [wish]
    return pem.read(chain.read_bytes()).serial


def place(host):
    """Do what a play does before the web server is configured;
    return what is said of the site, and what changed.
    """
    host.site()
    assert main.main(["--settings", str(host.path), "place"]) == 0
    return report.rows(host.site())[0]


def test_what_is_placed_is_loaded_at_once_or_taken_back(served, warned, tmp_path):
    served.run()
    served.trusted.add(given := give(served, tmp_path))
    (tmp_path / "broken").touch()
    before = serial(served)
    row = place(served)
    assert (row["state"], row["serial"], serial(served)) == ("failed", before, before)
    assert "line 7 is wrong" in row["reason"]
    (tmp_path / "broken").unlink()
    row = place(served)
    assert (row["state"], row["trusted"], serial(served)) == ("issued", True, given)
    assert not warned


def test_site_that_the_server_does_not_know_yet_is_placed_and_no_more(served):
    served.run()
    before = served.reloads()
    served.options["certificates"].append(
        {"name": "b.foobar.com", "names": ["b.foobar.com"], "source": "private"}
    )
    place(served)
    new = report.rows(served.site())[1]
    assert (new["source"], new["state"], new["reason"], served.reloads()) == (
        "private",
        "issued",
        "",
        before,
    )


def test_visitors_are_led_to_no_given_certificate_that_is_not_served_yet(served, warned, tmp_path):
    served.trusted = {give(served, tmp_path)}
    (tmp_path / "broken").touch()
    row, _changed = served.run()
    assert not warned
    assert (row["state"], row["trusted"], served.reloads()) == ("failed", False, 0)
    (tmp_path / "broken").unlink()
    row, _changed = served.run()
    assert (row["source"], row["trusted"], serial(served)) == ("given", True, row["serial"])
    assert not warned


def test_certificate_is_loaded_before_the_next_one_is_asked_for(served, monkeypatch):
    served.options["certificates"].append(
        {"name": "b.foobar.com", "names": ["b.foobar.com"], "source": "acme"}
    )
    found, real = [], FakeCa._newOrder

    def order(self, wanted):
        found.append(serial(served))
        return real(self, wanted)

    monkeypatch.setattr(FakeCa, "_newOrder", order)
    served.run()
    assert found[1] == f"{2**70:x}"


def test_renewal_that_is_taken_back_fails(served, clock, tmp_path, capsys):
    served.run()
    clock.forward(hours=2)
    (tmp_path / "deaf").touch()
    assert main.main(["--settings", str(served.path), "renew", "--json", "www.foobar.com"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["changed"] == []
    assert (
        "www.foobar.com has no new certificate yet: "
        "the new certificate could not be loaded, the one before goes on"
    ) in said.err


def test_what_is_not_loaded_leads_visitors_where_it_led_them(served, clock, tmp_path):
    served.run()
    before = served.reloads()
    served.options["authorities"][0]["trusted"] = False
    clock.forward(days=61)
    (tmp_path / "deaf").touch()
    row, _changed = served.run()
    assert (row["state"], row["serial"], row["trusted"]) == ("failed", f"{2**70:x}", True)
    # Loaded in vain, taken back, and told again that it is trusted.
    assert served.reloads() == before + 3


def test_server_that_cannot_be_told_of_the_trust_is_told_later_and_renewed(served, clock):
    good = served.options["load"][0]["test"]
    served.options["load"][0]["test"] = [
        "sh",
        "-c",
        f"! test -e {served.top}/www.foobar.com/trusted || {{ echo not now >&2; exit 1; }}",
    ]
    row, _changed = served.run()
    assert row["state"] == "failed"
    assert row["reason"].startswith("the certificate could not be loaded: ")
    served.options["load"][0]["test"] = good
    clock.forward(days=61)
    row, _changed = served.run()
    assert (row["state"], row["reason"], serial(served)) == ("issued", "", f"{2**70 + 1:x}")


def test_first_certificate_that_is_not_served_is_taken_back(served, tmp_path):
    before = serial(served)
    (tmp_path / "deaf").touch()
    row, _changed = served.run()
    assert (row["state"], row["source"]) == ("failed", "placeholder")
    assert "the one before goes on" in row["reason"]
    assert f"{(served.top / 'www.foobar.com/current').readlink().name}" == before


def test_broken_configuration_keeps_what_is_served(served, tmp_path, clock, ca):
    before = serial(served)
    ca.planned["newOrder"] = [(400, "dns", {})]
    served.run()
    (tmp_path / "broken").touch()
    clock.forward(minutes=2)
    row, _changed = served.run()
    assert row["state"] == "failed"
    assert "line 7 is wrong" in row["reason"]
    assert row["source"] == "placeholder"
    assert not row["trusted"]
    assert serial(served) == before
    assert served.reloads() == 0
    # It is there already, so the CA is not asked again.
    clock.forward(hours=2)
    served.run()
    assert len(ca.orders) == 1
    (tmp_path / "broken").unlink()
    row, changed = served.run()
    assert (row["state"], row["trusted"], changed, len(ca.orders)) == (
        "issued",
        True,
        ["www.foobar.com"],
        1,
    )
    assert serial(served) == row["serial"]


def test_server_that_does_not_serve_it(served, tmp_path, clock, ca):
    ca.planned["newOrder"] = [(400, "dns", {})]
    served.run()
    (tmp_path / "deaf").touch()
    clock.forward(minutes=2)
    row, changed = served.run()
    # What was taken back is no change, nor is another try of it.
    assert (row["state"], row["source"], changed) == ("failed", "placeholder", [])
    assert f"serves the serial {serial(served)} instead of {2**70:x}" in row["reason"]
    for _run in range(2):
        site = served.site(timer=True)
        with site.locked():
            run.run(site)
        assert site.changed == []
    assert "3 attempts in a row failed" in report.alarms(site)["www.foobar.com"]
    assert not report.alarms(site)  # once a day
    clock.forward(days=1)
    assert report.alarms(site)
    (tmp_path / "deaf").unlink()
    assert served.run()[0]["state"] == "issued"
    assert len(ca.orders) == 1


def test_site_that_is_gone_is_put_away_when_the_server_knows_it_no_more(
    served, tmp_path, clock, capsys
):
    served.run()
    served.options["certificates"] = [
        {"name": "other.foobar.com", "names": ["other.foobar.com"], "source": "private"}
    ]
    (tmp_path / "broken").touch()  # the server still names it
    served.run()
    assert (served.top / "www.foobar.com/current").exists()
    assert "run site.yml" in capsys.readouterr().err
    (tmp_path / "broken").unlink()
    (tmp_path / "deaf").touch()
    served.run()
    assert not (served.top / "www.foobar.com").exists()
    kept = next((served.top / "archive").iterdir())
    assert list(kept.glob("by-serial/*/key.pem"))
    clock.forward(days=6, hours=23)
    served.run()
    assert list(kept.glob("by-serial/*/key.pem"))
    clock.forward(hours=2)
    served.run()
    assert not list(kept.glob("by-serial/*/key.pem"))
    assert list(kept.glob("by-serial/*/fullchain.pem"))
