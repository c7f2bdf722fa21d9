"""The stages of the pipeline; they do not import each other."""
