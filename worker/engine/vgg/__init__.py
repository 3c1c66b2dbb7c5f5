"""VGG networks with a hand-written backward pass."""
