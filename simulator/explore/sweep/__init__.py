"""Sweeps: many points of one experiment, run by processes, kept in a store."""
