"""Constants of Python files, read from the syntax tree: the file is never run."""

from __future__ import annotations

import ast
import textwrap
import warnings
from collections.abc import Mapping

from promptreg.errors import TemplateError, did_you_mean

__all__ = ["MAX_TEMPLATE", "constant_of", "text_constants", "value_at"]

MAX_TEMPLATE = 1_000_000
_MAX_DEPTH = 200
_STRIPPERS = ("strip", "lstrip", "rstrip")
_WHY = (
    "a prompt must be the same text each time: code inside it (a clock, say) makes every call new "
    "and nothing comparable. Allowed: string literals, their concatenation, names bound to them "
    "in the same file, textwrap.dedent and strip"
)


def constant_of(source: str, name: str, where: str) -> str:
    """Return the text that a module-level name is bound to.

    Raises:
        TemplateError: not Python, no such name, or bound to something that must be run.
    """
    return _Reader(source, where).read(name)


def text_constants(source: str, where: str) -> list[str]:
    """Return the module-level names in capitals; what a message may offer."""
    return [n for n in _Reader(source, where).bound if n.isupper()]


class _Reader:
    def __init__(self, source: str, where: str) -> None:
        self._where = where
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an odd escape is the author's business
                tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
            raise TemplateError(f"{where}: no valid Python: {e}") from e
        self.bound: dict[str, ast.expr] = {}
        self._twice: set[str] = set()
        self._dedent: set[str] = set()
        for statement in tree.body:
            self._bind(statement)
        self._known: dict[str, str] = {}
        self._open: list[str] = []

    def _bind(self, statement: ast.stmt) -> None:
        targets: list[ast.expr] = []
        value: ast.expr | None = None
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
            targets, value = [statement.target], statement.value
        elif isinstance(statement, ast.ImportFrom) and statement.module == "textwrap":
            self._dedent |= {a.asname or a.name for a in statement.names if a.name == "dedent"}
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                if alias.name == "textwrap":
                    self._dedent.add(f"{alias.asname or alias.name}.dedent")
        else:
            # Bound inside `if`, `try`, `for`, `with`: which one counts is only known by running.
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    self._twice.add(node.id)
        for target in targets:
            if isinstance(target, ast.Name) and value is not None:
                if target.id in self.bound or isinstance(statement, ast.AugAssign):
                    self._twice.add(target.id)
                self.bound[target.id] = value

    def read(self, name: str) -> str:
        if name in self._known:
            return self._known[name]
        if name in self._twice:
            raise TemplateError(
                f"{self._where}: {name} is bound more than once, or inside a block; {_WHY}"
            )
        if name not in self.bound:
            known = [n for n in self.bound if n.isupper()]
            raise TemplateError(
                f"{self._where}: no module-level name {name!r}{did_you_mean(name, self.bound)}; "
                f"there are: {', '.join(known[:20]) or 'none in capitals'}"
            )
        if name in self._open or len(self._open) >= _MAX_DEPTH:
            raise TemplateError(f"{self._where}: {name} is bound to itself")
        self._open.append(name)
        text = self._text(self.bound[name])
        self._open.pop()
        self._known[name] = text
        return text

    def _text(self, node: ast.expr) -> str:
        parts: list[str] = []
        length = 0
        # `a + b + c` leans to the left as deep as it is long: walked without recursion.
        todo = [node]
        while todo:
            part = todo.pop()
            if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add):
                todo += [part.right, part.left]
                continue
            text = self._part(part)
            length += len(text)
            if length > MAX_TEMPLATE:
                raise TemplateError(
                    f"{self._where}: line {node.lineno}: longer than {MAX_TEMPLATE:,} characters"
                )
            parts.append(text)
        return "".join(parts)

    def _part(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                return node.value
            raise self._no(node, f"is bound to {type(node.value).__name__}, not to text")
        if isinstance(node, ast.Name):
            return self.read(node.id)
        if isinstance(node, ast.JoinedStr):
            if all(isinstance(v, ast.Constant) for v in node.values):
                return "".join(str(v.value) for v in node.values if isinstance(v, ast.Constant))
            raise self._no(node, "is an f-string, which runs code")
        if isinstance(node, ast.Call) and not node.keywords:
            called = _dotted(node.func)
            if called in self._dedent and len(node.args) == 1:
                return textwrap.dedent(self._text(node.args[0]))
            if (
                isinstance(node.func, ast.Attribute)
                and node.func.attr in _STRIPPERS
                and not node.args
            ):
                stripped: str = getattr(self._text(node.func.value), node.func.attr)()
                return stripped
        if isinstance(node, ast.Call):
            raise self._no(node, f"calls {_dotted(node.func) or 'something'}()")
        raise self._no(node, f"is built by code ({type(node).__name__})")

    def _no(self, node: ast.expr, what: str) -> TemplateError:
        name = self._open[0] if self._open else ""
        return TemplateError(f"{self._where}: line {node.lineno}: {name} {what}; {_WHY}")


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    elif parts:
        parts.append("…")
    return ".".join(reversed(parts))


def value_at(data: object, key: str, where: str) -> str:
    """Return the text at `a.b.0.c` of a parsed JSON or YAML file.

    Raises:
        TemplateError: no such key, or no text there.
    """
    here = data
    for depth, part in enumerate(key.split(".")):
        spot = ".".join(key.split(".")[:depth]) or "the top"
        if isinstance(here, Mapping):
            if part not in here:
                known = [str(k) for k in here]
                raise TemplateError(
                    f"{where}: no key {part!r} at {spot}{did_you_mean(part, known)}; "
                    f"there are: {', '.join(known[:20])}"
                )
            here = here[part]
        elif (
            isinstance(here, list) and part.isdecimal() and len(part) < 7 and int(part) < len(here)
        ):
            here = here[int(part)]
        else:
            raise TemplateError(f"{where}: no {part!r} at {spot} (a {type(here).__name__})")
    if not isinstance(here, str):
        raise TemplateError(f"{where}: {key} is {type(here).__name__}, not text")
    return here
