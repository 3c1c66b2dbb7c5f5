"""Loss terms: content, total variation, Gram, Wasserstein."""
