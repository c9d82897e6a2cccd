"""Attention in a memory whose banks compute: layout of the KV cache, channels, commands."""
