"""Runs a command that ends when its parent does, however the parent ends.

``python leash.py PARENT_PID COMMAND…``; imports nothing of the suite, so that it costs little.
"""

import os
import sys

PR_SET_PDEATHSIG = 1
SIGKILL = 9


def hold(parent: int) -> None:
    """Ask Linux to kill this process, and what it becomes, when its parent dies."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # noqa: PLC0415 - elsewhere there is no prctl

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() != parent:  # it died before the call above
        sys.exit(1)


if __name__ == "__main__":
    hold(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the command is our own parent's
