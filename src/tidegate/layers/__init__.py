"""Sequence layers that share one contract."""
