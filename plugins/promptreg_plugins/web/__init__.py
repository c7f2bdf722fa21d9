"""The service: an HTTP API, live progress and pages over the same pipeline as the command line."""
