"""What the system refuses a backup is told with its file and file system."""

from __future__ import annotations

import errno
import os

import pytest
from lamp_backup import files


@pytest.mark.parametrize("named", [True, False])
def test_error_names_file_and_file_system(named):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *(["/proc/x"] if named else []))
    assert files.told(full, "/proc/x").startswith(
        "/proc/x: No space left on device (file system /proc, "
    )
    refused = OSError(errno.EACCES, os.strerror(errno.EACCES), *(["/proc/x"] if named else []))
    assert files.told(refused, "/proc/x") == "/proc/x: Permission denied"
