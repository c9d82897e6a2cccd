"""Place of `configs/` and `workloads/` in an installed package; see `package_dir` in setup.cfg."""
