"""SRAM arrays that compute: see `docs/sram_pim.md`."""
