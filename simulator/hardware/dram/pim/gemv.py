"""How a matrix lies in the banks, and what the units do to multiply it by a vector.

Rows of the matrix (outputs) are spread over the banks of the channel, as many at a time
as there are banks; along a row of the matrix (inputs), a row of a bank holds so many
operands, a *chunk*. The vector's chunk is loaded once and meets all tiles of the chunk.

With segments (heads of an attention), the inputs of one output are several vectors side
by side, and each has a sum of its own: Q·Kᵀ has a token per output and d_k inputs per
head; S·V, a head at a time, has an output dimension per output and tokens as inputs.

Units that hold the vector in registers (`vector_operands`) take as many inputs at a time as
those hold; where a row of a bank has room for more, it holds several outputs one behind the
other. Neighbouring banks may share the inputs of an output (`input_banks`), and sums may stay
in registers over all chunks (`keep_sums`): then a *block* of outputs, as many as there are
registers, is multiplied by the whole vector before the next.
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
    sums: segments whose sums are read out together. keeps: none are, they stay for the next run.
    """

    input_bank: int
    input_row: int
    first_row: int
    tiles: int
    segments: int
    comps: int
    inputs: int = 1
    sums: int = 1
    keeps: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A run with the part of the matrix that it multiplies.

    first_input, inputs: operands of the vector. segment_inputs: of one sum, the last of
    which may be shorter; whole segments unless they are longer than a row of a bank.
    first_tile: of the chunk's, that the run begins with.
    """

    run: Run
    first_input: int
    inputs: int
    segment_inputs: int
    first_tile: int = 0


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
        pim = pim_of(self.device)
        if self.device.banks % (pim.banks_per_unit * pim.input_banks):
            raise ValueError(
                f"{self.device.name} has {self.device.banks} banks, which are no whole number of "
                f"units of {pim.banks_per_unit} with inputs shared by {pim.input_banks}"
            )
        for name in ("outputs", "inputs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")
        segment = self.segment_inputs
        if segment < 1 or self.inputs % segment:
            raise ValueError(
                f"segment is {segment}, expected a divisor of the {self.inputs} inputs"
            )
        held = vector_operands(self.device)
        if segment > held and segment != self.inputs:
            where = "a row of a bank holds" if pim.vector_operands is None else "units hold"
            raise ValueError(
                f"segment is {segment}, but {where} {held} operands; leave it out, "
                "so that partial sums are added outside"
            )
        rows = usable_rows(self.device)
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
        held = vector_operands(self.device)
        segment = self.segment_inputs
        if segment > held:
            return held
        return held // segment * segment if self._one_output_per_row else segment

    @property
    def chunks(self) -> int:
        """Vectors that are loaded one after the other."""
        return -(-self.inputs // self.chunk_inputs)

    @property
    def sums_per_output(self) -> int:
        """Sums that leave the units for each output and segment, and are added outside.

        One per chunk, unless they stay in registers, and one per lane without a tree.
        """
        pim = pim_of(self.device)
        chunks = 1 if pim.keep_sums else -(-self.segment_inputs // self.chunk_inputs)
        return chunks * (1 if pim.tree else pim.lanes)

    @property
    def places(self) -> int:
        """Outputs side by side: one per bank, or per `input_banks`."""
        return self.device.banks // pim_of(self.device).input_banks

    @property
    def row_outputs(self) -> int:
        """Outputs one behind the other in a row of a bank."""
        if self._one_output_per_row:
            return 1
        pim = pim_of(self.device)
        fit = row_operands(self.device) // self.part_operands(self.chunk_inputs)
        if pim.keep_sums and pim.sum_registers is not None:
            fit = min(fit, pim.sum_registers // pim.banks_per_unit)
        return fit

    def part_operands(self, inputs: int) -> int:
        """Operands that one bank has of so many inputs of an output: whole COMPs."""
        pim = pim_of(self.device)
        return -(-inputs // (pim.input_banks * pim.lanes)) * pim.lanes

    @property
    def tiles_per_chunk(self) -> int:
        """Rows that the outputs take."""
        return -(-self.outputs // (self.places * self.row_outputs))

    @property
    def block_tiles(self) -> int:
        """Tiles whose outputs are multiplied by all chunks before others are."""
        pim = pim_of(self.device)
        if not pim.keep_sums or pim.sum_registers is None:
            return self.tiles_per_chunk
        return max(1, pim.sum_registers // (pim.banks_per_unit * self.row_outputs))

    @property
    def rows(self) -> int:
        """Rows of every bank."""
        return self.chunks * self.tiles_per_chunk

    def pieces(self) -> Iterator[Piece]:
        """Block by block, chunk by chunk, in the order in which they are multiplied."""
        for first_tile in range(0, self.tiles_per_chunk, self.block_tiles):
            tiles = min(self.block_tiles, self.tiles_per_chunk - first_tile)
            for chunk in range(self.chunks):
                yield from self._pieces_of(first_tile, tiles, chunk)

    def _pieces_of(self, first_tile: int, tiles: int, chunk: int) -> Iterator[Piece]:
        """A chunk's tiles of one block; the last tile of all alone if it has fewer sums."""
        pim = pim_of(self.device)
        first = chunk * self.chunk_inputs
        inputs = min(self.chunk_inputs, self.inputs - first)
        length = min(self.segment_inputs, inputs)
        loads = input_commands(self.device, inputs)
        if pim.mode and not chunk:
            loads += pim.mode.block
        kept = self.keeps_sums(chunk)
        for begin, count, segments in self._evenly(first_tile, tiles, inputs // length):
            more = begin + count < first_tile + tiles
            run = Run(
                input_bank=0,
                input_row=self.input_row,
                first_row=self._row(begin, chunk),
                tiles=count,
                segments=segments,
                comps=comps_of(pim, length),
                inputs=0 if begin > first_tile else loads,
                sums=sums_together(pim),
                keeps=kept or (pim.keep_sums and more),
            )
            yield Piece(run, first, inputs, length, begin)

    def keeps_sums(self, chunk: int) -> bool:
        """Whether a chunk's sums stay in registers, for the next chunk of the same sums."""
        goes_on = chunk + 1 < self.chunks and self.segment_inputs > self.chunk_inputs
        return pim_of(self.device).keep_sums and goes_on

    def _evenly(self, first: int, tiles: int, heads: int) -> Iterator[tuple[int, int, int]]:
        """First tile, how many, and sums per bank of each, of tiles that have as many."""
        if self._one_output_per_row:
            yield first, tiles, heads
            return
        left = self.outputs - (self.tiles_per_chunk - 1) * self.places * self.row_outputs
        last = -(-left // self.places)
        if first + tiles < self.tiles_per_chunk or last == self.row_outputs:
            yield first, tiles, self.row_outputs
            return
        if tiles > 1:
            yield first, tiles - 1, self.row_outputs
        yield first + tiles - 1, 1, last

    def _row(self, tile: int, chunk: int) -> int:
        block = tile // self.block_tiles * self.block_tiles
        tiles = min(self.block_tiles, self.tiles_per_chunk - block)
        return self.first_row + block * self.chunks + chunk * tiles + tile - block

    @property
    def _one_output_per_row(self) -> bool:
        return pim_of(self.device).vector_operands is None

    def runs(self) -> tuple[Run, ...]:
        """Those of all pieces."""
        return tuple(piece.run for piece in self.pieces())

    def place(self, output: int, element: int) -> tuple[int, int, int]:
        """Bank, row and operand within the row of an element of the matrix."""
        chunk, within = divmod(element, self.chunk_inputs)
        above, place = divmod(output, self.places)
        tile, position = divmod(above, self.row_outputs)
        row = self._row(tile, chunk)
        if self._one_output_per_row:
            return place, row, within
        inputs = min(self.chunk_inputs, self.inputs - chunk * self.chunk_inputs)
        part, at = divmod(within, self.part_operands(inputs))
        stride = self.part_operands(self.chunk_inputs)
        return place * pim_of(self.device).input_banks + part, row, position * stride + at


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


def vector_operands(device: DramDeviceSpec) -> int:
    """Operands that one loaded vector has: as a row of a bank, or as the units' registers."""
    pim, held = pim_of(device), row_operands(device)
    return held if pim.vector_operands is None else min(pim.vector_operands, held) * pim.input_banks


def comps_of(pim: PimSpec, inputs: int) -> int:
    """COMPs of a sum of so many products: every lane one product, bank after bank of a unit."""
    return -(-inputs // (pim.lanes * pim.input_banks)) * pim.banks_per_unit


def sums_together(pim: PimSpec) -> int:
    """Segments whose sums are read out at a time: as many as there are registers for."""
    return 1 if pim.sum_registers is None else pim.sum_registers // pim.banks_per_unit


def usable_rows(device: DramDeviceSpec) -> int:
    """Rows of every bank that may hold operands: registers are written through the last one."""
    return device.organisation.counts.rows - (pim_of(device).input == "registers")


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
