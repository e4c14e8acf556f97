"""Training: data in batches, one loop, checkpoints, and an output directory that is a model directory."""
