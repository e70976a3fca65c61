"""Encoders: raw rows to a network's inputs, fitted on the source's training rows."""
