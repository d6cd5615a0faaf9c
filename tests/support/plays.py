"""Playbooks run by tests, against the hosts of the Molecule scenario whose verifier runs them."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess

from . import web

ROOT = pathlib.Path(__file__).parents[2]
# Colours would stand in the middle of what tests look for.
ENVIRONMENT = {
    **os.environ,
    "ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg",
    "ANSIBLE_FORCE_COLOR": "false",
}

LONGEST = 900  # seconds that a run may take, on a busy computer


def inventory():
    """Return the file in which Molecule names the scenario's hosts."""
    return os.environ["MOLECULE_INVENTORY_FILE"]


def ephemeral():
    """Return the scenario's directory for what lasts until its end."""
    return pathlib.Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])


def command(playbook, *options, **variables):
    """Return the command that runs a playbook:
    one of the collection by its name, or any by its path.
    """
    path = ROOT / "playbooks" / f"{playbook}.yml" if isinstance(playbook, str) else playbook
    # As .config/molecule/config.yml has it.
    given = {
        "ansible_become": False,
        "lamp_web_server": web.SERVER,
        "lamp_base_dir": f"{ROOT}/inventory",
    }
    given |= {"lamp_secrets_dir": f"{ephemeral()}/secrets", **variables}
    return [
        "ansible-playbook",
        "--inventory",
        inventory(),
        "--extra-vars",
        json.dumps(given),
        str(path),
        *options,
    ]


def play(playbook, *options, **variables):
    """Run it; returns its ``CompletedProcess``, whatever its status."""
    words = command(playbook, *options, **variables)
    try:
        return subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env=ENVIRONMENT,
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired as error:
        # A run that a pipe holds up is a failure, and no end of the tests.
        said = (error.stdout or b"").decode(errors="replace")
        raise AssertionError(
            f"{playbook} was held up for {LONGEST} seconds. It said at last:\n{said[-2000:]}"
        ) from None


def _descendants(pid):
    """Return the process and all that it began: Ansible's workers have sessions of their own."""
    shown = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    parents = [tuple(map(int, line.split())) for line in shown.splitlines()]
    found = [pid]
    for one in found:
        found += [child for child, parent in parents if parent == one]
    return found


@contextlib.contextmanager
def killed(words, **options):
    """Start a command; on leaving, it and all that it began are killed,
    as if the controller were gone.
    """
    given = {
        "cwd": ROOT,
        "env": {**ENVIRONMENT, "PYTHONUNBUFFERED": "1"},
        "stdout": subprocess.DEVNULL,
        "text": True,
        **options,
    }
    with subprocess.Popen(words, start_new_session=True, **given) as process:
        try:
            yield process
        finally:
            for pid in _descendants(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def kill_after(task, words, **options):
    """Run a command of Ansible's, and have it killed behind the first result of a task, before the
    next one begins. ``task``: the end of its name.
    """
    environment = options.pop("env", ENVIRONMENT) | {
        "ANSIBLE_CALLBACK_PLUGINS": f"{ROOT}/tests/support/callback",
        "ANSIBLE_CALLBACKS_ENABLED": "killed_after",
        "KILLED_AFTER": task,
        "PYTHONUNBUFFERED": "1",
    }
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
        env=environment,
        **{"cwd": ROOT, **options},
    )
    assert done.returncode == -signal.SIGKILL, f"{task} had no result:\n{done.stdout[-3000:]}"
    return done


def recap(done):
    """Return the counts of a run's recap, ``{"ok": int, "changed": int, ...}``, over all hosts."""
    counts = {}
    for name, number in re.findall(r"(\w+)=(\d+)", done.stdout.partition("PLAY RECAP")[2]):
        counts[name] = counts.get(name, 0) + int(number)
    return counts
