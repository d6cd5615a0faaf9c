"""The application's settings, read from the environment once at its start."""

from __future__ import annotations

import os
from dataclasses import dataclass


class SettingsError(RuntimeError):
    """A setting that is missing or cannot be: the message names it and the remedy."""


@dataclass(frozen=True)
class Settings:
    """``database_url`` in SQLAlchemy's form, ``secret_key`` of at least 32 characters,
    ``trusted_proxies`` in front of us.
    """

    database_url: str
    secret_key: str
    site_name: str = "www.foobar.com"
    static_root: str = ""
    release: str = "dev"
    trusted_proxies: int = 0

    @classmethod
    def from_environment(cls, environment=None) -> Settings:
        """Read them from ``environment`` (the process's own if None); raises SettingsError."""
        environment = os.environ if environment is None else environment
        for name in ("DATABASE_URL", "SECRET_KEY"):
            if not environment.get(name):
                raise SettingsError(f"{name} is not set: give it in the application's environment.")
        if len(environment["SECRET_KEY"]) < 32:
            raise SettingsError(
                "SECRET_KEY has fewer than 32 characters: give a longer random one."
            )
        proxies = environment.get("TRUSTED_PROXIES", "0")
        if not proxies.isdecimal():
            raise SettingsError(
                f"TRUSTED_PROXIES is {proxies!r}: "
                f"give the number of proxies in front of the application."
            )
        return cls(
            environment["DATABASE_URL"],
            environment["SECRET_KEY"],
            environment.get("SITE_NAME") or cls.site_name,
            environment.get("STATIC_ROOT", ""),
            environment.get("RELEASE_ID") or "dev",
            int(proxies),
        )
