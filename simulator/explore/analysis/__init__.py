"""What the points of a sweep say: how much each axis changes, ratios to a baseline, tables."""
