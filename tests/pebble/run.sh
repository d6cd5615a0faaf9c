#!/usr/bin/env bash
# Tries site-certificates against pebble and two BINDs, in a container of its own: Debian 13's pebble knows ARI, Debian 12's does not.
# Usage: tests/pebble/run.sh [PYTEST WORD...]. Needs the image of the scenario "certificates", which has most of these packages.
set -euo pipefail
cd "$(dirname "$0")/../.."
container=$(docker run --detach --rm --cpu-shares 256 --volume "$PWD:/site:ro" --entrypoint sleep foobar.lamp/debian:13-packages 3600)
trap 'docker rm --force --volumes "$container" > /dev/null' EXIT
docker exec --env DEBIAN_FRONTEND=noninteractive "$container" sh -ec '
    apt-get update > /dev/null
    apt-get install --yes --no-install-recommends pebble bind9 openssl python3-acme python3-dnspython python3-pytest > /dev/null'
docker exec --workdir /site/tests/pebble "$container" python3 -B -m pytest -q -p no:cacheprovider -c /dev/null --rootdir . . "$@"
