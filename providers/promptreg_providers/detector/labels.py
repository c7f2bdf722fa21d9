"""Names of a detector's classes."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["COCO", "labels_of"]

_NAMES = """
person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant
stop_sign parking_meter bench bird cat dog horse sheep cow elephant bear zebra giraffe
backpack umbrella handbag tie suitcase frisbee skis snowboard sports_ball kite
baseball_bat baseball_glove skateboard surfboard tennis_racket bottle wine_glass cup fork
knife spoon bowl banana apple sandwich orange broccoli carrot hot_dog pizza donut cake
chair couch potted_plant bed dining_table toilet tv laptop mouse remote keyboard
cell_phone microwave oven toaster sink refrigerator book clock vase scissors teddy_bear
hair_drier toothbrush
"""
COCO = tuple(_NAMES.split())
"""The 80 classes of the COCO data set, in its order; blanks in names are underscores."""


def labels_of(given: str | Sequence[str]) -> Sequence[str]:
    """Return class names: `coco`, or a list of one's own."""
    return COCO if given == "coco" else list(given)
