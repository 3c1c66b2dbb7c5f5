"""Optimizers: L-BFGS, Adam and gradient descent."""
