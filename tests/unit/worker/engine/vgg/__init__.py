"""VGG network: convolutions, pooling, receptive fields, precision, CUDA graphs."""
