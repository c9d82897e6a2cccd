"""Sweeps on a Dask cluster: the extra `[cluster]`."""
