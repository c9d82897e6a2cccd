"""What `cyclelab serve` shows and writes."""
