"""Damage to files on hosts."""

from __future__ import annotations

_OTHER = (
    "import sys; file = open(sys.argv[1], 'r+b'); "
    "at = int(sys.argv[2]); file.seek(at); was = file.read(1)[0]; "
)
_OTHER += "file.seek(at); file.write(bytes([was ^ 255]))"


def damage(host, path, at):
    """Make the byte ``at`` of a file on a testinfra host another
    one than it is, whichever that is.
    """
    host.check_output(f'python3 -c "{_OTHER}" {path} {at}')
