"""Moves the write-ahead log into the database beside the writer, so that no append waits."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import apsw
import structlog

from services.eventstore.storage import FILE_NAME, open_for_checkpoints

INTERVAL = 1.0
"""Seconds between looks at the log's size."""

PASSIVE_BYTES = 16 * 1024 * 1024
RESTART_BYTES = 128 * 1024 * 1024
"""Above this the log is also made to start again, which may hold the writer for a moment."""

log = structlog.get_logger()


class Checkpointer:
    def __init__(self, data: Path) -> None:
        self._db = open_for_checkpoints(data)
        self._log_file = data / f"{FILE_NAME}-wal"
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="checkpoints", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        done_at = 0
        while not self._stopped.wait(INTERVAL):
            size = self._log_file.stat().st_size
            if abs(size - done_at) < PASSIVE_BYTES:
                continue
            try:
                self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                if size >= RESTART_BYTES:
                    self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                    size = 0
            except apsw.BusyError:
                continue  # a reader or the writer holds the log; the next look will do
            except apsw.Error:
                log.exception("checkpoint_failed")
            done_at = size
