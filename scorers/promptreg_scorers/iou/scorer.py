"""How well found boxes cover the boxes that are known to be in an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg_scorers.iou.average_precision import THRESHOLDS, average_precision
from promptreg_scorers.iou.boxes import Reading
from promptreg_scorers.iou.overlap import best_pairs, overlaps
from promptreg_scorers.iou.sides import Sides, check_metrics

__all__ = ["Iou"]

METRICS = ("iou", "box_precision", "box_recall", "box_f1", "ap50", "ap")
_NEED_EXPECTED = frozenset({"box_recall", "ap50", "ap"})


class Iou(Scorer):
    """Found boxes against expected boxes, one value per image and metric, 0 to 1.

    - `iou`: sum of the overlaps (intersection over union) of matched pairs, divided by pairs +
      expected boxes without partner + found boxes without partner, which count 0. The pairs are
      the one-to-one choice with the largest sum; boxes of different labels never pair.
    - `box_precision`, `box_recall`, `box_f1`: shares of found and of expected boxes in pairs that
      overlap by `threshold`, and 2 x pairs / (found + expected).
    - `ap50`, `ap`: COCO's average precision at overlap 0.5, and over 0.50 to 0.95, of *this* image;
      the metric is their mean over images. It is not the AP of a benchmark, which ranks the boxes
      of all images together and is no average of anything per image: the scorer
      `average_precision` makes that.

    Nothing expected (an empty list) and nothing found: `iou`, `box_precision` and `box_f1` are 1;
    something found: 0. `box_recall` and AP say nothing about such an image and do not apply. Boxes
    expected and none found: everything is 0, precision included, as silence earns nothing.

    Does not apply to scenarios without `expected_boxes`. A failed trial counts 0. A found box that
    is refused (outside, no area, no numbers) is a found box without partner, and the note says why;
    a field that is no list of boxes counts 0. Unscored where an expected box is refused, or the two
    sides have different units and the image's size is not known.

    Example: expected one person, found it with overlap 0.8 and a dog that is not there: `iou` 0.4,
    precision 0.5, recall 1, F1 0.67.

    Args:
        field: the answer's field with the found boxes: objects, or plain lists of four numbers.
        truth: the ground-truth column with the expected boxes.
        found: how found boxes are written: `format` (`xywh`, `xyxy` or `cxcywh`), `units`
            (`pixels`, `relative`: 0 to 1, or `thousandths`), names of the keys `label`, `bbox` and
            `confidence`, and `outside: clip` to cut boxes at the image's edge and say so.
        expected: the same for expected boxes.
        labels: word to the label it stands for, on both sides; labels are compared in lower case.
        only: labels that count, after mapping; boxes of others are left out on both sides.
        match_labels: false compares places alone.
        threshold: the overlap from which a pair counts for precision, recall and F1.
        min_confidence: found boxes below are left out; a box that states none is certain.
        size: width and height in pixels, or the two columns that hold them.
        metrics: the metrics to make.
        name: put before each metric, as in `NAME.iou`, where a suite scores two fields.

    Raises:
        ValueError: a setting has a value that is not allowed.
    """

    def __init__(
        self,
        field: str = "detections",
        truth: str = "expected_boxes",
        found: Mapping[str, Any] | None = None,
        expected: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        only: Sequence[str] = (),
        match_labels: bool = True,
        threshold: float = 0.5,
        min_confidence: float = 0.0,
        size: Sequence[float | str] = ("image_width", "image_height"),
        metrics: Sequence[str] = METRICS,
        name: str = "",
    ) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold is {threshold}; allowed: above 0, up to 1")
        check_metrics(metrics, METRICS)
        self._sides = Sides(
            field, truth, found, expected, labels, only, match_labels, min_confidence, size
        )
        self._truth, self._threshold = truth, threshold
        self._names = tuple(metrics)
        self.needs = (field,)
        prefix = f"{name}." if name else ""
        self.scales = tuple(Scale(prefix + metric, margin=0.05) for metric in metrics)
        self._metric = dict(zip((s.name for s in self.scales), metrics, strict=True))

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether boxes are known; for recall and AP, whether there are any."""
        if not self._sides.applies(scenario) or self._metric[scale.name] not in _NEED_EXPECTED:
            return self._sides.applies(scenario)
        read = self._sides.known(scenario)
        return not isinstance(read, Reading) or bool(read.boxes)

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return 0; nothing where the expected boxes cannot be read or there are none to find."""
        return 0.0 if isinstance(self._sides.known(scenario), Reading) else None

    def score(self, trial: Trial) -> tuple[Score | Unscored, ...]:
        """Return one score per metric."""
        known = self._sides.known(trial.scenario)
        if isinstance(known, str):
            return tuple(scale.unscored(known) for scale in self.scales)
        found = self._sides.found(trial)
        if isinstance(found, str):
            note, values = found, dict.fromkeys(METRICS, 0.0)
        else:
            note, values = found.note, self._values(known, found)
        return tuple(
            scale.unscored(f"{self._truth} is empty: there is nothing to find")
            if not known.boxes and metric in _NEED_EXPECTED
            else Score(scale, values[metric], note)
            for scale, metric in zip(self.scales, self._names, strict=True)
        )

    def _values(self, known: Reading, found: Reading) -> dict[str, float]:
        expected, boxes = known.boxes, found.boxes
        claimed = len(boxes) + len(found.refused)
        if not expected or not claimed:
            return dict.fromkeys(METRICS, 0.0 if expected or claimed else 1.0)
        table = overlaps(expected, boxes)
        wanted = self._names
        values: dict[str, float] = {}
        if "iou" in wanted:
            pairs = best_pairs(table)
            values["iou"] = sum(pairs) / (len(expected) + claimed - len(pairs))
        if any(m.startswith("box_") for m in wanted):
            right = len(best_pairs(table, self._threshold))
            values["box_precision"] = right / claimed
            values["box_recall"] = right / len(expected)
            values["box_f1"] = 2 * right / (claimed + len(expected))
        if "ap50" in wanted:
            values["ap50"] = average_precision([(expected, found.claimed)], (0.5,)) or 0.0
        if "ap" in wanted:
            values["ap"] = average_precision([(expected, found.claimed)], THRESHOLDS) or 0.0
        return values
