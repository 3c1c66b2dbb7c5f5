"""Optimizers that keep the image inside [0, 1]: L-BFGS, Adam, gradient descent."""
