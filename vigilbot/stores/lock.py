"""The lock beside a ledger: one process at a time changes it."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from vigilbot.errors import BadLedger


def lock_of(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def take_lock(path: Path) -> int:
    """An open descriptor that holds the ledger's lock until it is closed or the process ends.

    Raises BadLedger when another process has it, OSError when the file cannot be made.
    """
    lock = os.open(lock_of(path), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
        os.close(lock)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            who = f"process {holder}" if holder.isdigit() else "that process"
            raise BadLedger(
                "another process uses this ledger",
                place=str(path),
                remedy=f"Stop {who} first, or name another ledger",
            ) from error
        raise BadLedger(
            f"cannot be locked: {error.strerror}", place=str(path), remedy="Put it on a local disk"
        ) from error
    return lock
