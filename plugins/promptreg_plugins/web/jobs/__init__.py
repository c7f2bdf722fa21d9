"""Jobs: what may be asked for, and the child process, queue and watch that see it done."""

from promptreg_plugins.web.jobs.options import OPTIONS, Option

__all__ = ["OPTIONS", "Option"]
