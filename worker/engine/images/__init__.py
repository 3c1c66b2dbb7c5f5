"""Image tensors: pyramid, tiles, color, masks."""
