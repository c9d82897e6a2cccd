"""What `cyclelab sram` shows of an SRAM array that multiplies by look-up."""
