"""A grid of bit-serial PEs for cyclelab, a machine with it, a DRAM device, an importer."""
