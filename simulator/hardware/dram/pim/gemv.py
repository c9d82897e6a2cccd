"""How a matrix lies in the banks, and what the units do to multiply it by a vector.

Rows of the matrix (outputs) are spread over the banks of the channel, as many at a time
as there are banks; along a row of the matrix (inputs), a row of a bank holds so many
operands, a *chunk*. The vector's chunk is loaded once and meets all tiles of the chunk.

With segments (heads of an attention), the inputs of one output are several vectors side
by side, and each has a sum of its own: Q·Kᵀ has a token per output and d_k inputs per
head; S·V, a head at a time, has an output dimension per output and tokens as inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simulator.hardware.dram.pim_spec import PimSpec
from simulator.hardware.dram.spec import DramDeviceSpec, level_index


@dataclass(frozen=True, slots=True)
class Run:
    """A loaded vector and the tiles that it meets: what a channel's queue of units holds.

    input_bank, input_row: where the vector lies (if the device takes it from a row).
    first_row: of `tiles` consecutive rows, the same in all banks. segments: sums per bank
    and tile, of `comps` COMPs each. inputs: GWRITEs, 0 if the vector is there already.
    """

    input_bank: int
    input_row: int
    first_row: int
    tiles: int
    segments: int
    comps: int
    inputs: int = 1


@dataclass(frozen=True, slots=True)
class Piece:
    """A run with the part of the matrix that it multiplies.

    first_input, inputs: operands of the vector. segment_inputs: of one sum, the last of
    which may be shorter; whole segments unless they are longer than a row of a bank.
    """

    run: Run
    first_input: int
    inputs: int
    segment_inputs: int


@dataclass(frozen=True)
class GemvLayout:
    """A matrix of `outputs` × `inputs` in a channel's banks, from row `first_row` up.

    segment: inputs of one sum; all of them by default. input_row: row of bank 0 that
    vectors are put into, for devices that take them from there.
    Raises ValueError for sizes that cannot be, and for rows that the device does not have.
    """

    device: DramDeviceSpec
    outputs: int
    inputs: int
    segment: int | None = None
    first_row: int = 1
    input_row: int = 0

    def __post_init__(self) -> None:
        pim_of(self.device)
        for name in ("outputs", "inputs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")
        segment = self.segment_inputs
        if segment < 1 or self.inputs % segment:
            raise ValueError(
                f"segment is {segment}, expected a divisor of the {self.inputs} inputs"
            )
        held = row_operands(self.device)
        if segment > held and segment != self.inputs:
            raise ValueError(
                f"segment is {segment}, but a row of a bank holds {held} operands; leave it out, "
                "so that partial sums are added outside"
            )
        rows = self.device.organisation.counts.rows
        if self.first_row + self.rows > rows:
            raise ValueError(
                f"the matrix takes {self.rows:,} rows of every bank "
                f"({self.rows * tile_bytes(self.device):,} bytes), from row {self.first_row} up; "
                f"{self.device.name} has {rows:,}"
            )

    @property
    def segment_inputs(self) -> int:
        """Inputs of one sum."""
        return self.inputs if self.segment is None else self.segment

    @property
    def chunk_inputs(self) -> int:
        """Inputs that one loaded vector holds: whole segments, if they fit a row."""
        held = row_operands(self.device)
        segment = self.segment_inputs
        return held // segment * segment if segment <= held else held

    @property
    def tiles_per_chunk(self) -> int:
        """Rows that the outputs take, with as many outputs in each as there are banks."""
        return -(-self.outputs // self.device.banks)

    @property
    def rows(self) -> int:
        """Rows of every bank."""
        return -(-self.inputs // self.chunk_inputs) * self.tiles_per_chunk

    def pieces(self) -> Iterator[Piece]:
        """Chunk by chunk, in the order in which they are multiplied."""
        pim = pim_of(self.device)
        for index, first in enumerate(range(0, self.inputs, self.chunk_inputs)):
            inputs = min(self.chunk_inputs, self.inputs - first)
            length = min(self.segment_inputs, inputs)
            run = Run(
                input_bank=0,
                input_row=self.input_row,
                first_row=self.first_row + index * self.tiles_per_chunk,
                tiles=self.tiles_per_chunk,
                segments=inputs // length,
                comps=comps_of(pim, length),
                inputs=input_commands(self.device, inputs),
            )
            yield Piece(run, first, inputs, length)

    def runs(self) -> tuple[Run, ...]:
        """Those of all pieces."""
        return tuple(piece.run for piece in self.pieces())

    def place(self, output: int, element: int) -> tuple[int, int, int]:
        """Bank, row and operand within the row of an element of the matrix."""
        chunk, within = divmod(element, self.chunk_inputs)
        tile, bank = divmod(output, self.device.banks)
        return bank, self.first_row + chunk * self.tiles_per_chunk + tile, within


def pim_of(device: DramDeviceSpec) -> PimSpec:
    """The units of a device; ValueError if it has none."""
    if device.pim is None:
        raise ValueError(f"the DRAM device {device.name!r} has no units that compute (no `pim`)")
    return device.pim


def row_operands(device: DramDeviceSpec) -> int:
    """Operands in a row of one bank."""
    row_bytes = device.bursts_per_row * device.burst_bytes
    return row_bytes * 8 // pim_of(device).operand_bits


def tile_bytes(device: DramDeviceSpec) -> int:
    """Bytes of a row in all banks."""
    return device.banks * device.bursts_per_row * device.burst_bytes


def comps_of(pim: PimSpec, inputs: int) -> int:
    """COMPs of a sum of so many products: every lane one product, bank after bank of a unit."""
    return -(-inputs // pim.lanes) * pim.banks_per_unit


def input_commands(device: DramDeviceSpec, inputs: int) -> int:
    """GWRITEs that load so many operands: one from a row, one per burst over the bus."""
    pim = pim_of(device)
    if pim.input == "row":
        return 1
    return -(-inputs * pim.operand_bits // (8 * device.burst_bytes))


def comp_bits(device: DramDeviceSpec) -> int:
    """Bits that one COMP takes from all banks together."""
    pim = pim_of(device)
    return device.banks // pim.banks_per_unit * pim.lanes * pim.operand_bits


def group_banks(device: DramDeviceSpec) -> int:
    """Banks in which one G_ACT opens a row."""
    counts = device.organisation.counts
    sizes = (counts.pseudo_channels, counts.ranks, counts.bank_groups, counts.banks_per_group)
    banks = 1
    for size in sizes[level_index(pim_of(device).activate_scope) :]:
        banks *= size
    return banks


def commands_of(run: Run, composite: bool) -> int:
    """Commands that a controller is given for a run; rows it opens and closes by itself."""
    segment = 1 if composite else run.comps + 1
    return run.inputs + run.tiles * (1 + run.segments * segment)
