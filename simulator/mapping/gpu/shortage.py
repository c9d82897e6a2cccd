"""What is missing where no block of a GPU kernel fits an SM."""

from __future__ import annotations

from simulator.hardware.gpu import SmSpec
from simulator.mapping.errors import LimitError, NoMappingError
from simulator.mapping.gpu.attention import attention_use
from simulator.mapping.gpu.gemm_search import GridSearch
from simulator.mapping.gpu.occupancy import BlockUse, block_use
from simulator.mapping.in_step.attention import AttentionGrid


def gemm_shortage(operator: str, search: GridSearch, core: SmSpec, pattern: str) -> NoMappingError:
    """The error for a search without a block that fits: says it of the one that nearly does.

    pattern: under which the user fixed the block, if any.
    """
    uses = [block_use(search.problem, block, search.unit, core) for block in search.blocks()]
    return _shortage(operator, min(uses, key=lambda use: _excess(use, core)), core, pattern)


def attention_shortage(
    operator: str, least: AttentionGrid, core: SmSpec, pattern: str
) -> NoMappingError:
    """The error when `least`, with the smallest blocks that are tried, does not fit an SM.

    pattern: under which the user fixed the blocks, if any.
    """
    return _shortage(
        operator, attention_use(least, core), core, pattern, "set mapping.fuse_attention=never"
    )


def _excess(use: BlockUse, core: SmSpec) -> float:
    """The largest of what a block needs, each per what an SM has."""
    return max(
        use.shared_bytes / core.shared_memory.capacity_bytes,
        use.register_bytes / core.register_file.capacity_bytes,
        use.registers_per_thread / core.max_registers_per_thread,
        use.threads / core.max_threads,
    )


def _shortage(
    operator: str, use: BlockUse, core: SmSpec, pattern: str, also: str = ""
) -> NoMappingError:
    """The first limit of an SM that a block exceeds; memories come before counts."""
    needs = {"shared_memory": use.shared_bytes, "register_file": use.register_bytes}
    for buffer, needed in needs.items():
        free = getattr(core, buffer).capacity_bytes
        if needed > free:
            return NoMappingError(operator, buffer, needed, free, pattern, also)
    most = core.max_registers_per_thread
    if use.registers_per_thread > most:
        return LimitError(
            operator,
            "registers per thread",
            use.registers_per_thread,
            "max_registers_per_thread",
            most,
            pattern,
            "lower machine.core.spare_registers_per_thread",
        )
    return LimitError(
        operator, "threads", use.threads, "max_threads", core.max_threads, pattern, also
    )
