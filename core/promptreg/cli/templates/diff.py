"""`promptreg templates diff A B`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptreg.cli import options as o

if TYPE_CHECKING:
    from rich.console import Console

    from promptreg.pipeline.templates.listing import Shown

__all__ = ["diff"]

_STYLES = {"same": "", "removed": "red", "added": "green", "place": "cyan"}
_SIGNS = {"same": " ", "removed": "-", "added": "+", "place": ""}


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="Such as v1 or basic@production.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Such as v2.")],
    config: o.Config = None,
    template: o.TemplateNames = None,
    by_words: Annotated[
        bool, typer.Option("--words", help="Word by word: [-removed-] {+added+}.")
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 where there is a difference.")
    ] = False,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Show what changed from A to B: text, variables, engine, length."""
    from promptreg.cli.show import console, print_json
    from promptreg.pipeline.project import open_project
    from promptreg.pipeline.templates.listing import show_versions
    from promptreg.pipeline.versions import common_templates

    o.read_env_file(env_file)
    project, options = open_project(config), o.make_options(template=template)
    left, right = (
        {s.template.name: s for s in show_versions(project, ref, options)} for ref in (a, b)
    )
    names = common_templates(
        {n: s.template for n, s in left.items()}, {n: s.template for n, s in right.items()}, a, b
    )
    pairs = [(left[name], right[name]) for name in names]
    if as_json:
        print_json([_as_json(x, y) for x, y in pairs])
    else:
        for i, (x, y) in enumerate(pairs):
            if i:
                print()
            _print(x, y, console(), by_words=by_words)
    differs = any(x.template.sha256 != y.template.sha256 for x, y in pairs)
    return int(exit_code and differs)


def _changes(x: Shown, y: Shown) -> list[tuple[str, str]]:
    """Return what changed besides the text: what it is, and how, in words."""
    from promptreg.cli.templates.words import TOKENS_PER_CHARACTER

    a, b = x.template, y.template
    rows = []
    if a.engine != b.engine:
        rows.append(("engine", f"{a.engine} became {b.engine}"))
    added = sorted(set(b.variables) - set(a.variables))
    removed = sorted(set(a.variables) - set(b.variables))
    if x.problem or y.problem:
        rows.append(("problem", x.problem or y.problem))
    elif added or removed:
        words = [f"+{name}" for name in added] + [f"-{name}" for name in removed]
        rows.append(("variables", ", ".join(words)))
    grown = len(b.text) - len(a.text)
    tokens = round(grown * TOKENS_PER_CHARACTER)
    rows.append(
        (
            "length",
            f"{len(a.text):,} to {len(b.text):,} characters ({grown:+,}; about {tokens:+,} tokens)",
        )
    )
    return rows


def _print(x: Shown, y: Shown, out: Console, *, by_words: bool) -> None:
    from rich.text import Text

    from promptreg.cli.templates import textdiff
    from promptreg.cli.templates.words import short
    from promptreg.stages.report.text import clean, one_line

    a, b = x.template, y.template

    def line(words: str, style: str = "") -> None:
        out.print(Text(words, style=style), soft_wrap=True)

    for sign, t in (("---", a), ("+++", b)):
        line(f"{sign} {t.name}@{t.label} ({short(t.sha256)}) {one_line(t.source)}", "bold")
    if a.sha256 == b.sha256:
        line("identical")
        return
    for what, how in _changes(x, y):
        line(f"# {what}: {one_line(how, 500)}", "dim")
    before, after = (clean(t.text, len(t.text)) for t in (a, b))
    if before == after:
        line(
            "# the texts look alike: they differ in characters that cannot be shown"
            if a.text != b.text
            else "# the texts are identical",
            "yellow",
        )
    elif by_words:
        text = Text()
        for mark, piece in textdiff.words(before, after):
            shown = {"removed": f"[-{piece}-]", "added": f"{{+{piece}+}}"}.get(mark, piece)
            text.append(shown, style=_STYLES[mark])
        out.print(text, soft_wrap=True)
    else:
        for mark, content in textdiff.unified(before, after):
            line(_SIGNS[mark] + content, _STYLES[mark])


def _as_json(x: Shown, y: Shown) -> dict[str, Any]:
    from promptreg.cli.templates import textdiff

    a, b = x.template, y.template
    lines = [] if a.text == b.text else textdiff.unified(a.text, b.text)
    return {
        "template": a.name,
        "a": {"label": a.label, "sha256": a.sha256, "engine": a.engine, "source": a.source},
        "b": {"label": b.label, "sha256": b.sha256, "engine": b.engine, "source": b.source},
        "identical": a.sha256 == b.sha256,
        "variables": {
            "added": sorted(set(b.variables) - set(a.variables)),
            "removed": sorted(set(a.variables) - set(b.variables)),
        },
        "characters": [len(a.text), len(b.text)],
        "diff": [_SIGNS[mark] + line for mark, line in lines],
    }
