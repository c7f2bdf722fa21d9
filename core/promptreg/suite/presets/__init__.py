"""Ready policies: named bundles of `gate` settings that a suite may start from."""

from promptreg.suite.presets.reading import Preset, Resolved, preset, preset_names, resolve

__all__ = ["Preset", "Resolved", "preset", "preset_names", "resolve"]
