"""The generator `data_designer`: the design of `grid`, written by a model, checked row by row."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from promptreg.errors import ExecutionError, MissingPackageError, SuiteError
from promptreg.protocols import Generated, GenerationPlan, GenerationRequest, Generator
from promptreg.records import Json
from promptreg_plugins.generators.design import Dice
from promptreg_plugins.generators.grid import Grid
from promptreg_plugins.generators.home_security.taxonomy import TAXONOMY

if TYPE_CHECKING:
    from promptreg_plugins.generators.data_designer.settings import Chosen

__all__ = ["DataDesigner"]

VERSION = 1
"""To be raised whenever the same settings come to mean other scenarios."""
_SEED_COLUMNS = ("premise",)
_IMAGE = "image"
Row = dict[str, Any]


class DataDesigner(Generator):
    """Scenarios written by a model through NeMo Data Designer, over the design of `grid`.

    Args:
        models: alias to `{provider: llama_cpp | nvidia | openai, url, model, api_key_env, sampling,
            schema: response_format | guided_json | none, extra_body, prices, file_sha256}`. The
            first one writes; `judge` judges, if there is one.
        columns: which built-in columns are written: names, or `{name, model, prompt, max_tokens}`;
            what is not written stays as `grid` makes it. Default: all that the settings allow.
        own: further columns: `{name, kind: text | structured | expression | values, ...}`.
        recipe, attributes, strength, constraints, quotas, stories: the design, as for `grid`.
        rounds: how often a row is written, at most, until it is valid.
        corrections: how often the model is told within a round what is wrong with its JSON.
        invalid: what becomes of a row that is never valid: `replace` takes the rule-made one,
            `leave_out` none.
        least_written: the share of scenarios that the model must write validly.
        budget: `{requests, tokens}` for the whole, all attempts together; the command line's is for
            one attempt.
        max_parallel_requests: for each model.
        timeout: seconds for a request.
        embedder: makes the embedding columns: `{use, ..., dimensions: 768}`.
        images: a folder of images, relative to the suite, for a model that takes images.
        vision: the alias of that model.
    """

    deterministic: ClassVar[bool] = False
    asks_model: ClassVar[bool] = True
    packages = ("data-designer",)

    def __init__(
        self,
        models: dict[str, Any],
        columns: list[Any] | None = None,
        own: list[Any] | None = None,
        recipe: Literal["home_security", "plain"] = "home_security",
        attributes: dict[str, Any] | None = None,
        strength: int = 2,
        constraints: list[dict[str, Any]] | None = None,
        quotas: list[dict[str, Any]] | None = None,
        stories: str | None = None,
        rounds: int = 2,
        corrections: int = 1,
        invalid: Literal["replace", "leave_out"] = "replace",
        least_written: float = 0.5,
        budget: dict[str, Any] | None = None,
        max_parallel_requests: int = 2,
        timeout: float = 120.0,
        embedder: dict[str, Any] | None = None,
        images: str | None = None,
        vision: str = "",
    ) -> None:
        # Registering needs none of it.
        from promptreg_plugins.generators.data_designer.estimate import Limits
        from promptreg_plugins.generators.data_designer.models import read_models
        from promptreg_plugins.generators.data_designer.settings import choose

        self._grid = Grid(recipe, attributes, strength, constraints, quotas, stories)
        self.rubrics = self._scenes = recipe == "home_security"
        self._models = read_models(models)
        if vision and vision not in self._models:
            raise SuiteError(f"vision: no model has the alias {vision!r:.60}")
        self._limits = Limits.of(
            rounds, corrections, least_written, budget, max_parallel_requests, timeout
        )
        self._invalid = invalid
        self._vectors = _vectors(embedder) if embedder is not None else None
        self._images = _images(images) if images is not None else None
        self._chosen: Chosen = choose(
            columns,
            own or [],
            self._models,
            known=self._known(attributes),
            scenes=self._scenes,
            images=self._images is not None,
            vision=vision,
            embedder=self._vectors is not None,
        )

    def _known(self, attributes: Mapping[str, Any] | None) -> list[str]:
        """Return the columns of the rule-made rows, which prompts may use."""
        if not self._scenes:
            return ["scenario_id", "family", *(attributes or {})]
        sample = next(g.row for g in self._grid.generate(GenerationRequest()) if g.row is not None)
        return [*sample, *_SEED_COLUMNS]

    def identity(self) -> Mapping[str, Json]:
        """Return design, columns with their prompts, and models; not where these are served."""
        from promptreg_plugins.generators.data_designer.job import column_facts

        facts: dict[str, Json] = {
            "generator": "data_designer",
            "version": VERSION,
            "design": dict(self._grid.identity()),
            "models": {alias: model.identity() for alias, model in self._models.items()},
            "columns": [column_facts(column) for column in self._chosen.columns],
            "values": {name: list(words) for name, words in self._chosen.values.items()},
            "rounds": self._limits.rounds,
            "corrections": self._limits.corrections,
            "invalid": self._invalid,
        }
        if self._vectors is not None and self._chosen.embeddings:
            facts["embedder"] = self._vectors.identity()
        if self._images is not None:
            facts["images_sha256"] = self._images.digest()
        return facts

    def plan(self, request: GenerationRequest) -> GenerationPlan:
        """Return the slots of the design and what writing them takes; asks no model."""
        from promptreg_plugins.generators.data_designer.estimate import estimate
        from promptreg_plugins.generators.data_designer.job import job_columns

        plan = self._grid.plan(request)
        bases = [g.row for g in self._grid.generate(request) if g.row is not None]
        found = estimate(
            bases, self._chosen, self._models, self._limits, job_columns(self._chosen, self._models)
        )
        return replace(
            plan,
            calls=found.calls,
            tokens=found.tokens,
            cost=found.cost,
            models=sorted({self._models[c.model].model for c in self._chosen.asked}),
            notes=(*plan.notes, *found.notes),
            text=("scenario_narrative",) if self._scenes else (),
        )

    def generate(self, request: GenerationRequest) -> Iterator[Generated]:
        """Yield each row as soon as it is valid, and what became of the others at the end.

        Raises:
            MissingPackageError: Data Designer is not installed.
            ProviderError, BudgetError, StoreError: nothing more can be made; what was is kept.
            ExecutionError: the model wrote too few valid scenarios.
        """
        from promptreg_plugins.generators.data_designer.models import probe

        bases: dict[str, Row] = {}
        for made in self._grid.generate(request):
            if made.row is None:
                yield made
            else:
                bases[made.slot] = dict(made.row)
        if not bases:
            return
        _check_installed()
        used = {column.model for column in self._chosen.asked}
        probe({alias: model for alias, model in self._models.items() if alias in used})
        # Images and drawn values follow from the slot's place, so they are dealt to all slots.
        everything = {
            g.slot: g.row for g in self._grid.generate(replace(request, done=frozenset()))
        }
        self._deal(
            {slot: row for slot, row in everything.items() if row is not None}, bases, request
        )
        with ExitStack() as stack:
            if request.folder is not None:
                folder = request.folder
            else:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            yield from self._written(bases, request, folder, len(everything))
            if request.folder is not None:
                _remove(folder)

    def _written(
        self, bases: Mapping[str, Row], request: GenerationRequest, folder: Path, planned: int
    ) -> Iterator[Generated]:
        from promptreg_plugins.generators.data_designer.finishing import finish, stand_in
        from promptreg_plugins.generators.data_designer.job import make_job, seed_row
        from promptreg_plugins.generators.data_designer.process import Worker
        from promptreg_plugins.generators.data_designer.rounds import Rounds, Verdict

        writers = ", ".join(sorted({self._models[c.model].model for c in self._chosen.asked}))
        images: dict[str, Path] = {s: row.pop(_IMAGE) for s, row in bases.items() if _IMAGE in row}

        def verdict(slot: str, values: Mapping[str, Any]) -> Verdict:
            made = finish(bases[slot], values, self._chosen, writers, scene=self._scenes)
            if not made[1]:
                self._embed(made[0])
            return made

        prices = {c.name: self._models[c.model] for c in self._chosen.asked}
        rows = [
            seed_row(slot, base, images.get(slot), request.seed, self._chosen, scene=self._scenes)
            for slot, base in bases.items()
        ]
        written = len(request.done)
        job = make_job(folder, request, self._chosen, self._models, self._limits)
        with Worker(job, self._limits.stall_s) as worker:
            rounds = Rounds(
                worker,
                self._limits.rounds,
                verdict,
                lambda column, i, o: prices[column].cost(i, o),
            )
            for made in rounds.run(rows):
                written += 1
                yield made
        if written < self._limits.least_written * planned or not written:
            raise ExecutionError(
                f"{writers} wrote {written} of {planned} scenarios validly, fewer than the "
                f"{self._limits.least_written:.0%} of generate.least_written; what was "
                f"asked is kept, and '--no-cache' asks anew. Not valid: {rounds.why()}"
            )
        for slot in rounds.left:
            if self._invalid == "leave_out":
                yield rounds.given_up(slot, None)
                continue
            row = stand_in(bases[slot], self._chosen, scene=self._scenes)
            self._embed(row)
            yield rounds.given_up(slot, row)

    def _deal(
        self, everything: Mapping[str, Mapping[str, Any]], bases: Mapping[str, Row], request: Any
    ) -> None:
        """Give each row its drawn values and its image."""
        for name, words in self._chosen.values.items():
            for slot, base in bases.items():
                base[name] = Dice("values", request.seed, name, slot).pick(words)
        if self._images is None or not any(c.image for c in self._chosen.columns):
            return
        cells = [{k: str(row.get(k)) for k in TAXONOMY} for row in everything.values()]
        for slot, path in zip(everything, self._images.deal(cells), strict=True):
            if slot in bases:
                bases[slot]["image_path"] = str(path)
                bases[slot][_IMAGE] = path

    def _embed(self, row: Row) -> None:
        if self._vectors is not None and self._chosen.embeddings:
            self._vectors.add(row, self._chosen.embeddings)


def _check_installed() -> None:
    if importlib.util.find_spec("data_designer") is None:
        raise MissingPackageError(
            "the generator 'data_designer' needs NeMo Data Designer: pip install "
            "'promptreg-gate[generate]' (or 'data-designer>=0.9.6,<0.9.7')"
        )


def _vectors(entry: Mapping[str, Any]) -> Any:
    from promptreg_plugins.generators.data_designer.vectors import Vectors

    return Vectors(entry)


def _images(folder: str) -> Any:
    from promptreg_plugins.generators.data_designer.images import Images

    return Images(Path(folder), TAXONOMY["scenario_type"])


def _remove(folder: Path) -> None:
    """Take away what was kept for another attempt: each scenario is with whoever asked for it."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
