"""Cores that work in step behind one shared cache: a GPU's SMs, a CPU's cores."""
