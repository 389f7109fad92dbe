"""Benchmarks: each reports a ratio to peers in the same run, because machines differ and are noisy."""
