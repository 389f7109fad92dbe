"""Benchmarks: each is a ratio against peers in the same run, because machines differ and are noisy."""
