"""Letters whose case is another in some languages: they are compared as Unicode folds them."""

from __future__ import annotations

import pytest

from promptreg import Completion, Score
from promptreg_scorers.risk_level import RiskLevel
from scoring_makers import make, reader, text_of, trial


@pytest.mark.parametrize(
    ("point", "said", "found"),
    [
        ("kap\u0131", "KAPI", False),  # the dotless i is a letter of its own, whatever the locale
        ("kapi", "KAPI", True),
        ("\u0130\u015fik", "\u0130\u015f\u0130K", False),  # I with a dot folds to i and a dot
        ("\u0130stasyon", "\u0130STASYON", True),
        ("stra\u00dfe", "STRASSE", True),
        (
            "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",
            "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3",
            True,
        ),
    ],
)
def test_key_points_are_found_as_unicode_folds_case(point: str, said: str, found: bool) -> None:
    scored = make("key_points").score(trial({"reasoning": said}, key_points=[point]))
    assert isinstance(scored, Score)
    assert scored.value == float(found)


@pytest.mark.parametrize("level", ["H\u0130GH", "h\u0131gh", "CR\u0130T\u0130CAL"])
def test_a_level_with_a_turkish_i_is_no_level(level: str) -> None:
    """It is told as such: a model that writes so made a mistake of format."""
    wrong = reader(effective=True).effective(Completion(text_of(risk_level=level)), None)
    right = reader(effective=True).effective(Completion(text_of(risk_level="HIGH")), None)
    assert "inferred_level" in wrong.rules
    assert "inferred_level" not in right.rules
    scored = RiskLevel().score(trial({"risk_score": 80, "risk_level": level}, risk_level="high"))
    assert scored.value == 0.0
