"""The CA whose certificates the balancers serve."""

from __future__ import annotations

import pytest
from support.containers import on_host

from .visitors import VISITOR


@pytest.fixture(scope="session", autouse=True)
def root():
    """Let visitors trust the CA."""
    on_host(
        VISITOR,
        "curl --fail --silent --insecure https://127.0.0.1:15000/roots/0 > /etc/pebble/root.pem",
        check=True,
    )
