#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's half of app_release: make releases, switch to them, go back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_release
author: The foobar.lamp developers (@foobar)
short_description: Releases of Python applications, made and served beside the current ones and
  switched to
version_added: 0.1.0
description:
  - Makes, switches, rolls back and removes releases of Python applications on a host, for the role
    P(foobar.lamp.python_app#role). A release is identified by its content. One that is there
    already is not made again.
  - A step waits while another run works on the same application on the host. It can be killed at
    any time. The next run finds a complete release, or makes it again.
  - A step that fails removes the release, unless it is current, and keeps its log in
    C(/var/log/python_app). The other applications are not held up. At the end the task fails with
    the errors of all applications that failed. With O(fail=false) it returns them in RV(failures)
    instead.
options:
  step:
    description:
      - V(make) resolves the sources on the controller, says which applications are pending, ships
        them and makes their releases.
      - V(migrate) runs their migrations.
      - V(switch) starts a service of each beside the one that visitors see, asks it for its health,
        leads visitors to it, and stops the old one.
      - V(after) runs their commands for after the switch, and ends what their deploy has to do.
        Until then the link C(unverified) names the release, so that the run after one that was
        killed does the rest.
      - V(rollback) makes the releases before current again, or the one that O(release) names, in
        the same way.
      - V(restart) does so with the current releases of those applications whose settings changed
        since their services started, or of which a run that was killed left something undone.
      - V(pause) stops their services, workers and timers, and what timers have started, for a time
        in which nobody may write.
      - V(resume) starts those that do not run, and fails with the words of one that does not stay
        up. Timers that run on one host only are stopped where they are another host's.
      - V(retire) stops and removes the services, workers and timers of applications that are no
        longer declared. These need a name and a root only.
      - V(list) says what there is.
    type: str
    required: true
    choices: [make, migrate, switch, after, rollback, restart, pause, resume, retire, list]
  apps:
    description: The applications, as RV(pending) for V(migrate), V(switch) and V(after), as
      C(python_app_apps) for the others.
    type: list
    elements: dict
    required: true
  release:
    description: The release to go back to. The one before the current one by default.
    type: str
  drop:
    description: Whether O(step=rollback) removes the release that was current, since it is broken.
    type: bool
    default: false
  fail:
    description: Whether the task fails if an application does. V(false) returns RV(failures), for a
      run that goes on with the others.
    type: bool
    default: true
  keep:
    description: How many releases of an application are kept on the host.
    type: int
    default: 5
  python:
    description: The Python that virtual environments are made with.
    type: str
    default: /usr/bin/python3
  wheels_for:
    description: The version of that Python, such as V(3.13), where what the applications need is
      resolved on the controller and shipped.
    type: str
  identity:
    description: A text that is part of a release's identity, for instance the operating system's
      version. If it changes, a new release is made.
    type: str
    default: ""
  pip_environment:
    description: Environment variables for pip on the controller and on the host.
    type: dict
    default: {}
  host_pip_environment:
    description: Environment variables for pip on the host only.
    type: dict
    default: {}
  backups:
    description: For V(migrate), the backup that was taken before, by application, with its C(host),
      its C(name), empty if that is not known, and what its command C(said). Those that are missing
      have none.
    type: dict
    default: {}
  archives:
    description: Where the archives lie on the host, by name. Set by the action plugin; not an
      input.
    type: dict
    default: {}
  images:
    description:
      - Where what was sent of images lies on the host, by application. A layout, or what the host
        is to build from, as the application's plan says. Set by the action plugin; not an input.
    type: dict
    default: {}
  registries:
    description: How to log in to registries, C(username) and C(password) by application. Set by the
      action plugin; not an input.
    type: dict
    default: {}
  build_tools:
    description: What builds images on the controller, the first that works there. Where none does,
      the host builds.
    type: list
    elements: str
    choices: [podman, docker, buildah]
    default: [podman, docker, buildah]
  build_isolation:
    description: How Podman keeps a build apart from the host, as its option C(--isolation) calls
      it. Its own default if empty.
    type: str
    default: ""
  storage:
    description: Where the host's images are. Layers that are there already are not sent.
    type: path
    default: /var/lib/containers/storage
  server_wheels:
    description: Where the wheels of the server lie on the host, if they were shipped. Set by the
      action plugin; not an input.
    type: list
    elements: str
    default: []
  by:
    description: Who deploys, for the record in C(/var/log/python_app/deploys.log). Set by the
      action plugin; not an input.
    type: str
    default: ""
attributes:
  check_mode: {support: full, description: Says which releases would be made.}
  diff_mode: {support: full, description: Shows the releases before and after.}
"""

EXAMPLES = r"""
- name: Make the releases
  foobar.lamp.app_release:
    step: make
    apps: "{{ python_app_apps }}"
  register: made

- name: Switch to them
  foobar.lamp.app_release:
    step: switch
    apps: "{{ made.pending }}"
  when: made.pending | length > 0
"""

RETURN = r"""
plans:
  description: What a host needs to know of each application. Environments, which hold secrets, are
    not among it.
  returned: for the steps make and list
  type: list
  elements: dict
  sample: [{name: www.foobar.com, release: 0123456789ab, source: ../files/app,
            root: /srv/www.foobar.com}]
pending:
  description: Those of RV(plans) whose release was not current.
  returned: for the step make
  type: list
  elements: dict
unverified:
  description: Those of RV(pending), and those of RV(plans) whose release became current in a run
    that was killed before V(after) was done.
  returned: for the step make
  type: list
  elements: dict
failures:
  description:
    - What failed, an entry for each application. RV(plans), RV(pending) and RV(unverified) are
      without these.
  returned: unless the task fails
  type: list
  elements: dict
  contains:
    plan: {description: The plan of the application., type: dict}
    headline: {description: "A sentence: the application, the step, and why.", type: str}
    words: {description: The output of the command that failed., type: str}
began:
  description: When the host began with the step, in seconds since 1970.
  returned: for steps that change something
  type: float
seconds:
  description: How long each command took, by application and by the name that the command has in
    the application's log.
  returned: for steps that change something
  type: dict
  sample: {www.foobar.com: {install: 18.1, collect: 2.9}}
applications:
  description:
    - What there is of each application on the host. An empty text where there is nothing of a kind.
  returned: for the step list
  type: list
  elements: dict
  contains:
    name: {description: The application's name., type: str}
    current: {description: The release that is current., type: str}
    since: {description: "When it became that, in ISO 8601.", type: str}
    unverified: {description: Whether its deploy was killed before V(after) was done., type: bool}
    answers_as:
      description: The release that its answers name, empty where another server than ours serves
        it.
      type: str
    previous: {description: The release that was current before., type: str}
    service: {description: The unit of the service that visitors see., type: str}
    images: {description: "The bytes of those releases that are images, by release.", type: dict}
    releases:
      description:
        - All releases, newest first, with C(release), the C(source) and when it was C(made), in ISO
          8601. C(healthy) is whether it ever was, and is missing of one that an earlier version
          made. C(rollback) is how V(rollback) returns to it, V(default) or V(named), and empty if
          it does not.
      type: list
      elements: dict
      sample: [{release: 0123456789ab, source: ../files/app, made: "2026-11-27T20:30:25+00:00",
                healthy: true, rollback: default}]
answers:
  description: The releases that answers name from now on, by application; empty where another
    server than ours serves one.
  returned: for the step rollback
  type: dict
releases:
  description: The releases that are current now, by application.
  returned: for the step rollback
  type: dict
  sample: {www.foobar.com: 0123456789ab}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.lamp.plugins.module_utils.app import steps


def main():
    """Do the step, and say what came of it."""
    module = AnsibleModule(argument_spec=steps.ARGUMENT_SPEC, supports_check_mode=True)
    result = steps.run(module.params, module.check_mode)
    # What is given has secrets.
    (module.fail_json if result.get("failed") else module.exit_json)(**result, invocation={})


if __name__ == "__main__":
    main()
