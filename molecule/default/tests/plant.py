"""Plants traps for root wherever a user of a service can write, and says which ones root fell into.
Runs on the host, as root.

plant.py plant WAY USER...   plants symlinks to what is not there ("beside" all names), or a
                             "symlink", "hardlink" or "fifo" in the place of each name that no
                             process has open; prints how many
plant.py look                prints what root did to the canaries, a line each, and which users
                             can read one's content
plant.py clear               puts everything back
"""

import json
import os
import pathlib
import pwd
import stat
import subprocess
import sys

CANARIES = pathlib.Path("/root/canaries")
JOURNAL = CANARIES / "planted.json"
TOKEN = "a canary of root's\n"
ELSEWHERE = ("/proc/", "/sys/", "/dev/", "/tmp/", "/var/tmp/", "/run/lock/", "/run/user/")  # noqa: S108 # nothing is written there
# What programs append to a name while they write, compress, keep or lock a file.
BESIDE = (".new", ".tmp", ".old", ".bak", "~", ".gz", ".br", ".lock", ".part")
# Names that the test's own run is to make, beside what is there already.
TO_COME = ("planted.zone", "planted.css", "fresh.example.zone", "fresh.example.zone.new")


def as_user(user, function):
    """Return what ``function`` returns (as JSON can say it) in a process that is the user's."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.close(reading)
        found = pwd.getpwnam(user)
        os.initgroups(user, found.pw_gid)
        os.setgid(found.pw_gid)
        os.setuid(found.pw_uid)
        with os.fdopen(writing, "w") as pipe:
            json.dump(function(), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = json.load(pipe)
    os.waitpid(child, 0)
    return answer


def writable():
    """Return the directories in which this process can make names."""
    found = []
    for folder, folders, _names in os.walk("/"):
        folders[:] = [
            name for name in folders if not os.path.join(folder, name, "").startswith(ELSEWHERE)
        ]
        if os.access(folder, os.W_OK | os.X_OK) and not f"{folder}/".startswith(str(CANARIES)):
            found.append(folder)
    return found


def opened():
    """Return the paths that processes have open: those stay, so that services go on."""
    found = set()
    for link in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        try:
            found.add(os.readlink(link))
        except OSError:
            continue
    return found


def canary(number, directory=False):
    """Make a canary of root's; returns its path."""
    path = CANARIES / f"canary-{number}"
    if directory:
        path.mkdir()
        (path / "inside").write_text(TOKEN)
    else:
        path.write_text(TOKEN)
    path.chmod(0o700 if directory else 0o600)
    os.utime(path, (0, 0))
    return str(path)


def plan(user, way):
    """Return the traps of ``user``:
    ``[[path, aside, target]]``, ``aside`` empty where nothing stood, no target for a FIFO.
    """
    traps, busy = [], opened()

    def trap(path, aside="", directory=False):
        number = f"{user}-{len(traps)}"
        target = {"beside": f"{CANARIES}/made-{number}", "fifo": ""}.get(way)
        traps.append([path, aside, canary(number, directory) if target is None else target])

    for folder in as_user(user, writable):
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if way == "beside":
                # Nothing is there: whoever follows the link makes it.
                for suffix in BESIDE:
                    trap(entry.path + suffix)
            elif not entry.is_dir(follow_symlinks=False) and entry.path not in busy:
                trap(entry.path, f"{folder}/.aside-{entry.name}")
            elif way == "symlink" and not any(path.startswith(f"{entry.path}/") for path in busy):
                trap(entry.path, f"{folder}/.aside-{entry.name}", directory=True)
        for name in TO_COME:
            trap(f"{folder}/{name}")
    return traps


def plant(way, *users):
    CANARIES.mkdir(mode=0o700)
    planted = [trap for user in users for trap in plant_of(user, way)]
    JOURNAL.write_text(json.dumps({"traps": planted, "users": users, "canaries": state()}))
    print(len(planted))


def plant_of(user, way):
    """Plant the traps of ``user`` and return those that were possible:
    all as that user, but for hard links.

    Those the kernel refuses (protected_hardlinks), where nobody has turned that off: root plants
    them as if somebody had.
    """
    traps = plan(user, way)

    def work():
        done = []
        for path, aside, target in traps:
            try:
                if aside:
                    os.rename(path, aside)
                make(path, target)
            except OSError:
                if aside and os.path.lexists(aside) and not os.path.lexists(path):
                    os.rename(aside, path)
                continue
            done.append([path, aside, target])
        return done

    def make(path, target):
        if way == "fifo":
            os.mkfifo(path)
        else:
            (os.link if way == "hardlink" else os.symlink)(target, path)

    return work() if way == "hardlink" else as_user(user, work)


def state():
    """Return what there is to see of the canaries: ``{path: text}``."""
    found = {}
    for folder, folders, names in os.walk(CANARIES):
        for name in (*folders, *names):
            path = os.path.join(folder, name)
            one = os.lstat(path)
            if path != str(JOURNAL):
                content = (
                    pathlib.Path(path).read_text(errors="replace")
                    if stat.S_ISREG(one.st_mode)
                    else ""
                )
                found[path] = (
                    f"{stat.filemode(one.st_mode)} "
                    f"{one.st_uid}:{one.st_gid} {one.st_nlink} {content!r}"
                )
    return found


def look():
    journal, now = json.loads(JOURNAL.read_text()), state()
    targets = {target: path for path, _aside, target in journal["traps"]}
    for path in sorted({*journal["canaries"], *now}):
        before, after = journal["canaries"].get(path, "nothing"), now.get(path, "nothing")
        if before != after:
            print(f"{targets.get(path, path)}: {before} became {after}")
    for user in journal["users"]:
        for path in as_user(user, readable):
            print(f"{path}: {user} can read what is root's")


def readable():
    """Return the files outside the canaries that this process can
    read and that hold a canary's content.
    """
    places = [
        place
        for place in ("/srv", "/var/lib", "/var/log", "/var/cache", "/var/backups", "/etc", "/run")
        if os.path.isdir(place)
    ]
    words = ["grep", "-rslF", "--devices=skip", "--binary-files=text", TOKEN.strip(), *places]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()


def clear():
    if not JOURNAL.exists():
        return
    for path, aside, _target in reversed(json.loads(JOURNAL.read_text())["traps"]):
        if os.path.lexists(path) and (aside or not stat.S_ISDIR(os.lstat(path).st_mode)):
            os.unlink(path)
        if aside and os.path.lexists(aside):
            os.rename(aside, path)
    subprocess.run(["rm", "-rf", str(CANARIES)], check=True)


if __name__ == "__main__":
    {"plant": plant, "look": look, "clear": clear}[sys.argv[1]](*sys.argv[2:])
