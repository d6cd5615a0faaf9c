#!/bin/sh
# Made by Ansible. The unit's reload: has the master process $1 read its configuration, and ends when it works by that, which begins with
# processes of its own; or fails. nginx itself only says in its log that it goes on with the old one.
children=/proc/$1/task/$1/children
old=" $(cat "$children")"
kill -HUP "$1" || exit
[ -r "$children" ] || exit 0
for _ in $(seq 100); do
    now=$(cat "$children")
    for child in $now; do
        case $old in *" $child "*) ;; *) exit 0 ;; esac
    done
    sleep 0.1
done
echo "nginx goes on with its old configuration" >&2
exit 1
