"""How many blocks an SM holds at once, and the cycles of a slab on it: closed forms.

Occupancy is what registers, shared memory, threads and block slots allow (NVIDIA, CUDA
C++ Best Practices Guide, "Calculating Occupancy"). A warp's sums and fragments are in
registers; each of its fragments is read from shared memory once per slab, so that an
operand is read as often as warps side by side need it (Kerr et al., CUTLASS: Fast
Linear Algebra in CUDA C++, NVIDIA developer blog, 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from simulator.hardware.gpu import REGISTER_BYTES, THREADS_PER_WARP, SmSpec
from simulator.hardware.matrix_unit import MatrixUnit, Tile, TileTiming
from simulator.mapping.gpu.problem import Block
from simulator.mapping.in_step.problem import StepGemm
from simulator.workload.bits import pair_bytes

FRAGMENT_BUFFERS = 2
"""Fragments of the next step are read from shared memory while this one is multiplied."""


@dataclass(frozen=True, slots=True)
class BlockUse:
    """What one block takes of an SM."""

    registers_per_thread: int
    register_bytes: int
    shared_bytes: int
    threads: int


def block_use(problem: StepGemm, block: Block, unit: MatrixUnit[Any], core: SmSpec) -> BlockUse:
    """Registers, shared memory and threads of one block."""
    warp_m, warp_n = block.m // block.warps_m, block.n // block.warps_n
    sums = warp_m * warp_n * problem.accumulator_bits * (2 if problem.group else 1)
    depth = unit.granularity.k
    fragments = warp_m * problem.input_bits + warp_n * problem.fragment_bits
    bits = sums + FRAGMENT_BUFFERS * depth * fragments
    per_thread = math.ceil(bits / (8 * REGISTER_BYTES * THREADS_PER_WARP))
    per_thread += core.spare_registers_per_thread
    threads = THREADS_PER_WARP * block.warps
    return BlockUse(
        registers_per_thread=per_thread,
        register_bytes=per_thread * threads * REGISTER_BYTES,
        shared_bytes=block.stages * block.slab_bytes(problem),
        threads=threads,
    )


def occupancy(use: BlockUse, core: SmSpec) -> int:
    """Blocks that an SM holds at once; 0 if not even one."""
    if use.registers_per_thread > core.max_registers_per_thread:
        return 0
    return min(
        core.register_file.capacity_bytes // use.register_bytes,
        core.shared_memory.capacity_bytes // max(1, use.shared_bytes),
        core.max_threads // use.threads,
        core.max_blocks,
    )


@dataclass(frozen=True, slots=True)
class SlabCycles:
    """Cycles of one slab of all blocks on an SM.

    compute: of the matrix units. busy: until the next slab, with the ports of shared
    memory and registers. latency: until the sums are there.
    """

    compute: int
    busy: int
    latency: int


@dataclass(frozen=True, slots=True)
class SlabTraffic:
    """Bytes of one slab of one block, at the SM's memories."""

    near_read: int
    near_write: int
    register_read: int
    register_write: int


def warp_tile(block: Block, depth: int) -> Tile:
    """What one warp does of a slab."""
    return Tile(-(-block.m // block.warps_m), -(-block.n // block.warps_n), depth)


def slab_traffic(problem: StepGemm, block: Block, depth: int, unit: MatrixUnit[Any]) -> SlabTraffic:
    """Bytes that a slab of `depth` moves for one whole block."""
    bits = problem.input_bits, problem.weight_bits
    rows, columns = depth * block.m, depth * block.n
    moved = unit.traffic(warp_tile(block, depth), accumulate=True)
    operands = moved.input_read_bytes + moved.weight_read_bytes
    shared = pair_bytes(rows * block.warps_n, bits[0], columns * block.warps_m, bits[1])
    return SlabTraffic(
        near_read=shared,
        near_write=pair_bytes(rows, bits[0], columns, bits[1]),
        register_read=block.warps * (operands + moved.psum_read_bytes),
        register_write=shared + block.warps * moved.psum_write_bytes,
    )


def slab_cycles(
    problem: StepGemm, block: Block, depth: int, blocks: int, unit: MatrixUnit[Any], core: SmSpec
) -> SlabCycles:
    """Cycles that an SM takes for a slab of `blocks` blocks."""
    return block_slab(problem, block, depth, unit, core).cycles(blocks, core)


@dataclass(frozen=True, slots=True)
class BlockSlab:
    """What one block's slab asks of an SM.

    timing: of the unit of a sub-core that has most of a warp's share.
    """

    warps: int
    timing: TileTiming
    traffic: SlabTraffic

    def cycles(self, blocks: int, core: SmSpec) -> SlabCycles:
        """For so many blocks. Warps are dealt out to sub-cores and have the units of theirs."""
        rounds = -(-blocks * self.warps // core.sub_cores)
        timing, traffic = self.timing, self.traffic
        compute = rounds * timing.interval_cycles
        shared = blocks * (traffic.near_read + traffic.near_write)
        registers, warp_rounds = core.register_file, rounds / self.warps
        busy = max(
            compute,
            -(-shared // core.shared_memory.bytes_per_cycle),
            math.ceil(warp_rounds * traffic.register_read / registers.read_bytes_per_cycle),
            math.ceil(warp_rounds * traffic.register_write / registers.write_bytes_per_cycle),
        )
        return SlabCycles(compute, busy, busy + timing.cycles - timing.interval_cycles)


def block_slab(
    problem: StepGemm, block: Block, depth: int, unit: MatrixUnit[Any], core: SmSpec
) -> BlockSlab:
    """A slab of `depth` of one block."""
    shares = unit.split(warp_tile(block, depth), unit.spec.count // core.sub_cores)
    slowest = max(
        (unit.timing(share.tile) for share in shares), key=lambda t: (t.interval_cycles, t.cycles)
    )
    return BlockSlab(block.warps, slowest, slab_traffic(problem, block, depth, unit))
