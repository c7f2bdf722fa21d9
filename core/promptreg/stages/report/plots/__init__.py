"""Drawings of comparisons and scenarios as inline SVG, for pages, files and notebooks.

They carry classes, no colours: `alone.style` has those, and `alone.alone` puts them into a drawing
that stands by itself. Import what you need from the submodules.
"""
