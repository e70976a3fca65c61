"""MNIST-M."""
