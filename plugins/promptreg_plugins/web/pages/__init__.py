"""Pages of the service: rendered here from what the service says, readable without JavaScript."""

from promptreg_plugins.web.pages.problem import problem_page, wants_page
from promptreg_plugins.web.pages.router import pages

__all__ = ["pages", "problem_page", "wants_page"]
