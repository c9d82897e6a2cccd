"""How a store lies in its file: sqlite, in WAL mode."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from simulator.config import CyclelabError

LAYOUT = 1
"""Kept as sqlite's `user_version`; files of another layout are refused."""
APPLICATION = 0x6379636C
"""Kept as sqlite's `application_id`: the file is one of ours."""
BUSY_S = 60.0
"""How long one process waits for another to have written."""

TABLES = """
CREATE TABLE versions (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE sweeps (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    facts TEXT NOT NULL, used REAL NOT NULL);
CREATE TABLE points (
    sweep INTEGER NOT NULL, number INTEGER NOT NULL, key BLOB NOT NULL,
    PRIMARY KEY (sweep, number)) WITHOUT ROWID;
CREATE TABLE coordinates (
    sweep INTEGER NOT NULL, axis INTEGER NOT NULL, level INTEGER NOT NULL,
    number INTEGER NOT NULL, PRIMARY KEY (sweep, axis, level, number)) WITHOUT ROWID;
CREATE TABLE results (
    id INTEGER PRIMARY KEY, version INTEGER NOT NULL, key BLOB NOT NULL, state TEXT NOT NULL,
    seconds REAL NOT NULL, limit_s REAL, error TEXT, figures TEXT NOT NULL,
    UNIQUE (version, key));
CREATE TABLE claims (
    version INTEGER NOT NULL, key BLOB NOT NULL, runner TEXT NOT NULL,
    PRIMARY KEY (version, key)) WITHOUT ROWID;
CREATE TABLE runners (
    name TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, seen REAL NOT NULL);
"""


HEADER = b"SQLite format 3\0"


def is_store(path: str | Path) -> bool:
    """Whether a file is a database, as stores are; or would be one, by its name."""
    try:
        with open(path, "rb") as file:
            return file.read(len(HEADER)) == HEADER
    except OSError:
        return Path(path).suffix == ".sqlite"


def connect(path: Path, create: bool) -> sqlite3.Connection:
    """Open a store; raises CyclelabError for a file that is none, or of another layout."""
    if not create and not path.is_file():
        raise CyclelabError(f"{path}: no such store; cyclelab sweep makes one")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    except (sqlite3.Error, OSError) as error:
        raise CyclelabError(f"{path}: cannot be used as a store: {error}") from None
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise CyclelabError(f"{path}: cannot be used as a store: {error}") from None
    except CyclelabError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file; of two processes one makes them."""
    if _pragma(connection, "user_version") == 0:
        connection.execute("BEGIN IMMEDIATE")
        if _pragma(connection, "user_version") == 0:
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                connection.execute("ROLLBACK")
                raise CyclelabError(f"{path}: is a database of something else, not a store")
            for statement in TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION}")
            connection.execute(f"PRAGMA user_version={LAYOUT}")
        connection.execute("COMMIT")
    if _pragma(connection, "application_id") != APPLICATION:
        raise CyclelabError(f"{path}: is a database of something else, not a store")
    layout = _pragma(connection, "user_version")
    if layout != LAYOUT:
        raise CyclelabError(
            f"{path}: its layout is {layout}, this version of cyclelab reads {LAYOUT}: read it "
            "with the version that wrote it, or name another file with --store"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
