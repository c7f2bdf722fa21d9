"""`gate --base-ref`: what a change made of the templates it touches, against where it started.

The baseline is read from git, and so are the policy and the scenarios: an edit cannot change what
it is measured by.
"""

from promptreg.pipeline.base_ref.run import gate_base_ref

__all__ = ["gate_base_ref"]
