"""What all pages for people look like: one style sheet, colours of drawings included.

`style` is the sheet; `document` frames a page that loads nothing. Variables of the sheet, for both
colour schemes: the colours of `plots/colours.css` and the type and spacing scales of `base.css`.
"""

from promptreg.stages.report.pages.document import document, style

__all__ = ["document", "style"]
