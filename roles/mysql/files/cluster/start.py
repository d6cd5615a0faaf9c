# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the server of a member of the cluster, when it is known how: as one that joins, or as the
first.

run SERVER...   waits for room on the disk and for a decision, and becomes the server, watched by
                room.py. As the server's user
note            keeps what the directory of data says, for the agent. As the server's user
decide          prints what is decided, as JSON, when a person's run asks
wait SECONDS    waits until the server has all that the cluster has
whole SECONDS   waits until all members have that and are together; else one that stops would be the
                second that is away. Refuses where one that stops could not come back
leave SECONDS   the same, and then hands the writer's part over to another one, if this one has it.
                As the server's user
stop            hands it over before a stop, if another one is there. As the server's user
started         the same after a start, for a minute, and no longer than a moment where nobody can
                say it. What the directory of data said before is forgotten. As the server's user
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cluster  # noqa: E402
import members  # noqa: E402
import room  # noqa: E402
import writer  # noqa: E402

#: For how long one that crashed looks for the others, before it leaves that to the engine: which
#: begins anew only with all of them.
_PATIENCE = 15
#: Within how many seconds an agent hands over. It looks ten times a second, and gives the proxies
#: one.
_HANDING_OVER = 5


def _say(text):
    print(text, file=sys.stderr, flush=True)


def _become(server, more):
    room.guard(members.settings())
    os.execv(server[0], [*server, *more])  # noqa: S606 # it takes this one's place


def _form(datadir):
    """Let the engine take these data for the first member's: who called has seen that they are."""
    path = f"{datadir}/grastate.dat"
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(text.replace("safe_to_bootstrap: 0", "safe_to_bootstrap: 1"))
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{path}.new", path)
    if os.path.exists(f"{datadir}/gvwstate.dat"):
        os.unlink(f"{datadir}/gvwstate.dat")


def run(server):
    """Become the server."""
    told = os.environ.get("_WSREP_NEW_CLUSTER", "")
    room.wait(members.settings())
    recovered = subprocess.run(
        ["/usr/bin/galera_recovery"], stdout=subprocess.PIPE, text=True, check=False
    )
    if recovered.returncode:
        sys.exit("How far the data are cannot be found out: galera_recovery says above why.")
    option = recovered.stdout.split()
    began, last = time.monotonic(), ""
    while True:
        # Each time: a run may have changed who the members are.
        known = members.settings()
        mine = members.on_disk(known["datadir"], "".join(option))
        members.note(mine)
        found = {name: cluster.said(answer) for name, answer in members.ask_all(known).items()} | {
            known["me"]: mine
        }
        decision = cluster.decide(found)
        running = [
            name
            for name, one in found.items()
            if one and one["running"] and one["status"] == cluster.PRIMARY
        ]
        if told and running:
            sys.exit(
                f"This host was to begin a cluster, and {' and '.join(running)} is one already: "
                f"start mariadb, which joins it."
            )
        if told or (decision.action, decision.members) == (cluster.FORM, (known["me"],)):
            _say(f"The cluster begins here: {'so it was told' if told else decision.why}")
            _form(known["datadir"])
            _become(server, [*option, "--wsrep-new-cluster"])
        # Refused is what others would lose: this one may have all that they have.
        refused = decision.action == cluster.REFUSE and known["me"] in (
            decision.members or [known["me"]]
        )
        if running and not refused or decision.action == cluster.JOIN:
            _say(f"Joins: {decision.why}")
            _become(server, option)
        if mine["last_view"] and time.monotonic() - began > _PATIENCE:
            _say(f"Looks for those with which it was together last: {decision.why}")
            _become(server, option)
        others = cluster.strangers(found)
        why = cluster.not_known_here(others) if others else decision.why
        if why != last:
            _say(f"Waits: {why}")
            last = why
        time.sleep(1)


def decide():
    """Print the decision."""
    known = members.settings()
    answers = members.ask_all(known)
    decision = cluster.decide(
        {name: cluster.said(answer) for name, answer in answers.items()}, setting_up=True
    )
    mine = answers[known["me"]] or {}
    print(
        json.dumps(
            {
                **decision._asdict(),
                "running": bool(mine.get("running")),
                "writer": mine.get("writer", ""),
                "me": known["me"],
            }
        )
    )


def wait(seconds):
    """Wait until the server has all that the cluster has."""
    known, end = members.settings(), time.monotonic() + seconds
    while not (members.ask(known["members"][known["me"]], known["port"]) or {}).get("synced"):
        if time.monotonic() > end:
            why = cluster.decide(
                {name: cluster.said(answer) for name, answer in members.ask_all(known).items()}
            ).why
            sys.exit(
                f"mariadb is not a member of the cluster after {seconds} s. "
                f"{why} 'journalctl -u mariadb' says more."
            )
        time.sleep(0.2)


def whole(seconds):
    """Wait until all members are together and this one may stop, and return what they say."""
    known, end = members.settings(), time.monotonic() + seconds
    while missing := writer.missing(answers := members.ask_all(known)):
        if time.monotonic() > end:
            names, verb = " and ".join(missing), "are" if missing[1:] else "is"
            why = (
                f"{names} {verb} not there with all that the cluster has, so no other member is "
                f"stopped"
            )
            sys.exit(
                f"{why}: see to {names} first, "
                f"foobar.lamp.status says what to do, and run this again."
            )
        time.sleep(0.2)
    if newer := writer.newer(known["me"], answers):
        each = " and ".join(f"{name} has {release}" for name, release in newer.items())
        sys.exit(
            f"{each} of MariaDB, which is newer than that of {known['me']}. Once stopped, "
            f"{known['me']} could not come back before it has the same: upgrade it first, see "
            f"'From Debian 12 to 13' in docs/database-cluster.md."
        )
    return answers


def leave(seconds):
    """Make ready for a stop of the server: print who writes then, if that was this one."""
    known, answers = members.settings(), whole(seconds)
    if answers[known["me"]]["writer"] == known["me"]:
        _hand_over(known, writer.heir(known["me"], answers))


def stop():
    """Do the same as far as others are there: a person stops the server, or the host.

    One that ended by itself has nothing to hand over.
    """
    if not os.environ.get("MAINPID"):
        return
    known = members.settings()
    me, answers = known["me"], members.ask_all(known)
    heir = writer.heir(me, answers)
    if heir and (answers[me] or {}).get("writer") == me:
        _hand_over(known, heir)


def _hand_over(known, heir):
    """Have the agent hand the writer's part over, and print who writes then."""
    me, end = known["me"], time.monotonic() + _HANDING_OVER + 1
    members.name_heir(heir, _HANDING_OVER)
    while (now := (members.ask(known["members"][me], known["port"]) or {}).get("writer", "")) in (
        "",
        me,
    ):
        if time.monotonic() > end:
            sys.exit(
                f"{me} still writes, and was to hand that over to {heir}: 'journalctl "
                f"-u mysql-agent' there says why. Run this again."
            )
        time.sleep(0.05)
    print(f"{now} writes in the place of {me}.")


def started():
    """Wait after a start, so that the next member is not restarted before this one works."""
    members.forget()
    known, began = members.settings(), time.monotonic()
    while time.monotonic() - began < 60:
        mine = members.ask(known["members"][known["me"]], known["port"]) or {}
        if mine.get("synced") or not mine.get("running") and time.monotonic() - began > 3:
            return
        time.sleep(0.2)


if __name__ == "__main__":
    if sys.argv[1] == "run":
        run(sys.argv[2:])
    elif sys.argv[1] == "note":
        members.note(members.on_disk(members.settings()["datadir"]))
    elif sys.argv[1] == "decide":
        decide()
    elif sys.argv[1] == "started":
        started()
    elif sys.argv[1] == "whole":
        whole(int(sys.argv[2]))
    elif sys.argv[1] == "leave":
        leave(int(sys.argv[2]))
    elif sys.argv[1] == "stop":
        stop()
    else:
        wait(int(sys.argv[2]))
