"""What happens in the array for a tile: closed-form counts, by path.

A register is clocked when a word enters it, and only then (clock gated by the
word's valid bit). Every used PE multiplies and adds once per vector; adding onto
zero counts. Where a fold is padded, words cross the idle PEs and clock their
registers, but zeros make neither multiplier nor adder switch.

The counts factor: with r x c the PEs of a fold, each is a sum over row blocks
times a sum over column blocks. The register-level model counts them one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from simulator.hardware.matrix_unit import OperandTraffic, Tile
from simulator.hardware.primitives import Action, ActionCounts
from simulator.hardware.systolic_array import parts
from simulator.hardware.systolic_array.geometry import Blocks, Extents
from simulator.hardware.systolic_array.multipliers import MULTIPLIER
from simulator.hardware.systolic_array.spec import Dataflow, SystolicArraySpec
from simulator.numerics import format_named

PathActions = Mapping[str, Sequence[tuple[Action, int]]]
"""By what is counted: the actions that each count stands for, and how many of each."""


def path_actions(spec: SystolicArraySpec) -> PathActions:
    """Registers are written, operators operate; a product takes all that multiplies."""
    found: dict[str, list[tuple[Action, int]]] = {}
    for path, primitive in parts.primitives(spec).items():
        verb = "write" if primitive.kind == "flip_flop" else "operate"
        found[path] = [(Action(path, primitive, verb), 1)]
    found[MULTIPLIER] = [
        (Action(path, primitive), share)
        for path, (primitive, share) in parts.multiplier(spec).items()
    ]
    return found


def to_actions(actions: PathActions, counts: Mapping[str, int]) -> ActionCounts:
    """Name the actions that counts stand for."""
    result = ActionCounts()
    for path, count in counts.items():
        for action, share in actions[path] if count else ():
            result.add(action, count * share)
    return result


def action_counts(spec: SystolicArraySpec, tile: Tile) -> Counter[str]:
    """Actions by path for one tile."""
    extents = Extents.of(spec.dataflow, tile)
    padded = spec.edge == "padded"
    rows = Blocks.of(extents.rows, spec.rows, padded)
    columns = Blocks.of(extents.columns, spec.columns, padded)
    stream = extents.stream
    row, column = parts.row_operand(spec), parts.column_operand(spec)
    edge = int(spec.input_register)
    pes = rows.total * columns.total
    counts: Counter[str] = Counter(
        {
            MULTIPLIER: tile.macs,
            parts.ADDER: tile.macs,
            row.register: stream * pes,
            row.skew: stream * columns.count * (rows.triangles + edge * rows.total),
        }
    )
    if spec.dataflow == "output_stationary":
        counts[column.register] = stream * pes
        counts[column.skew] = stream * rows.count * (columns.triangles + edge * columns.total)
        shifts = rows.triangles * columns.total if spec.drain == "serial" else 0
        outputs = pes + shifts
        if spec.double_buffer:
            counts[parts.ACCUMULATOR] = (stream - 1) * pes
            counts[parts.SHADOW] = outputs
        else:
            counts[parts.ACCUMULATOR] = (stream - 1) * pes + outputs
        partial_sums = tile.m * tile.n
    else:
        # Row i of r is written by each of the r - i words that stop there or below.
        counts[column.register] = (rows.triangles + rows.total) * columns.total
        lines = parts.columns_are_skewed(spec) * columns.triangles + edge * columns.total
        counts[column.skew] = rows.total * lines
        counts[parts.ACCUMULATOR] = stream * pes
        partial_sums = tile.m * tile.n * rows.count
    if parts.adds_at_edge(spec):
        counts[parts.EDGE_ADDER] = partial_sums
    passes = stream * rows.count if spec.dataflow == "output_stationary" else rows.total
    entering = {row.name: stream * columns.count * rows.total, column.name: passes * columns.total}
    for operand, entrance in parts.entrances(spec).items():
        counts |= Counter(dict.fromkeys(entrance, entering[operand]))
    return counts


def operand_traffic(spec: SystolicArraySpec, tile: Tile, accumulate: bool) -> OperandTraffic:
    """Bytes between the array and its buffers; operands are packed, sums are not split.

    The operand that streams is read once per column block, the stationary one
    once. Sums are written once per block of k and read back before each further
    one. `accumulate` reads them back once more.
    """
    extents = Extents.of(spec.dataflow, tile)
    blocks = -(-extents.rows // spec.rows), -(-extents.columns // spec.columns)
    formats = spec.input_format, spec.weight_codes, spec.accumulator_format
    return traffic_of_blocks(spec.dataflow, tile, blocks, formats, accumulate)


def traffic_of_blocks(
    dataflow: Dataflow,
    tile: Tile,
    blocks: tuple[int, int],
    formats: tuple[str, str, str],
    accumulate: bool,
) -> OperandTraffic:
    """`operand_traffic` of a tile cut into `blocks` along the rows and along the columns.

    formats: of inputs, weights and sums.
    """
    row_blocks, column_blocks = blocks
    input_words, weight_words, outputs = tile.m * tile.k, tile.k * tile.n, tile.m * tile.n
    writes = outputs
    if dataflow == "output_stationary":
        input_words *= column_blocks
        weight_words *= row_blocks
    else:
        writes *= row_blocks
        if dataflow == "weight_stationary":
            input_words *= column_blocks
        else:
            weight_words *= column_blocks
    reads = writes - outputs + (outputs if accumulate else 0)
    inputs, weights, sums = formats
    return OperandTraffic(
        input_read_bytes=_bytes(input_words, inputs),
        weight_read_bytes=_bytes(weight_words, weights),
        psum_read_bytes=_bytes(reads, sums),
        psum_write_bytes=_bytes(writes, sums),
    )


def _bytes(words: int, format_name: str) -> int:
    return -(-words * format_named(format_name).bits // 8)
