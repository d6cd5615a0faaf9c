"""Which web server the hosts of a Molecule scenario have
(LAMP_WEB_SERVER), and where it keeps what tests look at.
"""

from __future__ import annotations

import os

SERVER = os.environ.get("LAMP_WEB_SERVER") or "apache"
SERVICE = {"apache": "apache2", "nginx": "nginx"}[SERVER]
#: What it calls itself; its status page, and a word of that.
NAME = {"apache": "Apache", "nginx": "nginx"}[SERVER]
STATUS = {
    "apache": ("http://127.0.0.1:8079/server-status?auto", "Scoreboard"),
    "nginx": ("http://127.0.0.1:8078/server-status", "Active connections"),
}[SERVER]
#: The directory of its configuration; where the names and passwords of sites are; how files begin
#: that close sites.
ETC = f"/etc/{SERVICE}"
ACCESS = f"{ETC}/access"
CLOSED = {"apache": f"{ETC}/conf-enabled/zz-foobar-lamp-", "nginx": f"{ETC}/closed/"}[SERVER]
