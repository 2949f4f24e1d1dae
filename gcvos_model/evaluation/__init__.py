"""Evaluation: the DAVIS protocol and the benchmarks of speed and memory."""
