"""The command loop of one DRAM channel, compiled with numba.

Every function here works on integers and flat arrays alone, and runs the same
uncompiled (`NUMBA_DISABLE_JIT=1`). Read `layout.py`, then `loop.py`.
"""
