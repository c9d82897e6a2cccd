"""Work of the units in the banks of a DRAM that computes: layout, values, time."""
