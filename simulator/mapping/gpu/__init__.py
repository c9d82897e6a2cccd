"""Kernels on a GPU: grids of thread blocks that run in waves."""
