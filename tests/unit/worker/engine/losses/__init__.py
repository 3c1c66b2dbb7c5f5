"""Loss terms: content, Gram, Wasserstein and total variation."""
