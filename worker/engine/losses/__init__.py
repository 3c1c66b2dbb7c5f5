"""Loss terms: content, relations, total variation, Gram, Wasserstein, neighbors."""
