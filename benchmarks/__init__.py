"""Benchmarks: each compares against a stated baseline in the same run and prints ratios."""
