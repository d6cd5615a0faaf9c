#!/bin/sh
# Bring the server's own tables up to date after a start with a newer version.
# Usage: mysql-upgrade-tables SOCKET DATADIR, as the server's user
set -eu
cd "$2"
# The package has made these as root. The directory is ours, the files are not.
for noted in mariadb_upgrade_info mysql_upgrade_info; do
    if [ -f "$noted" ] && [ ! -w "$noted" ]; then
        cp "$noted" "$noted.new"
        mv -f "$noted.new" "$noted"
    fi
done
# Most starts are of the same version, and done at once.
mariadb-upgrade --user=mysql --socket="$1" --skip-ssl --version-check --silent < /dev/null &
# With much data it takes longer, and goes on while the server works.
timeout 60 tail --pid=$! --sleep-interval=0.05 --follow /dev/null || true
