# What script/site and script/test share. Sourced by bash, from the repository's root.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p .cache
# shellcheck disable=SC2034 # script/site uses it
NAME=${FOOBAR_LAMP_NAME:-foobar-lamp}
# The lock has the oldest ansible-core that is supported. This names another, such as 2.21 or devel.
CORE=${FOOBAR_LAMP_CORE:-}
STEP="" STEPS=() BEGAN=$SECONDS

say() { printf '%s\n' "$*"; }
die() { printf '\n%s\n' "$*" >&2; exit 1; }

# step TITLE COMMAND...: run a step, remember how long it took.
step() {
    local title=$1 outer=$STEP began=$SECONDS; shift
    STEP=$title
    say "==> $STEP"
    "$@"
    STEPS+=("$(printf '%5d s  %s' $((SECONDS - began)) "$title")")
    STEP=$outer
}

times() { printf '%s\n' "${STEPS[@]}"; printf '%5d s  in all\n' $((SECONDS - BEGAN)); }

explain() {
    local status=$?
    case $status in
        # What Ctrl-C leaves: of the shell, and of Ansible.
        130 | 99) printf '\n%s was interrupted at "%s": run it again, and it continues from there.\n' "$0" "$STEP" >&2; return ;;
    esac
    [ "$status" -eq 0 ] || [ -z "$STEP" ] || printf '\n%s stopped at "%s" (status %s). Its messages are above: correct the cause and run it again.\n' \
        "$0" "$STEP" "$status" >&2
}
trap explain EXIT

# quietly COMMAND...: its output goes to a log, which is shown when it fails.
quietly() {
    "$@" > .cache/log 2>&1 || { local status=$?; tail -n 30 .cache/log >&2; return $status; }
}

root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

# install PACKAGE...: the only change that is ever made to this machine; said before it is made.
install() {
    command -v apt-get > /dev/null || die "$* is missing: install it with this system's package manager and run this again."
    [ "$(id -u)" -eq 0 ] || command -v sudo > /dev/null || die "$* is missing: become root, or install it, and run this again."
    say "    installs on this machine: $*"
    quietly root apt-get update
    quietly root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
}

# The package `ansible` has all collections that are needed here and comes from where the other packages come from: Galaxy may be out of
# reach. Only these few of its hundred are unpacked, which takes a second; its own Python may be newer than the one that runs.
COLLECTIONS=(ansible.mariadb ansible.mysql ansible.posix community.docker community.general community.library_inventory_filtering_v1)
PYTHON_OF_COLLECTIONS=3.13

# environment site|test|bench|grades [DIRECTORY]: the virtual environment with the locked packages, and the collections beside Ansible.
environment() {
    local place=${2:-.venv} lock=.config/requirements/$1.txt python oldest=3.11 wanted
    [ -z "$CORE" ] || { place=.cache/core-$CORE oldest=3.12; }
    local stamp=$place/.$1
    wanted=$(cat "$lock" .config/requirements/collections.txt; say "${COLLECTIONS[@]}")
    python=$(python_since $oldest) ||
        die "ansible-core ${CORE:-of the lock} needs Python $oldest or later, which is not here: install it and run this again."
    mkdir -p .cache/collections/ansible_collections/foobar
    ln -sfn ../../../.. .cache/collections/ansible_collections/foobar/lamp
    if [ "$wanted" != "$(cat "$stamp" 2> /dev/null)" ] || ! "$place/bin/python" -c '' 2> /dev/null; then
        say "    $place from $lock, a minute or two"
        if "$python" -c 'import ensurepip' 2> /dev/null; then
            quietly "$python" -m venv "$place"
            PIP=("$place/bin/python" -m pip)
        else
            # Debian without python3-venv: pip is taken out of the distribution's package; nothing is installed.
            quietly "$python" -m venv --without-pip "$place"
            pip_from_package "$place"
        fi
        quietly "${PIP[@]}" install --disable-pip-version-check --no-input --require-hashes --requirement "$lock"
        [ -z "$CORE" ] || quietly "${PIP[@]}" install --disable-pip-version-check --no-input "$(ansible_core)"
        case $1 in site | test) collections "$place" ;; esac
        printf '%s\n' "$wanted" > "$stamp"
    fi
    export PATH=$PWD/$place/bin:$PATH
}

# python_since VERSION: the first Python of that version or later, also of those that pyenv keeps.
python_since() {
    local python
    for python in python3 python3.13 python3.12 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[23]*/bin/python3; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < tuple(map(int, sys.argv[1].split("."))))' "$1" 2> /dev/null; then
            command -v "$python"
            return
        fi
    done
    return 1
}

# ansible_core: what pip takes for $CORE.
ansible_core() {
    case $CORE in
        devel) say https://github.com/ansible/ansible/archive/devel.tar.gz ;;
        *) say "ansible-core~=$CORE.0" ;;
    esac
}

collections() {
    quietly "${PIP[@]}" download --disable-pip-version-check --no-input --no-deps --only-binary :all: --require-hashes \
        --python-version "$PYTHON_OF_COLLECTIONS" --requirement .config/requirements/collections.txt --dest "$1/collections"
    "$1/bin/python" - "$1"/collections/ansible-*.whl "${COLLECTIONS[@]}" <<'PYTHON'
import shutil, sys, sysconfig, zipfile
place = sysconfig.get_path("purelib")
shutil.rmtree(f"{place}/ansible_collections", ignore_errors=True)
wanted = tuple(f"ansible_collections/{name.replace('.', '/')}/" for name in sys.argv[2:])
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wheel.extractall(place, [name for name in wheel.namelist() if name.startswith(wanted)])
PYTHON
    rm -r "$1/collections"
}

pip_from_package() {
    local place=.cache/pip
    if ! compgen -G "$place/usr/share/python-wheels/pip-*.whl" > /dev/null; then
        mkdir -p $place
        # apt gives a download to its own user when it can; here it cannot, and says so.
        (cd $place && { apt-get -qq download python3-pip-whl 2> /dev/null ||
            { root apt-get -qq update && apt-get -qq download python3-pip-whl 2> /dev/null; }; }) ||
            die "pip is missing: install python3-venv and run this again."
        dpkg-deb --extract $place/python3-pip-whl_*.deb $place
    fi
    PIP=("$1/bin/python" "$(compgen -G "$place/usr/share/python-wheels/pip-*.whl")/pip")
}

# engine: a Docker engine that answers.
engine() {
    docker info > /dev/null 2>&1 && return
    local packages=(docker.io iptables)
    # The client is a package of its own since Debian 13.
    ! apt-cache show docker-cli > /dev/null 2>&1 || packages+=(docker-cli)
    command -v dockerd > /dev/null || install "${packages[@]}"
    if [ -d /run/systemd/system ]; then
        root systemctl start docker
    else
        say "    starts the Docker engine, log in .cache/dockerd.log"
        # Without systemd nobody starts it for us; it outlives this script, so it must not hold this script's lock.
        root setsid --fork dockerd > .cache/dockerd.log 2>&1 < /dev/null 9>&-
    fi
    for _ in $(seq 60); do
        docker info > /dev/null 2>&1 && return
        sleep 1
    done
    if root docker info > /dev/null 2>&1; then
        die "The Docker engine runs, but $(id -un) may not use it: add the user to the group docker and log in again, or run this as root."
    fi
    die "The Docker engine does not answer: see .cache/dockerd.log or 'systemctl status docker'."
}

# host NAME IMAGE [OPTION...]: a host in a new container; each OPTION is one of docker run.
# No privileged mode: these suffice for systemd, and not every machine can give more.
host() {
    local name=$1 image=$2; shift 2
    docker run --detach --name "$name" --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --cgroupns=private \
        --tmpfs /run --tmpfs /run/lock --tmpfs /tmp --env container=docker "$@" "$image" /sbin/init > /dev/null
}

# started NAME: wait until the host runs.
started() {
    local state
    for _ in $(seq 60); do
        state=$(docker exec "$1" systemctl is-system-running 2> /dev/null) || true
        case $state in running | degraded) return ;; esac
        sleep 1
    done
    docker logs --tail 20 "$1" >&2
    die "systemd does not come up in the container (${state:-no answer}). It needs a kernel and an engine that let a container have \
SYS_ADMIN and control groups of its own; what it said stands above. Try a newer engine, or a virtual machine and its inventory."
}

# image DEBIAN: the image foobar.lamp/debian:DEBIAN, made once for each version of its recipe.
image() {
    local recipe tag=foobar.lamp/debian:$1 suite
    recipe=$(sha256sum images/debian/Dockerfile | cut -c 1-12)
    [ "$(docker image inspect --format '{{ index .Config.Labels "recipe" }}' "$tag" 2> /dev/null)" != "$recipe" ] || return 0
    if timeout 30 docker pull --quiet "debian:$1" > /dev/null 2>&1; then
        quietly docker build --quiet --build-arg "DEBIAN=$1" --label "recipe=$recipe" --tag "$tag" images/debian
        return
    fi
    # No registry within reach: the distribution's own packages make the same.
    case $1 in 12) suite=bookworm ;; 13) suite=trixie ;; esac
    command -v mmdebstrap > /dev/null || install mmdebstrap
    local packages
    packages=$(grep -o 'no-install-recommends .*[^ \\]' images/debian/Dockerfile | cut -d ' ' -f 2- | tr ' ' ,)
    quietly root mmdebstrap --variant=minbase --skip=cleanup/apt/lists --include="$packages" "$suite" ".cache/debian-$1.tar"
    quietly docker import --change "LABEL recipe=$recipe" --change 'CMD ["/sbin/init"]' ".cache/debian-$1.tar" "$tag"
    root rm -f ".cache/debian-$1.tar"
}

# packages DEBIAN: the image foobar.lamp/debian:DEBIAN-packages, in which the roles have installed their packages and done nothing else.
# It is made anew when what they install may be another. One makes it, others that want it wait.
packages() {
    local recipe old tag=foobar.lamp/debian:$1-packages host=lamp-packages-$1
    mkdir -p ~/.cache/foobar.lamp
    exec 7> ~/.cache/foobar.lamp/packages-"$1"
    flock 7
    recipe=$({ docker image inspect --format '{{ .Id }}' "foobar.lamp/debian:$1"
        cat images/packages.yml inventory/group_vars/all.yml plugins/plugin_utils/plan/*.py plugins/*/debian_packages.py \
            plugins/module_utils/host/{debian_packages,units}.py roles/linux_base/{defaults,vars}/main.yml \
            roles/linux_base/tasks/packages.yml roles/*/defaults/main.yml; } | sha256sum | cut -c 1-12)
    [ "$(docker image inspect --format '{{ index .Config.Labels "packages" }}' "$tag" 2> /dev/null)" != "$recipe" ] || { exec 7>&-; return; }
    docker rm --force --volumes "$host" > /dev/null 2>&1 || true
    host "$host" "foobar.lamp/debian:$1"
    started "$host"
    FOOBAR_LAMP_NAME=$host quietly ansible-playbook --extra-vars "lamp_secrets_dir=$PWD/.cache/packages" images/packages.yml
    old=$(docker image inspect --format '{{ .Id }}' "$tag" 2> /dev/null) || true
    quietly docker commit --change "LABEL packages=$recipe" --change 'CMD ["/sbin/init"]' "$host" "$tag"
    docker rm --force --volumes "$host" > /dev/null
    [ -z "$old" ] || docker image rm "$old" > /dev/null 2>&1 || true
    exec 7>&-
}
