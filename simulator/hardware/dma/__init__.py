"""See `spec.py`."""
