"""What a registry is asked, by which tool, and that credentials are nobody else's. The registry
is Debian's, where it is installed.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import socket
import stat
import subprocess
import time

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import references, registries

from . import image_files as files

LOGIN = {"username": "joe", "password": "hunter22"}


def manifests(*platforms):
    """Return a list of images with these platforms."""
    found = []
    for number, (name, variant) in enumerate(platforms):
        platform = {
            "os": "linux",
            "architecture": name,
            **({"variant": variant} if variant else {}),
        }
        found.append({"digest": f"sha256:{number}", "platform": platform})
    statement = {"digest": "sha256:x", "platform": {"os": "unknown", "architecture": "unknown"}}
    return json.dumps({"manifests": [statement, *found]}).encode()


def test_image_is_the_hosts():
    content = manifests(("amd64", ""), ("arm64", "v8"))
    assert registries.of_manifest(content, "x86_64") == "sha256:0"
    assert registries.of_manifest(content, "aarch64") == "sha256:1"
    with pytest.raises(
        registries.RegistryError,
        match=r"is for linux/amd64, linux/arm64/v8, and the host is linux/riscv64",
    ):
        registries.of_manifest(content, "riscv64")
    assert registries.of_manifest(b'{"config":{}}', "x86_64") == files.sha(b'{"config":{}}')


def test_credentials_are_in_a_file_for_a_while(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text(
        '{"credsStore": "desktop", "auths": {"other.foobar.com": {"auth": "x"}}, "proxies": {}}'
    )
    (tmp_path / "contexts").mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with registries.credentials("registry.foobar.com", LOGIN) as environment:
        path = environment["REGISTRY_AUTH_FILE"]
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
        said = json.loads(pathlib.Path(path).read_text())
        assert said == {
            "auths": {
                "other.foobar.com": {"auth": "x"},
                "registry.foobar.com": {"auth": "am9lOmh1bnRlcjIy"},
            },
            "proxies": {},
        }
        assert os.path.isdir(f"{environment['DOCKER_CONFIG']}/contexts")
        assert not [value for value in environment.values() if "hunter22" in value]
    assert not os.path.exists(path)
    with registries.credentials("registry.foobar.com", {}) as environment:
        assert environment["DOCKER_CONFIG"] == str(tmp_path)
        assert "REGISTRY_AUTH_FILE" not in environment


def test_without_a_tool(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(
        registries.RegistryError,
        match=r"install skopeo here, or give the digest, registry.foobar.com/shop@sha256:…",
    ):
        registries.digest(references.parsed("registry.foobar.com/shop:1"), "x86_64")


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Yield the address of a registry that wants a login,
    with the image shop:1, and the digest of that.
    """
    if not all(map(shutil.which, ("docker-registry", "skopeo", "openssl", "htpasswd"))):
        pytest.skip("docker-registry, skopeo, openssl and htpasswd are not all there")
    place = tmp_path_factory.mktemp("registry")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-keyout",
                place / "key.pem",
                "-out",
                place / "cert.pem",
            ),
            *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    said = subprocess.run(
        ["htpasswd", "-Bbn", *LOGIN.values()], check=True, capture_output=True
    ).stdout
    (place / "htpasswd").write_bytes(said)
    (place / "config.yml").write_text(
        json.dumps(
            {
                "version": "0.1",
                "log": {"level": "error"},
                "storage": {"filesystem": {"rootdirectory": str(place / "data")}},
                "http": {
                    "addr": address,
                    "tls": {"certificate": str(place / "cert.pem"), "key": str(place / "key.pem")},
                },
                "auth": {"htpasswd": {"realm": "x", "path": str(place / "htpasswd")}},
            }
        )
    )
    made = files.layout(compressed=True)  # what is not, skopeo compresses
    digest = json.loads(made["index.json"])["manifests"][0]["digest"]
    with subprocess.Popen(
        ["docker-registry", "serve", place / "config.yml"], stderr=subprocess.DEVNULL
    ) as process:
        try:
            for _try in range(100):
                with socket.socket() as asked:
                    if asked.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0:
                        break
                time.sleep(0.1)
            layout = files.unpacked(place / "layout", made)
            words = [
                "skopeo",
                "copy",
                "--quiet",
                "--dest-tls-verify=false",
                f"--dest-creds={':'.join(LOGIN.values())}",
            ]
            subprocess.run(
                [*words, f"oci:{layout}", f"docker://{address}/shop:1"],
                check=True,
                capture_output=True,
            )
            yield address, digest, place / "cert.pem"
        finally:
            process.kill()


def asked(registry, image, login, monkeypatch, tool):
    address, _digest, certificate = registry
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(registries, "_TOOLS", {tool: registries._TOOLS[tool]})
    return registries.digest(references.parsed(f"{address}/{image}"), "x86_64", login)


@pytest.mark.parametrize("tool", ["skopeo", "docker"])
def test_registry_says_what_a_tag_means(registry, tool, monkeypatch):
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not there")
    assert asked(registry, "shop:1", LOGIN, monkeypatch, tool) == registry[1]
    with pytest.raises(registries.RegistryError, match=r"has no such image") as error:
        asked(registry, "shop:2", LOGIN, monkeypatch, tool)
    assert "hunter22" not in str(error.value)


def test_registry_refuses(registry, monkeypatch):
    for login in ({}, {"username": "joe", "password": "wrongpass"}):
        with pytest.raises(
            registries.RegistryError, match=r"does not let us read it: give registry.username"
        ) as error:
            asked(registry, "shop:1", login, monkeypatch, "skopeo")
        # One line: it is the headline of what failed.
        assert re.search(
            r"correct them or the name in image\. skopeo said: .*unauthorized[^\n]*\Z",
            str(error.value),
        )
        assert "wrongpass" not in str(error.value)
