"""Embedders: texts to vectors, by models that lie on this machine. Nothing is downloaded."""
