"""Passwords against what servers keep of them."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import password as passwords

# What MariaDB answers to SELECT PASSWORD("correct horse"), and what MySQL 9.7 keeps of it and of
# others.
NATIVE = "*0E8F21E4240F5AD5A07D088F9C93890D13D78A4E"
SHA2 = {
    "correct horse": "24412430304124"
    "4410783D57124E1B21353F32503643697459192E"
    "76435952514B3055515852364661306A6864485A5462524768517535483244614450304D49632E646A6133",
    "x": "24412430304124"
    "090B6D7847445A47436A1A54100E5C68656F0B57"
    "385256376E3759585156354D4D4431536E5970697264574F43687853304D5A62784A746759326768656842",
}


def test_native():
    assert passwords.native("correct horse") == NATIVE
    assert passwords.matches("correct horse", "mysql_native_password", NATIVE.encode())
    assert not passwords.matches("correct horses", "mysql_native_password", NATIVE.encode())


@pytest.mark.parametrize("password", SHA2)
def test_caching_sha2(password):
    kept = bytes.fromhex(SHA2[password])
    assert passwords.matches(password, "caching_sha2_password", kept)
    assert not passwords.matches(password + "x", "caching_sha2_password", kept)
    assert not passwords.matches(password, "caching_sha2_password", kept[:-1])


@pytest.mark.parametrize("kept", [b"", b"$A$xyz$", b"invalid"])
def test_what_is_no_hash_lets_nobody_in(kept):
    assert not passwords.matches("", "caching_sha2_password", kept)
    assert not passwords.matches("", "unix_socket", kept)


def test_sha_crypt_is_what_openssl_passwd_makes():
    assert (
        passwords.sha256_crypt(b"Hello world!", b"saltstring", 5000)
        == b"5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"
    )
