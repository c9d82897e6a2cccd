"""Paths of a machine's parts, from the machine down: what areas and energies are booked on."""

from __future__ import annotations

MATRIX_UNIT = "core.matrix_unit"
SCRATCHPAD = "core.scratchpad"
ACCUMULATOR = "core.accumulator"
VECTOR_UNIT = "core.vector_unit"
REGISTER_FILE = "core.register_file"
SHARED_MEMORY = "core.shared_memory"
L2 = "chip.l2"
PRIVATE_CACHE = "core.private_cache"
LAST_LEVEL_CACHE = "chip.llc"
ARRAYS = "chip.sram_pim"
REUSE_TABLES = "chip.sram_pim.feeding.reuse_table"
CONVERSION_ARRAYS = "chip.sram_pim_conversion"
MEMORY = "memory"
LINKS = "links"
