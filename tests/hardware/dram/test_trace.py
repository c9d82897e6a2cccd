"""Reading traces: formats, blocks and chunks, compression, and every mistake a line can hold."""

from __future__ import annotations

import gzip
import io
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import ConfigError, CyclelabError
from simulator.hardware.dram.address import address_slices
from simulator.hardware.dram.controller import AddressMappingSpec, ControllerSpec
from simulator.hardware.dram.load import load_device
from simulator.hardware.dram.trace import TraceReader
from simulator.hardware.dram.trace_file import TraceFile, trace_title
from simulator.hardware.dram.trace_lines import FormatName
from tests.hardware.dram.shipped_traces import FOLDER, TRACES, text

HBM2 = load_device("hbm2-2000")
DDR4 = load_device("ddr4-3200")
CONTROLLER = ControllerSpec()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(content: str | bytes, form: FormatName = "coordinates", **options: int) -> list[list[int]]:
    """The requests of a trace on HBM2, all chunks together (the first channel's)."""
    Path("trace.txt").write_bytes(content.encode() if isinstance(content, str) else content)
    return [row for chunk in chunks("trace.txt", form, **options) for row in chunk[0].tolist()]


def chunks(
    name: str, form: FormatName = "coordinates", **options: int
) -> Iterator[list[np.ndarray]]:
    with TraceFile(name) as file:
        yield from TraceReader(HBM2, CONTROLLER, form, **options).chunks(file)


def refused(content: str | bytes, form: FormatName = "coordinates", **options: int) -> str:
    with pytest.raises(ConfigError) as error:
        read(content, form, **options)
    return str(error.value)


def test_coordinates_become_banks() -> None:
    """Two pseudo channels of 4 × 4 banks: pc 1, bg 2, ba 3 is bank 16 + 8 + 3."""
    assert read("5 R 1 0 2 3 77 31\n6 W 0 0 0 1 65535 0\n") == [
        [5, 0, 27, 77, 31],
        [6, 1, 1, 65535, 0],
    ]


def test_ranks_lie_between_pseudo_channels_and_bank_groups() -> None:
    device = load_device("hbm3-6400")
    Path("t.txt").write_text("0 R 1 1 2 3 5 6\n")
    with TraceFile("t.txt") as file:
        ((requests,),) = TraceReader(device, CONTROLLER).chunks(file)
    assert requests.tolist() == [[0, 0, (1 * 2 + 1) * 16 + 2 * 4 + 3, 5, 6]]


def test_comments_blanks_case_and_bases() -> None:
    content = "\ufeff# a comment\n\n  \t\n0 r 0 0 0 0 0x1F 0 # behind\r\n\t7\tw  0 0 0 0 9 0x1f"
    assert read(content) == [[0, 0, 0, 31, 0], [7, 1, 0, 9, 31]]


def test_largest_values() -> None:
    assert read("1000000000000 W 1 0 3 3 65535 31\n") == [[10**12, 1, 31, 65535, 31]]


REQUESTS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from("RWrw"),
        st.integers(0, 1),
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(0, 65535),
        st.integers(0, 31),
    ),
    min_size=1,
    max_size=40,
)


@given(REQUESTS, st.integers(1, 90), st.integers(1, 9), st.booleans(), st.data())
def test_blocks_and_chunks_change_nothing(
    requests: list[tuple[int, str, int, int, int, int, int]],
    block: int,
    chunk: int,
    final_newline: bool,
    data: st.DataObject,
) -> None:
    """Whatever a block cuts in two, and however many requests are handed on at once."""
    arrive, lines, expected = 0, [], []
    for later, op, pc, bg, ba, row, col in requests:
        arrive += later
        noise = data.draw(st.sampled_from(["", "#x\n", "\n", "  # y\n\n"]))
        lines.append(f"{noise}{arrive} {op} {pc} 0 {bg} {ba} {row} {col}")
        expected.append([arrive, int(op in "Ww"), 16 * pc + 4 * bg + ba, row, col])
    content = "\n".join(lines) + "\n" * final_newline
    assert read(content, block_bytes=block, chunk_requests=chunk) == expected


def test_chunks_hold_no_more_than_asked() -> None:
    Path("t.txt").write_text("0 R 0 0 0 0 0 0\n" * 25)
    sizes = [len(chunk[0]) for chunk in chunks("t.txt", chunk_requests=10)]
    assert max(sizes) == 10 and sum(sizes) == 25


def test_reader_counts() -> None:
    Path("t.txt").write_text("0 R 0 0 0 0 0 0\n9 W 0 0 0 0 0 0\n")
    reader = TraceReader(HBM2, CONTROLLER)
    with TraceFile("t.txt") as file:
        list(reader.chunks(file))
        assert file.share_read == 1.0
    assert (reader.requests, reader.last_arrival) == (2, 9)


# -- addresses ----------------------------------------------------------------------------
def test_addresses_are_bursts_of_the_mapping() -> None:
    """Lowest bits first: pseudo channel, bank group, column, bank; bursts of 32 bytes."""
    content = "0 R 0\n0 R 31\n0 W 32\n1 R 0x40\n1 R 256\n2 W 8192\n"
    assert read(content, "addresses") == [
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 1, 16, 0, 0],  # pseudo channel 1
        [1, 0, 4, 0, 0],  # bank group 1
        [1, 0, 0, 0, 1],  # next burst of the row
        [2, 1, 1, 0, 0],  # 8192 / 32 = 2 pseudo channels × 4 bank groups × 32 bursts: bank 1
    ]


def test_every_burst_has_a_place_of_its_own() -> None:
    generator = random.Random(3)
    bursts = generator.sample(range(HBM2.capacity_bytes // HBM2.burst_bytes), 500)
    content = "".join(f"0 R {32 * burst}\n" for burst in bursts)
    assert len({tuple(row) for row in read(content, "addresses")}) == 500


def test_mapping_of_the_controller() -> None:
    mapping = AddressMappingSpec(order=("column", "bank", "bank_group", "pseudo_channel", "row"))
    assert address_slices(HBM2, mapping)
    Path("t.txt").write_text("0 R 1024\n")
    reader = TraceReader(HBM2, ControllerSpec(address_mapping=mapping), "addresses")
    with TraceFile("t.txt") as file:
        ((requests,),) = reader.chunks(file)
    assert requests.tolist() == [[0, 0, 1, 0, 0]]


def test_addresses_over_channels() -> None:
    """Blocks of 256 bytes in turn: block 5 is the second of channel 1 of 4."""
    Path("t.txt").write_text("0 R 256\n1 R 1280\n2 W 512\n3 W 0\n")
    found = [rows.tolist() for rows in next(chunks("t.txt", "addresses", channels=4))]
    assert found == [
        [[3, 1, 0, 0, 0]],
        [[0, 0, 0, 0, 0], [1, 0, 0, 0, 1]],
        [[2, 1, 0, 0, 0]],
        [],
    ]


@given(st.lists(st.integers(0, 4 * HBM2.capacity_bytes - 1), min_size=1, max_size=50))
def test_channels_share_all_bursts(addresses: list[int]) -> None:
    reader = TraceReader(HBM2, CONTROLLER, "addresses", channels=4, interleave_bytes=512)
    channel, burst = reader.interleaving.split(np.array(addresses))
    assert (channel == np.array(addresses) // 512 % 4).all()
    assert (burst < HBM2.capacity_bytes // HBM2.burst_bytes).all()
    back = burst // 16 * 4 * 16 + channel * 16 + burst % 16
    assert (back == np.array(addresses) // 32).all()


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"channels": 3}, "--channels: found 3, expected a power of two"),
        ({"channels": 0}, "--channels: found 0"),
        ({"channels": 2**20}, "--channels: found 1048576"),
        ({"interleave_bytes": 24}, "--interleave: found 24, expected a power of two from 32"),
        ({"interleave_bytes": 0}, "--interleave: found 0"),
        ({"interleave_bytes": 2**40}, "--interleave"),
    ],
)
def test_channels_and_blocks_that_cannot_be(options: dict[str, int], part: str) -> None:
    with pytest.raises(CyclelabError) as error:
        TraceReader(HBM2, CONTROLLER, "addresses", **options)
    assert part in str(error.value)


@pytest.mark.parametrize("options", [{"channels": 2}, {"interleave_bytes": 256}])
def test_channels_are_for_addresses(options: dict[str, int]) -> None:
    with pytest.raises(CyclelabError) as error:
        TraceReader(HBM2, CONTROLLER, **options)
    assert "--format addresses" in str(error.value)


# -- mistakes -----------------------------------------------------------------------------
GOOD = "4 R 0 0 0 0 0 0"
LINES = {
    "bank group": ("9 R 0 0 7 0 0 0", "bank group is 7, hbm2-2000 has 0 to 3"),
    "pseudo channel": ("9 R 2 0 0 0 0 0", "pseudo channel is 2, hbm2-2000 has 0 to 1"),
    "rank": ("9 R 0 1 0 0 0 0", "rank is 1, hbm2-2000 has only 0"),
    "bank": ("9 R 0 0 0 4 0 0", "bank is 4, hbm2-2000 has 0 to 3"),
    "row": ("9 R 0 0 0 0 65536 0", "row is 65536, hbm2-2000 has 0 to 65535"),
    "burst": ("9 R 0 0 0 0 0 32", "burst of the row (col) is 32, hbm2-2000 has 0 to 31"),
    "negative": ("9 R 0 0 0 0 -3 0", "row is -3, hbm2-2000 has 0 to 65535"),
    "negative arrival": ("-9 R 0 0 0 0 0 0", "arrival cycle is -9, expected a whole number"),
    "fraction": ("9 R 0 0 0 0 1.5 0", "row is '1.5', expected a whole number from 0 to 65535"),
    "text": ("9 R 0 0 0 zero 0 0", "bank is 'zero', expected a whole number from 0 to 3"),
    "sign": ("9 R 0 0 0 +1 0 0", "bank is '+1', expected a whole number"),
    "underscore": ("9 R 0 0 0 0 1_0 0", "row is '1_0', expected a whole number"),
    "half a number": ("9 R 0 0 0 0 0x 0", "row is '0x', expected a whole number"),
    "not hexadecimal": ("9 R 0 0 0 0 0xg 0", "row is '0xg', expected a whole number"),
    "too long": (f"9 R 0 0 0 0 {10**30} 0", f"row is {10**30}, hbm2-2000 has"),
    "too late": (f"{10**12 + 1} R 0 0 0 0 0 0", "arrival cycle is 1000000000001, expected"),
    "operation": ("9 X 0 0 0 0 0 0", "operation is 'X', expected R or W"),
    "long operation": ("9 READ 0 0 0 0 0 0", "operation is 'READ', expected R or W"),
    "backwards": (
        "3 R 0 0 0 0 0 0",
        "arrives at cycle 3, before the request above it at cycle 4",
    ),
    "too few": ("9 R 0 0 0 0 0", "found 7 columns, expected 8: arrive op pc rank bg ba row col"),
    "too many": ("9 R 0 0 0 0 0 0 0", "found 9 columns, expected 8"),
    "one": ("9,R,0,0,0,0,0,0", "found 1 column, expected 8"),
    "addresses": ("9 R 0x1000", "found 3 columns, expected 8: arrive op pc rank bg ba row col; "),
    "control character": ("9 R 0 0\f0 0 0 0", "found the character U+000C"),
    "other digits": ("9 R 0 0 0 0 ٣ 0", "found the character U+0663"),
}


@pytest.mark.parametrize("case", LINES)
@pytest.mark.parametrize("block", [7, 2**20])
def test_wrong_lines(case: str, block: int) -> None:
    line, part = LINES[case]
    message = refused(f"# title\n{GOOD}\n\n{line}\n{GOOD}\n", block_bytes=block)
    assert message.startswith("trace.txt:4: ")
    assert part in message
    assert len(message.splitlines()) == 1
    if "character" not in part:
        assert repr(line)[:30] in message


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("0 R 0 0 0 0 0 0", "found 8 columns, expected 3: arrive op address; for arrive op pc"),
        ("0 R 0x80000000", "address is 0x80000000, expected a byte address below 0x80000000, the"),
        ("0 R -64", "address is -64, expected a byte address"),
        ("0 R here", "address is 'here', expected a byte address"),
    ],
)
def test_wrong_addresses(line: str, part: str) -> None:
    assert part in refused(line, "addresses")


def test_right_format_is_named() -> None:
    assert refused("0 R 64").endswith("use --format addresses")
    assert refused(GOOD, "addresses").endswith("use --format coordinates")


def test_more_channels_hold_more() -> None:
    assert read("0 R 0x80000000", "addresses", channels=2) == [[0, 0, 0, 32768, 0]]
    assert "2 channels of hbm2-2000" in refused("0 R 0x100000000", "addresses", channels=2)


def test_long_lines_are_shortened() -> None:
    message = refused("0 R " + "1 " * 5000 + "\n")
    assert "found 5002 columns" in message and "…" in message and len(message) < 200


def test_arrival_order_is_kept_over_blocks_and_chunks() -> None:
    content = "0 R 0 0 0 0 0 0\n" * 9 + "7 R 0 0 0 0 0 0\n6 R 0 0 0 0 0 0\n"
    for block, chunk in ((3, 1), (16, 2), (160, 10), (2**20, 100)):
        assert refused(content, block_bytes=block, chunk_requests=chunk).startswith("trace.txt:11:")


@pytest.mark.parametrize("content", ["", "\n\n", "# nothing\n", "   # nothing"])
def test_no_requests(content: str) -> None:
    assert refused(content) == "trace.txt: no requests: the trace is empty"


# -- files --------------------------------------------------------------------------------
LINE = b"3 W 0 0 0 0 5 6\n"


def test_compression_shows_in_the_bytes_not_in_the_name() -> None:
    assert read(gzip.compress(LINE)) == [[3, 1, 0, 5, 6]]
    Path("plain.txt.gz").write_bytes(LINE)
    assert len(next(chunks("plain.txt.gz"))[0]) == 1


def test_several_compressed_parts_are_one_trace() -> None:
    assert len(read(gzip.compress(LINE * 3) + gzip.compress(LINE * 2))) == 5


def test_cut_and_damaged_files() -> None:
    packed = gzip.compress(
        b"".join(b"%d R 0 0 0 0 %d 0\n" % (i, i * 7919 % 65536) for i in range(9999))
    )
    assert (
        refused(packed[:-1000]) == "trace.txt: the compressed file is cut off: its end is missing"
    )
    assert refused(packed[:1]).startswith("trace.txt: the compressed file is")
    damaged = bytearray(packed)
    damaged[len(packed) // 2] ^= 0xFF
    # Either the packing breaks there, or wrong text comes out of it.
    assert refused(bytes(damaged)).startswith("trace.txt:")
    assert "is damaged" in refused(packed + b"behind the end")


@pytest.mark.parametrize("content", [b"\x00" * 99, b"\x7fELF\x02\x01\n", bytes(range(255, 0, -1))])
def test_binary_files(content: bytes) -> None:
    message = refused(content)
    assert message.startswith("trace.txt:1: found the character U+")
    assert len(message.splitlines()) == 1


def test_endless_lines() -> None:
    assert refused(b"# " + b"x" * 3_000_000).startswith("trace.txt:1: a line is longer than 65,536")
    assert refused(LINE + b"7" * 3_000_000).startswith("trace.txt:2: a line is longer than 65,536")


def test_missing_files() -> None:
    Path("trace.txt").write_bytes(LINE)
    Path("folder").mkdir()
    for name, part in (
        ("trase.txt", "trase.txt: no such file; did you mean 'trace.txt'?"),
        ("folder", "folder: is a folder, expected a trace"),
        ("hbm2_streem", "did you mean 'hbm2_stream'?"),
        ("x" * 5000, "cannot read the file"),
        ("a\0b", "a\\x00b"),
    ):
        with pytest.raises(ConfigError) as error:
            TraceFile(name)
        assert part in str(error.value).replace("\0", "\\x00")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(LINE))))
    assert len(next(chunks("-"))[0]) == 1
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"0 R 0\n")))
    with pytest.raises(ConfigError) as error:
        next(chunks("-"))
    assert str(error.value).startswith("standard input:1: ")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ConfigError):
        TraceFile("-")


# -- what is shipped ----------------------------------------------------------------------
@pytest.mark.parametrize("name", TRACES)
def test_shipped_traces_are_what_their_patterns_say(name: str) -> None:
    file = FOLDER / f"{name}.txt.gz"
    assert gzip.decompress(file.read_bytes()).decode() == text(name)
    assert file.stat().st_size < 12_000
    assert trace_title(file) == TRACES[name][2]
    form: FormatName = "addresses" if "addresses" in name else "coordinates"
    assert sum(len(chunk[0]) for chunk in chunks(name, form)) == len(text(name).splitlines()) - 2


def test_nothing_else_is_shipped() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{n}.txt.gz" for n in TRACES} | {
        "README.md"
    }
