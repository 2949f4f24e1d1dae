"""Steps on a GPU: one CUDA graph a frame, its state kept there, and nobody waiting on the way."""
