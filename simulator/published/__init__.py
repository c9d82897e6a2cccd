"""Claims of the literature: what was published, and what the simulator finds."""
