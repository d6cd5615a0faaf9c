"""The parts of script/test, and those of them that a change can have touched. No Ansible.

parts.py            prints all parts, those that take longest first
parts.py PATH...    prints the parts that files of the repository, which have changed, can have
                    touched
"""

from __future__ import annotations

import re
import sys

#: Other versions of ansible-core than that of the lock.
CORES = ("core-2.20", "core-2.21")
#: By the time that they take, the longest first: so that none is alone at the end.
PARTS = (
    *(
        "mysql",
        "galaxy",
        "cluster",
        "deploys",
        "containers",
        "apart",
        "balancers",
        "certificates",
        "backup",
        "grades",
        "python_app",
        "default-13",
        "default-12",
        "firewall",
        "vip",
        "bind",
        "integration",
        "sanity",
        "lint",
    ),
    *CORES,
    "unit",
)
DEFAULT = {"default-12", "default-13"}
STATIC = {"lint", "sanity"}
#: Where each role is tested besides the whole site; one that is not here has a scenario of its
#: name.
ROLES = {
    "apache": {"python_app", "deploys", "galaxy", "grades"},
    "backup": {"backup", "grades"},
    "bind": {"bind", "grades"},
    "certificates": {"balancers", "certificates", "grades"},
    "haproxy": {"balancers", "integration", "vip"},
    "keepalived": {"vip"},
    "linux_base": {"galaxy", "grades"},
    "database_proxy": {"cluster"},
    "mysql": {"mysql", "backup", "cluster", "grades"},
    "nginx": {"galaxy", "grades"},
    "python_app": {"python_app", "deploys", "containers"},
}

#: The first that fits the beginning of a path says what it touches; "role" is what the pattern
#: found.
RULES = (
    (
        r"(docs|changelogs|meta)/|\w+\.md$|.*/README\.md$|LICENSE$|MAINTAINERS$|\.pre-commit-config\.yaml$",
        lambda role: STATIC,
    ),
    (r"roles/(?P<role>\w+)/", lambda role: STATIC | {"unit"} | DEFAULT | ROLES.get(role, {role})),
    (
        r"plugins/\w+/(_?dns|_?gss|_?zone)",
        lambda role: STATIC | {"unit", "integration", "bind", "default-13"},
    ),
    (
        r"plugins/\w+/((plan|roles)/)?(?P<role>mysql|backup|certificates|database_proxy|firewall|haproxy|keepalived)",
        lambda role: STATIC | {"unit", "default-13"} | ROLES.get(role, {role}),
    ),
    (
        r"plugins/\w+/(app/|app_|python_app)",
        lambda role: STATIC | {"unit", "default-13", "python_app", "deploys", "containers"},
    ),
    (r"plugins/", lambda role: set(PARTS) - {"integration"}),
    (r"playbooks/", lambda role: set(PARTS) - {"integration", "bind", "backup"}),
    (r"files/app/", lambda role: STATIC | {"unit", "default-13", "galaxy", "grades"}),
    (r"examples/fastapi/", lambda role: STATIC | {"unit", "python_app"}),
    (r"examples/", lambda role: STATIC | {"unit"}),
    (r"molecule/default/", lambda role: STATIC | DEFAULT | {"apart"}),
    (
        r"molecule/python_app/(apps/|404|sources)|tests/support/applications",
        lambda role: STATIC | {"python_app", "deploys", "containers"},
    ),
    (r"molecule/(?P<role>\w+)/", lambda role: STATIC | {role}),
    (r"tests/(?P<role>unit|integration|galaxy)/", lambda role: STATIC | {role}),
    (
        r"tests/(bench|lint|sanity)/|script/(bench|lock|readme|screenshot|site)$|\.github/",
        lambda role: STATIC | {"unit"},
    ),
    (r"", lambda role: set(PARTS)),
)


def touched(paths):
    """Return the parts that a change of files can have touched, in the order of PARTS."""
    found = set()
    for path in paths:
        match, parts = next(
            (match, parts) for pattern, parts in RULES if (match := re.match(pattern, path))
        )
        found |= parts(match.groupdict().get("role"))
    return [part for part in PARTS if part in found]


if __name__ == "__main__":
    print("\n".join(touched(sys.argv[1:]) if sys.argv[1:] else PARTS))
