"""DRAM at command level: devices as data, a controller, a compiled command loop."""
