"""What `cyclelab pim` shows of a channel whose banks compute."""
