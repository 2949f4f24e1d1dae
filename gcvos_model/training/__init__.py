"""Training: readers, clip synthesis, losses and the paper's two stages (extra `train`)."""
