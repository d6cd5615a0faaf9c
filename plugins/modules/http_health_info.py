#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the health of many web pages at once."""

from __future__ import annotations

DOCUMENTATION = r"""
module: http_health_info
author: The foobar.lamp developers (@foobar)
short_description: Check the health of many web pages at once
version_added: 0.1.0
description:
  - Requests all pages at the same time, from the host that the module runs on. Each is requested
    again until it is healthy or the time is over.
  - A page is healthy when it is answered with a status below 400. A redirection is not followed.
options:
  pages:
    description: The pages.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the page in the result. Each name may be used once.
        type: str
        required: true
      path:
        description: The path and query that are asked for.
        type: str
        default: /
      host:
        description: The name of the site, sent as the header C(Host). O(pages[].name) by default.
        type: str
      headers:
        description: Headers that the answer must have to be healthy, with their values.
        type: dict
        default: {}
      tls:
        description: Whether to request the page by HTTPS, if the server listens on O(tls_port). The
          certificate is not verified.
        type: bool
        default: false
  address:
    description: The address of the web server.
    type: str
    default: 127.0.0.1
  port:
    description: The port of the web server.
    type: int
    default: 80
  tls_port:
    description: The port of the web server for HTTPS.
    type: int
    default: 443
  timeout:
    description: How many seconds all pages have to become healthy.
    type: int
    default: 15
attributes:
  check_mode:
    description: Asks all the same; nothing is ever changed.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Check the health of the sites
  foobar.lamp.http_health_info:
    pages:
      - {name: www.foobar.com, path: /healthz}
      - {name: shop.foobar.com}
  register: health
  failed_when: health.unhealthy | length > 0
"""

RETURN = r"""
began:
  description: When the host began to ask, in seconds since 1970.
  returned: always
  type: float
unhealthy:
  description: What is wrong with each page that is unhealthy, by name.
  returned: always
  type: dict
  sample: {shop.foobar.com: "answered 503 Service Unavailable"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.lamp.plugins.module_utils.host import http_health_info


def main():
    """Check, and return what is unhealthy."""
    module = AnsibleModule(argument_spec=http_health_info.ARGUMENT_SPEC, supports_check_mode=True)
    module.exit_json(**http_health_info.run(module.params))


if __name__ == "__main__":
    main()
