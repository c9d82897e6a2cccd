"""Mapping onto CPUs, and onto the arrays beside their last-level cache."""
