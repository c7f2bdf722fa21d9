"""Asks a provider about every picture of a folder, and makes scenarios of what it says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from promptreg.errors import DataError, MissingPackageError, SuiteError
from promptreg.protocols import Generated, GenerationPlan, GenerationRequest, Generator
from promptreg.records import Completion, Failure, Json, Prompt
from promptreg_plugins.generators.images.answers import QUESTION, read_answer, truth_of
from promptreg_plugins.generators.images.reviewing import Reviewed, read_reviewed

__all__ = ["ImagesGenerator"]

VERSION = 1
TABLE = "multimodal_ground_truth.parquet"
_KINDS = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_MOST_IMAGES = 10_000
_TOKENS_PER_CALL = 2_000


class ImagesGenerator(Generator):
    """Scenarios with ground truth from pictures, as a vision model or a detector sees them.

    Each picture becomes a scenario with `image_path`, `image_width`, `image_height`,
    `scenario_type` (the sub-folder it lies in), what was said (`vision_description`,
    `detected_objects`, `risk_assessment`, as the provider gave it) and a `ground_truth` made of it:
    `expected_boxes`, and where they were said `expected_summary`, `risk_range` (the score and
    `spread` points to both sides) and `expected_level`.

    **What a machine says is no truth until a person has confirmed it.** `source` names who said it,
    `reviewed` is false, and `validate` and every comparison say how many are so. A person's word is
    a file `review`: rows with `scenario_id`, and whatever of the ground truth is to be put right.

    Args:
        images: the folder, relative to the suite.
        provider: who is asked, as the section `provider` of a suite; it must take images.
        prompt: a file with the question; default: description, boxes and risk as JSON. For
            detectors their settings, such as `{"min_confidence": 0.4}`.
        units: how boxes are given: `pixels`, `relative` or `thousandths`.
        spread: points that `risk_range` reaches to both sides of the risk score.
        prefix: put before the columns of what was said, such as `nvidia_`.
        review: a `.csv` or `.jsonl` file of what a person looked at, relative to the suite.
        asked: made by promptreg from `provider`.
    """

    deterministic = False
    asks_model = True

    def __init__(
        self,
        images: str,
        provider: dict[str, Any],
        prompt: str | None = None,
        units: Literal["pixels", "relative", "thousandths"] = "pixels",
        spread: int = 10,
        prefix: str = "",
        review: str | None = None,
        asked: Callable[[Mapping[str, Any]], Any] | None = None,
    ) -> None:
        if asked is None:
            raise SuiteError("asked: is promptreg's to give")
        if not 0 <= spread <= 50:
            raise SuiteError(f"spread: found {spread}; allowed: 0 to 50 points")
        if prefix and not prefix.replace("_", "").isalnum():
            raise SuiteError(f"prefix: found {prefix!r}; allowed: letters, digits and '_'")
        self._folder = Path(images)
        self._paths = _found(self._folder)
        self._asked = asked(provider)
        if not self._asked.takes_images:
            raise SuiteError(
                f"provider: {self._asked.entry.use} is not sent images; a vision model is, with "
                "'images: true', and so is 'detector'"
            )
        self._question = QUESTION if prompt is None else _text(Path(prompt))
        self._units, self._spread, self._prefix = units, spread, prefix
        self._reviewed = Reviewed({}) if review is None else read_reviewed(Path(review))
        self._reviewed.check(set(self._paths))

    def identity(self) -> Mapping[str, Json]:
        """Return the settings, and hashes of pictures, question and review."""
        whole = hashlib.sha256()
        for name, path in self._paths.items():
            whole.update(f"{name}\0".encode() + hashlib.sha256(_bytes(path)).digest())
        return {
            "generator": "images",
            "version": VERSION,
            "provider": self._asked.identity(),
            "question_sha256": hashlib.sha256(self._question.encode()).hexdigest(),
            "images_sha256": whole.hexdigest(),
            "units": self._units,
            "spread": self._spread,
            "prefix": self._prefix,
            "review_sha256": self._reviewed.sha256,
        }

    def plan(self, request: GenerationRequest) -> GenerationPlan:
        """Return one slot for each picture.

        Raises:
            SuiteError: more are wanted than there are.
        """
        if request.size is not None and request.size != len(self._paths):
            raise SuiteError(
                f"size: found {request.size}; the folder holds {len(self._paths)} pictures, and "
                "each becomes a scenario: leave it out"
            )
        slots = list(self._paths)[: request.limit]
        left = [slot for slot in slots if slot not in request.done]
        use = self._asked.entry.use
        notes = []
        if lacking := len([s for s in slots if s not in self._reviewed.rows]):
            notes.append(
                f"{lacking} of {len(slots)} scenarios get a ground truth that no person has "
                "confirmed; 'review' names a file of what was looked at"
            )
        return GenerationPlan(
            slots=slots,
            calls=len(left),
            tokens=0 if use == "detector" else _TOKENS_PER_CALL * len(left),
            models=(str(self._asked.entry.settings.get("model") or use),),
            text=(f"{self._prefix}vision_description",),
            notes=tuple(notes),
            table=TABLE,
        )

    def generate(self, request: GenerationRequest) -> Iterator[Generated]:
        """Yield what became of each picture; one that could not be read has the reason."""
        wanted = [slot for slot in list(self._paths)[: request.limit] if slot not in request.done]
        questions = [(s, Prompt(self._question, (str(self._paths[s].resolve()),))) for s in wanted]
        for slot, outcome in self._asked.ask(questions):
            yield self._made(slot, outcome)

    def _made(self, slot: str, outcome: Completion | Failure) -> Generated:
        if isinstance(outcome, Failure):
            return Generated(slot, None, (f"{outcome.cause}: {outcome.detail}",), calls=1)
        tokens = (outcome.prompt_tokens or 0) + (outcome.completion_tokens or 0)
        row = self._row(slot, outcome)
        return Generated(
            slot,
            None if isinstance(row, str) else row,
            (row,) if isinstance(row, str) else (),
            calls=1,
            tokens=tokens,
            cost=outcome.cost or 0.0,
        )

    def _row(self, slot: str, completion: Completion) -> dict[str, Any] | str:
        if completion.finish == "length":
            return "the answer was cut off"
        answer = read_answer(completion.text)
        if isinstance(answer, str):
            return answer
        path = self._paths[slot]
        try:
            size = _size(path)
        except DataError as e:
            return str(e)
        truth = truth_of(answer, size, self._units, self._spread)
        if isinstance(truth, str):
            return truth
        kind = path.relative_to(self._folder).parts[0] if path.parent != self._folder else None
        risk = {k: answer[k] for k in ("risk_score", "risk_level", "reasoning") if k in answer}
        person = self._reviewed.rows.get(slot)
        return {
            "scenario_id": slot,
            "image_path": str(path.resolve()),
            "image_width": size[0],
            "image_height": size[1],
            **({"scenario_type": kind} if kind else {}),
            f"{self._prefix}vision_description": answer.get("description"),
            f"{self._prefix}detected_objects": answer["detections"],
            f"{self._prefix}risk_assessment": risk or None,
            "ground_truth": truth if person is None else {**truth, **person},
            "source": f"{self._asked.entry.use} {completion.model}".strip(),
            "reviewed": person is not None,
        }


def _found(folder: Path) -> dict[str, Path]:
    """Return the pictures of a folder by the names that their scenarios get."""
    if not folder.is_dir():
        raise SuiteError(f"images: {folder} is no folder")
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _KINDS and path.is_file() and not path.is_symlink()
    )
    if not 1 <= len(paths) <= _MOST_IMAGES:
        raise SuiteError(
            f"images: {folder} holds {len(paths):,} pictures ({', '.join(sorted(_KINDS))}); "
            f"allowed: 1 to {_MOST_IMAGES:,}"
        )
    found: dict[str, Path] = {}
    for path in paths:
        name = path.relative_to(folder).with_suffix("").as_posix().replace("/", "-")
        if name in found:
            raise SuiteError(f"images: {found[name]} and {path} would both be the scenario {name}")
        found[name] = path
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")[:256_000]
    except (OSError, UnicodeDecodeError) as e:
        raise SuiteError(f"prompt: {path}: cannot be read: {e}") from e


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise DataError(f"{path}: cannot be read: {e.strerror or e}") from e


def _size(path: Path) -> tuple[int, int]:
    """Return width and height from a picture's header; nothing is decoded."""
    try:
        from PIL import Image
    except ImportError as e:
        raise MissingPackageError(
            "the generator 'images' reads pictures with Pillow: "
            "pip install 'promptreg-gate[vision]'"
        ) from e
    try:
        with Image.open(path) as picture:
            return picture.size
    except (OSError, ValueError) as e:
        raise DataError(f"{path}: is no picture that can be read: {e}") from e
