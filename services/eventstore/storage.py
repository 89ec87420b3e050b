"""The file: its schema, its settings, and how rows become records."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import apsw

FILE_NAME = "events.sqlite"
LOCK_NAME = "node.lock"

COLUMNS = "position, stream, revision, id, type, is_json, created, data, metadata"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
  position INTEGER PRIMARY KEY,
  stream   TEXT    NOT NULL,
  revision INTEGER NOT NULL,
  id       BLOB    NOT NULL,
  type     TEXT    NOT NULL,
  is_json  INTEGER NOT NULL,
  created  INTEGER NOT NULL,
  data     BLOB    NOT NULL,
  metadata BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS events_by_stream ON events (stream, revision);
"""


class DirectoryInUse(Exception):
    """Another node holds the data directory."""


def lock_directory(data: Path) -> int:
    """Hold `data` for this process until it ends; raises DirectoryInUse."""
    data.mkdir(parents=True, exist_ok=True)
    lock = os.open(data / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise DirectoryInUse(f"another event store node is running on {data}") from None
    return lock


def open_for_writing(data: Path) -> apsw.Connection:
    db = apsw.Connection(str(data / FILE_NAME))
    db.set_busy_timeout(5_000)
    db.pragma("journal_mode", "wal")
    db.pragma("synchronous", "full")
    # Checkpoints run beside the writer (checkpointing.py), so that no append waits for one.
    db.pragma("wal_autocheckpoint", 0)
    db.pragma("cache_size", -32_000)
    db.execute(_SCHEMA)
    return db


def open_for_reading(data: Path) -> apsw.Connection:
    db = apsw.Connection(str(data / FILE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    db.set_busy_timeout(5_000)
    db.pragma("cache_size", -16_000)
    return db


def open_for_checkpoints(data: Path) -> apsw.Connection:
    db = apsw.Connection(str(data / FILE_NAME), flags=apsw.SQLITE_OPEN_READWRITE)
    db.pragma("synchronous", "full")
    return db
