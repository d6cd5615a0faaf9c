# shellcheck shell=sh disable=SC1091
# What a host has that is to be a member of a cluster: words parted by tabs, a line each (plugin_utils/mysql/joining.py reads them).
# Changes nothing, and fails at nothing: a server that is not there, or does not answer, says nothing.
# $1: the directory of its data. $2: its socket.
datadir=$1 socket=$2

version=$(mariadbd --version 2> /dev/null) || version=$(apt-cache policy mariadb-server 2> /dev/null | sed --quiet 's/^ *Candidate: //p')
printf 'version\t%s\n' "$version"
(. /etc/os-release && printf 'system\t%s\n' "$VERSION_ID")

place=$datadir
until [ -d "$place" ]; do place=$(dirname "$place"); done
printf 'free\t%s\n' "$(df --block-size=1 --output=avail "$place" | tail --lines=1)"

# As the decision has it, who may form a cluster (members.py).
find "$datadir" -mindepth 1 -maxdepth 1 -type d ! -name '[.#]*' ! -name foobar_lamp ! -name lost+found ! -name mysql \
    ! -name performance_schema ! -name sys -printf 'filled\t%f\n' 2> /dev/null | head --lines=1

# Data that are a cluster's already, such as those that a run which was killed has brought here.
[ ! -s "$datadir/grastate.dat" ] || printf 'joined\tyes\n'

HOME=/root mariadb --socket="$socket" --connect-timeout=10 --batch --skip-column-names 2> /dev/null << 'END'
SELECT 'bytes', COALESCE(SUM(allocated_size), 0) + @@innodb_log_file_size FROM information_schema.innodb_sys_tablespaces;
SELECT 'table', t.table_schema, t.table_name, COALESCE(t.engine, 'unknown'), k.table_name IS NOT NULL, COALESCE(c.column_name, '')
FROM information_schema.tables t
LEFT JOIN (SELECT DISTINCT table_schema, table_name FROM information_schema.statistics WHERE index_name = 'PRIMARY') k
  ON k.table_schema = t.table_schema AND k.table_name = t.table_name
LEFT JOIN information_schema.columns c
  ON c.table_schema = t.table_schema AND c.table_name = t.table_name AND c.extra LIKE '%auto_increment%'
WHERE t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
  AND t.table_schema NOT IN ('foobar_lamp', 'information_schema', 'mysql', 'performance_schema', 'sys')
  AND (COALESCE(t.engine, '') <> 'InnoDB' OR k.table_name IS NULL)
ORDER BY 2, 3;
-- The last: only members have the table, and one that has left keeps what was in it.
SELECT 'view', node_name FROM mysql.wsrep_cluster_members WHERE @@wsrep_on;
END
exit 0
