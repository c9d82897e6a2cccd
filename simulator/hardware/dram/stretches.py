"""Room for the stretches of streams that the kernel remembers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.channel import NOTHING
from simulator.hardware.dram.kernel.image import LONGEST_TIME, image_words
from simulator.hardware.dram.kernel.layout import (
    C_END,
    S_COUNT,
    X_BASE_ROWS,
    X_BEFORE,
    X_END,
    X_KEY,
    X_ORDER,
    X_POOL,
    X_RECORD_WORDS,
    X_ROWS,
    X_SOURCES,
    X_TABLE,
    X_TABLE_SIZE,
    X_USED,
)
from simulator.hardware.dram.kernel.learn import R_COUNT
from simulator.hardware.dram.tables import ChannelTables

Ints = NDArray[np.int64]

MEBIBYTES = 64
TABLE_SIZE = 1 << 15


def new_memory_of_stretches(tables: ChannelTables) -> Ints:
    """An empty memory of stretches of streams (`kernel.memo`) for channels of one kind.

    It is used up to `MEBIBYTES`, then cleared. Without room for any it is off, and where
    constraints last longer than an image can say.
    """
    if max((each.delay_ticks for each in tables.constraints), default=0) >= LONGEST_TIME:
        return NOTHING
    control, geometry = tables.controller, tables.geometry
    requests = control.read_queue + control.write_queue
    clients, slots = tables.clients, requests + geometry.banks + 1
    words = image_words(geometry.banks, clients, tables.times, requests)
    sources, rows = 2 * (slots + clients), 2 * (slots + geometry.banks)
    counted = clients + (C_END - S_COUNT) + 2 * sources
    record = R_COUNT + 2 * words + counted
    sizes = {
        X_KEY: words,
        X_BEFORE: 3 + 2 * counted,
        X_ORDER: requests,
        X_ROWS: rows,
        X_SOURCES: sources,
        X_BASE_ROWS: clients,
        X_TABLE: TABLE_SIZE,
    }
    end = X_END + sum(sizes.values())
    room = (MEBIBYTES << 20) // np.dtype(np.int64).itemsize
    if room < end + record:
        return NOTHING
    x = np.zeros(room, dtype=np.int64)
    at = X_END
    for place, size in sizes.items():
        x[place] = at
        at += size
    x[X_TABLE_SIZE], x[X_RECORD_WORDS], x[X_POOL], x[X_USED] = TABLE_SIZE, record, at, at
    return x
