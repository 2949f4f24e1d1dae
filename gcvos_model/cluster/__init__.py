"""Many videos on many machines, through Ray: extra `cluster`."""
