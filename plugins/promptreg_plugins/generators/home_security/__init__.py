"""Scenes before home-security cameras: the taxonomy, stories, and the rules that make columns.

Decisions where the first design of these fixtures left something open:

- `detection_count` "7+" means 7 to 12.
- Detectors know `package` and `wildlife` besides person, car, truck, dog, cat and bicycle: one of
  the taxonomy's objects and many edge cases could not be detected otherwise.
- `reasoning_key_points` is a list, not a text: gone through point by point, a text is letters.
- Risk ranges leave 26-29, 56-59 and 61-69 unused on purpose: a score there is right for no scene.
- `enrichment_level` is what the pipeline was to deliver; `enrichment_fault` is what went wrong.
"""
