"""Search of large spaces of points with optuna: the extra `[search]`."""
