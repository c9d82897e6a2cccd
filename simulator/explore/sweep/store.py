"""The store: what came of every point, in one file that many processes may share."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from simulator.config import CyclelabError, nearest
from simulator.explore.sweep.expression import parse_condition
from simulator.explore.sweep.front import front
from simulator.explore.sweep.layout import connect
from simulator.explore.sweep.point import OPEN, Point
from simulator.explore.sweep.version import model_version

if TYPE_CHECKING:
    import pandas as pd

    from simulator.explore.sweep.outcome import SweepResult

Placed = tuple[int, Sequence[int], bytes]
"""A point of a sweep: its number, levels and key."""
MOST_IN_ONE = 500
"""Values in one statement."""


@dataclass(frozen=True, slots=True)
class StoredSweep:
    """A sweep that a store has points of. axes: labels of its levels, by axis.

    objectives: figure to `min` or `max`. constraints: as written. baseline: labels, empty if
    it names none. settings: `key.path=value`, of all points. written: the whole sweep as it
    was read, plain data; empty if an earlier version of the program stored it.
    """

    id: int
    name: str
    title: str
    axes: dict[str, list[Any]]
    constraints: tuple[str, ...]
    objectives: dict[str, str]
    notes: tuple[str, ...] = ()
    baseline: dict[str, Any] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    written: dict[str, Any] = field(default_factory=dict)


class Store:
    """A store, opened to read, or with `create` to write as well; also a context, which
    turns errors of the file into CyclelabError.

    version: whose results are meant, by default those of this version's model. Raises
    CyclelabError for a file that is not there, is no store, or has another layout.
    """

    def __init__(
        self, path: str | Path, *, create: bool = False, version: str | None = None
    ) -> None:
        self.path = Path(path)
        self.version = version or model_version()
        self.connection = connect(self.path, create)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):  # a full disk, a file that nobody may write
            raise CyclelabError(f"{self.path}: {error}") from None

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    # -- what is there ---------------------------------------------------------------
    def sweeps(self) -> list[StoredSweep]:
        """All sweeps, the one that ran last at the end."""
        found = self.connection.execute("SELECT id, name, facts FROM sweeps ORDER BY used, id")
        return [_stored(*each) for each in found]

    def sweep(self, name: str | None = None) -> StoredSweep:
        """The sweep of a name that ran last, or the last of all; raises CyclelabError."""
        sweeps = self.sweeps()
        for each in reversed(sweeps):
            if name in (None, each.name):
                return each
        if name is None:
            raise CyclelabError(f"{self.path}: there is no sweep in it yet")
        hint = nearest(name, [each.name for each in sweeps])
        raise CyclelabError(
            f"{self.path}: there is no sweep {name!r} in it"
            + (f"; did you mean {hint!r}?" if hint else "")
        )

    def versions(self) -> dict[str, int]:
        """How many results there are of each version of the model."""
        return dict(
            self.connection.execute(
                "SELECT name, (SELECT count(*) FROM results WHERE version = versions.id) "
                "FROM versions ORDER BY id"
            )
        )

    def points(
        self, where: Mapping[str, Any] | None = None, sweep: str | None = None
    ) -> list[Point]:
        """Points of a sweep, in the order of its axes; of the one that ran last if not named.

        where: axes with the label, or the labels, that points must have. Points that were
        not run yet are among them. Raises CyclelabError for unknown axes or labels.
        """
        chosen = self.sweep(sweep)
        condition, values = _filter(chosen, where or {})
        found = self.connection.execute(
            "SELECT p.number, r.state, r.seconds, r.error, r.figures FROM points p "
            "LEFT JOIN results r ON r.key = p.key "
            "AND r.version = (SELECT id FROM versions WHERE name = ?) "
            f"WHERE p.sweep = ?{condition} ORDER BY p.number",
            (self.version, chosen.id, *values),
        )
        constraints = [parse_condition(text) for text in chosen.constraints]
        points: list[Point] = []
        while rows := found.fetchmany(MOST_IN_ONE):
            points += Point.read(chosen.axes, constraints, rows)
        return points

    def pareto(
        self,
        objectives: Mapping[str, str] | None = None,
        where: Mapping[str, Any] | None = None,
        sweep: str | None = None,
    ) -> list[Point]:
        """Feasible points that no other is better than in all objectives.

        objectives: figure to `min` or `max`; those of the sweep if left out.
        """
        chosen = self.sweep(sweep)
        return front(self.points(where, sweep), objectives or chosen.objectives)

    def result(self, sweep: str | None = None) -> SweepResult:
        """Everything of a sweep, to look at; of the one that ran last if not named."""
        from simulator.explore.sweep.outcome import SweepResult

        return SweepResult.read(self, sweep)

    def to_dataframe(
        self, where: Mapping[str, Any] | None = None, sweep: str | None = None
    ) -> pd.DataFrame:
        """A row per point, with columns as in `points.csv`, each of one type.

        Raises CyclelabError without pandas.
        """
        from simulator.explore.analysis.table import points_frame

        return points_frame(self.points(where, sweep), self.sweep(sweep).axes)

    # -- what a running sweep writes ---------------------------------------------------
    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that writes: all of it or nothing, after any other process's."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            yield self.connection
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def version_id(self) -> int:
        """The number of this version in the file, which gets one if it has none."""
        with self.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO versions (name) VALUES (?)", (self.version,))
            found = connection.execute("SELECT id FROM versions WHERE name = ?", (self.version,))
            return int(found.fetchone()[0])

    def outcome(self, key: bytes) -> tuple[str, dict[str, float]]:
        """State and figures of a point: `open`, and none, if nothing is stored of it."""
        row = self.connection.execute(
            "SELECT state, figures FROM results WHERE key = ? "
            "AND version = (SELECT id FROM versions WHERE name = ?)",
            (key, self.version),
        ).fetchone()
        return (OPEN, {}) if row is None else (row[0], json.loads(row[1]))

    def stored(self, digest: str) -> int:
        """How many points of a sweep have something stored."""
        found = self.connection.execute(
            "SELECT count(*) FROM sweeps s JOIN points p ON p.sweep = s.id "
            "JOIN results r ON r.key = p.key "
            "AND r.version = (SELECT id FROM versions WHERE name = ?) WHERE s.digest = ?",
            (self.version, digest),
        )
        return int(found.fetchone()[0])

    def register(
        self, digest: str, name: str, facts: Mapping[str, Any], points: Sequence[Placed]
    ) -> None:
        """Say that a sweep runs, and that it has these points and no others."""
        self.add_points(self.register_sweep(digest, name, facts), points, alone=True)

    def register_sweep(self, digest: str, name: str, facts: Mapping[str, Any]) -> int:
        """Say that a sweep runs; its number in the file."""
        with self.writing() as connection:
            connection.execute(
                "INSERT INTO sweeps (digest, name, facts, used) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (digest) DO UPDATE SET facts = excluded.facts, used = excluded.used",
                (digest, name, json.dumps(facts), time.time()),
            )
            found = connection.execute("SELECT id FROM sweeps WHERE digest = ?", (digest,))
            return int(found.fetchone()[0])

    def add_points(self, sweep: int, points: Sequence[Placed], *, alone: bool = False) -> None:
        """Say which points a sweep has. alone: no others than these."""
        with self.writing() as connection:
            if alone:
                connection.execute("DELETE FROM points WHERE sweep = ?", (sweep,))
                connection.execute("DELETE FROM coordinates WHERE sweep = ?", (sweep,))
            connection.executemany(
                "INSERT OR REPLACE INTO points VALUES (?, ?, ?)",
                ((sweep, number, key) for number, _, key in points),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO coordinates VALUES (?, ?, ?, ?)",
                sorted(
                    (sweep, axis, level, number)
                    for number, levels, _ in points
                    for axis, level in enumerate(levels)
                ),
            )


def _stored(sweep: int, name: str, facts: str) -> StoredSweep:
    found = json.loads(facts)
    return StoredSweep(
        sweep,
        name,
        found["title"],
        found["axes"],
        tuple(found["constraints"]),
        found["objectives"],
        tuple(found.get("notes", ())),
        found.get("baseline") or {},
        tuple(found.get("settings", ())),
        found.get("written", {}),
    )


def _filter(sweep: StoredSweep, where: Mapping[str, Any]) -> tuple[str, list[int]]:
    """SQL and its values for points that have some labels on some axes."""
    sql, values = "", []
    names = list(sweep.axes)
    for name, wanted in where.items():
        if name not in sweep.axes:
            hint = nearest(name, names)
            raise CyclelabError(
                f"sweep {sweep.name!r} has no axis {name!r}; it has: {', '.join(names)}"
                + (f"; did you mean {hint!r}?" if hint else "")
            )
        many = wanted if isinstance(wanted, list | tuple | set) else (wanted,)
        levels = [_level(sweep, name, label) for label in many]
        marks = ", ".join("?" * len(levels))
        sql += (
            " AND p.number IN (SELECT number FROM coordinates WHERE sweep = ? AND axis = ? "
            f"AND level IN ({marks}))"
        )
        values += [sweep.id, names.index(name), *levels]
    return sql, values


def _level(sweep: StoredSweep, axis: str, label: Any) -> int:
    try:
        return sweep.axes[axis].index(label)
    except ValueError:
        known = ", ".join(map(str, sweep.axes[axis]))
        raise CyclelabError(f"the axis {axis!r} has no {label!r}; it has: {known}") from None


def in_parts(keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Keys in lists that one statement takes."""
    listed = list(keys)
    for start in range(0, len(listed), MOST_IN_ONE):
        yield listed[start : start + MOST_IN_ONE]
