"""Requests that arrive, wait, are served in batches, and leave: iteration by iteration."""
