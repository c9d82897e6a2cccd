"""Serving: many iterations, each of them mapped and simulated (`cyclelab serve`)."""
