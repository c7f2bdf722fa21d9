"""Average precision of all images of a run, as detection benchmarks report it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg_scorers.iou.average_precision import THRESHOLDS
from promptreg_scorers.iou.pooled import fifty, pack, pooled
from promptreg_scorers.iou.sides import Sides, check_metrics

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AveragePrecision"]

METRICS = {"pooled_ap50": fifty, "pooled_ap": len(THRESHOLDS)}


class AveragePrecision(Scorer):
    """COCO's average precision of all images together, 0 to 1; higher is better.

    - `pooled_ap50`: at overlap 0.5. `pooled_ap`: mean over overlaps 0.50 to 0.95 in steps of 0.05.

    Found boxes of all images are ranked by their confidence, by label; precision is read at 101
    recalls, each the best at that recall or beyond; labels that are expected anywhere are averaged
    (Lin et al. 2014, "Microsoft COCO"; area `all`, 100 boxes of a label in an image, no crowds).
    It is the figure of benchmarks, which `ap` of the scorer `iou` (of each image, averaged) is not.
    Boxes of equal confidence enter the ranking together, so the order of images has no say; COCO's
    own code lets the earlier image go first, and agrees where no confidences are equal.

    It is no average over images: a trial carries how many boxes of each label are expected and, of
    each found one, its confidence and the overlaps at which it is right, and `aggregate_payloads`
    makes the figure of all. The test swaps both versions within families and is exact
    (approximate for an A/B log); the interval is approximate.

    A failed trial, or one whose field is no list of boxes, found nothing; a box that is refused was
    found where nothing is. Does not apply to
    scenarios without `expected_boxes`; an empty list takes part: what is found there is wrong.
    Unscored where an expected box is refused. Undefined, hence inconclusive, where nothing is
    expected at all, and while a trial is lost to the infrastructure. Repeats are pooled.

    Example: two images with one person each; a right box of confidence 0.9 and none: precision 1
    up to recall 0.5, which 51 of 101 recalls reach: 0.50 at overlap 0.5.

    Args:
        field, truth, found, expected, labels, only, match_labels, min_confidence, size: as of the
            scorer `iou`.
        metrics: the metrics to make.
        name: put before each metric, as in `NAME.pooled_ap`.

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
        min_confidence: float = 0.0,
        size: Sequence[float | str] = ("image_width", "image_height"),
        metrics: Sequence[str] = tuple(METRICS),
        name: str = "",
    ) -> None:
        check_metrics(metrics, METRICS)
        self._sides = Sides(
            field, truth, found, expected, labels, only, match_labels, min_confidence, size
        )
        self.needs = (field,)
        prefix = f"{name}." if name else ""
        self.scales = tuple(
            Scale(prefix + metric, margin=0.03, statistic="aggregate", payload=True)
            for metric in metrics
        )
        self._thresholds = {s.name: METRICS[m] for s, m in zip(self.scales, metrics, strict=True)}

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether boxes are known, be it that there are none."""
        return self._sides.applies(scenario)

    def worst_payload(self, scenario: Scenario, scale: Scale) -> str | None:
        """Return what an image contributes in which nothing was found; None: nobody knows."""
        known = self._sides.known(scenario)
        return None if isinstance(known, str) else pack(known.boxes, ())

    def score(self, trial: Trial) -> tuple[Score | Unscored, ...]:
        """Return what the image contributes; the note says what was refused."""
        known = self._sides.known(trial.scenario)
        if isinstance(known, str):
            return tuple(scale.unscored(known) for scale in self.scales)
        found = self._sides.found(trial)
        if isinstance(found, str):
            payload, note = pack(known.boxes, ()), found
        else:
            payload, note = pack(known.boxes, found.claimed), found.note
        return tuple(scale.coded(payload, note) for scale in self.scales)

    def aggregate_payloads(
        self, scale: Scale, payloads: Sequence[str], counts: NDArray[Any]
    ) -> NDArray[np.float64]:
        """Return the AP of each draw; counts has the shape (payloads, draws)."""
        return pooled(payloads, counts, self._thresholds[scale.name])
