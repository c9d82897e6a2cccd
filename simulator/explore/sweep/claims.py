"""Which of several running processes computes which point of a shared store."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from collections.abc import Sequence

from simulator.explore.sweep.jobs import Ran
from simulator.explore.sweep.point import CRASHED, TIMED_OUT
from simulator.explore.sweep.store import Store, in_parts

BEAT_S = 2.0
"""How often a process says that it is alive."""
GONE_S = 30.0
"""Without a sign for so long, a process counts as gone."""


class Runner:
    """This process at a store: claims points, records what came of them.

    time_limit_s: of a point; one that took longer before is tried again with more.
    """

    def __init__(self, store: Store, time_limit_s: float | None = None) -> None:
        self.store = store
        self.time_limit_s = time_limit_s
        self.version = store.version_id()
        self.name = uuid.uuid4().hex
        self._seen = 0.0
        self.beat()

    def beat(self) -> None:
        """Say that this process is alive, now and then."""
        if time.time() - self._seen < BEAT_S:
            return
        self._seen = time.time()
        facts = (self.name, socket.gethostname(), os.getpid(), self._seen)
        with self.store.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO runners VALUES (?, ?, ?, ?)", facts)

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of some points that need not be computed any more."""
        found: set[bytes] = set()
        for part in in_parts(keys):
            marks = ", ".join("?" * len(part))
            rows = self.store.connection.execute(
                f"SELECT key, state, limit_s FROM results WHERE version = ? AND key IN ({marks})",
                (self.version, *part),
            )
            found |= {key for key, state, limit_s in rows if not self._again(state, limit_s)}
        return found

    def _again(self, state: str, limit_s: float | None) -> bool:
        if state == TIMED_OUT:
            return self.time_limit_s is None or (limit_s or 0.0) < self.time_limit_s
        return state == CRASHED

    def claim(self, keys: Sequence[bytes]) -> tuple[list[bytes], set[bytes]]:
        """Of some points, those that are now this process's; and those that are done by now.

        All others are being computed by another process.
        """
        with self.store.writing() as connection:
            done = self.known(keys)
            mine = []
            for key in keys:
                if key in done:
                    continue
                row = connection.execute(
                    "SELECT c.runner, r.host, r.pid, r.seen FROM claims c LEFT JOIN runners r "
                    "ON r.name = c.runner WHERE c.version = ? AND c.key = ?",
                    (self.version, key),
                ).fetchone()
                if row is None or row[0] == self.name or not _is_alive(*row[1:]):
                    mine.append(key)
            connection.executemany(
                "INSERT OR REPLACE INTO claims VALUES (?, ?, ?)",
                ((self.version, key, self.name) for key in mine),
            )
        return mine, done

    def record(self, key: bytes, ran: Ran) -> None:
        """Store what came of a point, and give up the claim to it, both or neither."""
        limit_s = self.time_limit_s if ran.state == TIMED_OUT else None
        figures = json.dumps(ran.figures)
        with self.store.writing() as connection:
            connection.execute(
                "INSERT INTO results (version, key, state, seconds, limit_s, error, figures) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (version, key) DO UPDATE SET "
                "state = excluded.state, seconds = excluded.seconds, limit_s = excluded.limit_s, "
                "error = excluded.error, figures = excluded.figures "
                "WHERE results.state NOT IN ('done', 'failed')",
                (self.version, key, ran.state, ran.seconds, limit_s, ran.error, figures),
            )
            connection.execute(
                "DELETE FROM claims WHERE version = ? AND key = ?", (self.version, key)
            )

    def leave(self) -> None:
        """Give up all claims."""
        with self.store.writing() as connection:
            connection.execute("DELETE FROM claims WHERE runner = ?", (self.name,))
            connection.execute("DELETE FROM runners WHERE name = ?", (self.name,))


def _is_alive(host: str | None, pid: int | None, seen: float | None) -> bool:
    """Whether the process that claimed a point still runs."""
    if host is None or pid is None or seen is None or time.time() - seen > GONE_S:
        return False
    if host != socket.gethostname():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
