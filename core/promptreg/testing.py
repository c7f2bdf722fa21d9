"""Contract classes for authors of plug-ins, for use with pytest.

Subclass the class of your kind, say how one is made, and pytest runs the contract:

    from promptreg.testing import ScorerContract
    from promptreg_shout import Shout

    class TestShout(ScorerContract):
        def make(self):
            return Shout()

The built-in plug-ins pass the same classes. The checks themselves are in `promptreg.contracts`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from promptreg.contracts import embedder as _embedder
from promptreg.contracts import generator as _generator
from promptreg.contracts import history as _history
from promptreg.contracts import provider as _provider
from promptreg.contracts import reporter as _reporter
from promptreg.contracts import scorer as _scorer
from promptreg.contracts.comparisons import hostile_comparison, sample_comparison
from promptreg.contracts.preferences import check_pairs
from promptreg.contracts.samples import odd_trials, sample_calls, sample_trials
from promptreg.contracts.services import FakeModel, FakeServices
from promptreg.contracts.values import shown
from promptreg.protocols import (
    Call,
    Embedder,
    GenerationRequest,
    Generator,
    History,
    Provider,
    Reporter,
    Scorer,
)
from promptreg.records import Trial
from promptreg.verdicts import Comparison

__all__ = [
    "EmbedderContract",
    "FakeModel",
    "FakeServices",
    "GeneratorContract",
    "HistoryContract",
    "ProviderContract",
    "ReporterContract",
    "ScorerContract",
    "hostile_comparison",
    "odd_trials",
    "sample_calls",
    "sample_comparison",
    "sample_trials",
]

_PLANTED = "planted-secret-7f3a9c"


class ProviderContract:
    """What every provider must do. Subclass it under a name that begins with `Test`.

    Attributes:
        secrets: names of environment variables that the provider reads secrets from; each holds a
            planted value while a test runs, which must not turn up anywhere.
    """

    secrets: Sequence[str] = ()

    def make(self) -> Provider:
        """Return a provider, ready to be used; each test makes its own."""
        raise NotImplementedError(f"{type(self).__name__} must say how a provider is made")

    def calls(self) -> Sequence[Call]:
        """Return what the provider is asked; override it if it needs calls of its own."""
        return sample_calls()

    def test_identity_is_json_and_holds_no_secret(self) -> None:
        """`identity()` is JSON, stable, and without secrets, timeouts and retries."""
        self._check("identity")

    def test_identity_is_the_same_for_a_second_provider(self) -> None:
        """Two providers made alike have the same identity, or the store would never be hit."""
        with self._planted():
            first, second = self.make(), self.make()
            one, other = first.identity(), second.identity()
            for provider in (first, second):
                _provider.check_provider(provider, steps=())
            problem = f"identity() is {shown(one)}, and then {shown(other)}"
        _fail([] if one == other else [problem])

    def test_probe_returns_a_probe(self) -> None:
        """`probe()` returns a `Probe`, also if nothing can be reached."""
        self._check("probe")

    def test_complete_returns_a_completion_or_raises_call_error(self) -> None:
        """`complete()` returns a sound `Completion`, or raises `CallError` with a known cause."""
        self._check("complete")

    def test_complete_can_be_cancelled(self) -> None:
        """A call that is cancelled ends, as cancelled."""
        self._check("cancel")

    def test_aclose_can_be_called_twice(self) -> None:
        """`aclose()` works, and does nothing the second time."""
        self._check("complete", "close")

    def _check(self, *steps: str) -> None:
        __tracebackhide__ = True
        with self._planted():
            problems = _provider.check_provider(self.make(), self.calls(), steps=steps)
        _fail(problems)

    @contextmanager
    def _planted(self) -> Iterator[None]:
        before = {name: os.environ.get(name) for name in self.secrets}
        os.environ.update(dict.fromkeys(self.secrets, _PLANTED))
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


class ScorerContract:
    """What every scorer must do. Subclass it under a name that begins with `Test`."""

    def make(self) -> Scorer:
        """Return a scorer; each test makes its own."""
        raise NotImplementedError(f"{type(self).__name__} must say how a scorer is made")

    def trials(self) -> Sequence[Trial]:
        """Return trials to score; override it if the scorer reads fields the samples lack."""
        return sample_trials()

    def test_scales_are_sound(self) -> None:
        """There is a scale; names are well formed and unique, ranges finite."""
        _fail(_scorer.check_scales(self.make()))

    def test_one_score_per_scale_within_its_range(self) -> None:
        """Each trial gets one `Score` or `Unscored` per scale; the trial stays as it was."""
        _fail(_scorer.check_scores(self.make(), self.trials()))

    def test_the_same_trial_gets_the_same_scores(self) -> None:
        """Scoring again, in another order, changes nothing."""
        _fail(_scorer.check_same_twice(self.make(), self.trials()))

    def test_batches_do_not_matter(self) -> None:
        """What a trial is batched with changes nothing; models that are down leave gaps."""
        _fail(_scorer.check_batches(self.make(), self.trials()))

    def test_exchanged_sides_get_the_opposite(self) -> None:
        """A scorer of pairs prefers the same answer on either side; models down leave gaps."""
        _fail(check_pairs(self.make(), self.trials()))

    def test_missing_ground_truth_is_unscored(self) -> None:
        """Where the ground truth is missing, there is no made-up number and no exception."""
        _fail(_scorer.check_ground_truth(self.make(), self.trials()))

    def test_odd_answers_and_ground_truths_raise_nothing(self) -> None:
        """Values of unexpected types and sizes are scored soundly or unscored."""
        _fail(_scorer.check_odd_trials(self.make()))

    def test_worst_is_within_the_range(self) -> None:
        """What a failed trial counts as is within the scale's range, or None."""
        _fail(_scorer.check_worst(self.make(), self.trials()))


class ReporterContract:
    """What every reporter must do. Subclass it under a name that begins with `Test`.

    Attributes:
        deterministic: whether the same comparison must lead to the same bytes.
    """

    deterministic: bool = True

    def make(self) -> Reporter:
        """Return a reporter; each test makes its own."""
        raise NotImplementedError(f"{type(self).__name__} must say how a reporter is made")

    def comparison(self) -> Comparison:
        """Return what is reported; override it for more."""
        return sample_comparison()

    def test_extensions_are_sound(self) -> None:
        """There is an extension, and each begins with a dot."""
        _fail(_reporter.check_extensions(self.make()))

    def test_a_sound_file_is_written_and_nothing_else(self) -> None:
        """The file is not empty, is what its extension promises, and is alone in its folder."""
        _fail(_reporter.check_write(self.make(), self.comparison()))

    def test_the_same_comparison_gives_the_same_bytes(self) -> None:
        """Writing twice gives the same file, unless `deterministic` is False."""
        reporter: Any = self.make()
        if self.deterministic and getattr(reporter, "deterministic", True):
            _fail(_reporter.check_same_bytes(reporter, self.comparison()))

    def test_a_failed_report_leaves_the_old_file(self) -> None:
        """A report is written whole or not at all."""
        _fail(_reporter.check_whole_or_nothing(self.make()))

    def test_hostile_text_does_no_harm(self) -> None:
        """Escapes, markup, surrogates, NUL and 200 KB of text neither fail nor come through."""
        _fail(_reporter.check_hostile_text(self.make()))


class EmbedderContract:
    """What every embedder must do. Subclass it under a name that begins with `Test`."""

    def make(self) -> Embedder:
        """Return an embedder; each test makes its own."""
        raise NotImplementedError(f"{type(self).__name__} must say how an embedder is made")

    def test_identity_is_json_and_holds_no_secret(self) -> None:
        """`identity()` is JSON, stable, and without secrets."""
        _fail(_embedder.check_identity(self.make()))

    def test_one_vector_of_length_one_per_text(self) -> None:
        """Shape, type and length are as promised, for odd and long texts too."""
        _fail(_embedder.check_vectors(self.make()))

    def test_the_same_text_gets_the_same_vector(self) -> None:
        """What a text is batched with, and in which order, changes nothing."""
        _fail(_embedder.check_same_vectors(self.make()))


class GeneratorContract:
    """What every generator must do. Subclass it under a name that begins with `Test`."""

    def make(self) -> Generator:
        """Return a generator; each test makes its own."""
        raise NotImplementedError(f"{type(self).__name__} must say how a generator is made")

    def request(self) -> GenerationRequest:
        """Return what it is asked for; override it if four scenarios are too many or too few."""
        return GenerationRequest(seed=7, limit=4)

    def test_identity_is_json_and_holds_no_secret(self) -> None:
        """`identity()` is JSON, stable, and without secrets, seed and size."""
        self._check("identity")

    def test_identity_is_the_same_for_a_second_generator(self) -> None:
        """Two generators made alike have the same identity, or every set would look out of date."""
        one, other = self.make().identity(), self.make().identity()
        _fail([] if one == other else [f"identity() is {shown(one)}, and then {shown(other)}"])

    def test_plan_says_what_will_be_made(self) -> None:
        """`plan()` names each slot once, keeps the limit, and is the same twice."""
        self._check("plan")

    def test_every_slot_is_made_or_fails_with_a_reason(self) -> None:
        """`generate()` decides every slot once; rows are scenarios that keep to the plan."""
        self._check("plan", "rows")

    def test_the_same_request_leads_to_the_same_rows(self) -> None:
        """Generating twice gives the same rows, unless `deterministic` is False."""
        self._check("again")

    def test_what_is_done_is_not_made_again(self) -> None:
        """Slots in `request.done` are left out."""
        self._check("resume")

    def test_it_can_be_closed_before_its_end(self) -> None:
        """Closing the iterator raises nothing."""
        self._check("close")

    def _check(self, *steps: str) -> None:
        __tracebackhide__ = True
        _fail(_generator.check_generator(self.make(), self.request(), steps=steps))


class HistoryContract:
    """What every history must do. Subclass it under a name that begins with `Test`.

    Each test makes its own; it must be empty then, and is written into.
    """

    def make(self) -> History:
        """Return an empty history."""
        raise NotImplementedError(f"{type(self).__name__} must say how a history is made")

    def test_it_says_where_it_is_and_whether_it_can_be_reached(self) -> None:
        """`where()` is a line, `probe()` a `Probe`, both without secrets."""
        _fail(_history.check_address(self.make()))

    def test_what_is_recorded_comes_back_once_and_as_it_was(self) -> None:
        """Recording twice changes nothing; runs, comparisons and files come back; filters work."""
        _fail(_history.check_memory(self.make()))

    def test_what_is_removed_is_gone_and_nothing_else(self) -> None:
        """It may be recorded again."""
        _fail(_history.check_removal(self.make()))

    def test_hostile_text_does_no_harm(self) -> None:
        """Odd names neither fail nor get lost under one another."""
        _fail(_history.check_hostile(self.make()))


def _fail(problems: Collection[str]) -> None:
    __tracebackhide__ = True
    if problems:
        raise AssertionError("the contract is not kept:\n  - " + "\n  - ".join(problems))
