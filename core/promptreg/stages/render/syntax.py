"""What syntax a Jinja template may use, and where meters are put into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptreg.errors import TemplateError

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

__all__ = ["LOOP", "SIZED", "restrict"]

MAX_NODES = 2_000
MAX_NESTING = 40
LOOP, SIZED = "promptreg_loop", "promptreg_sized"
"""Names of the filters that the meters are; an environment must have them."""

_NODES = frozenset({
    "Template", "Output", "TemplateData", "If", "For", "Assign", "With",
    "Name", "Const", "Getattr", "Getitem", "Slice", "Tuple", "List", "Dict", "Pair", "Keyword",
    "Compare", "Operand", "And", "Or", "Not", "Filter", "Test", "CondExpr", "Call", "Concat",
    "Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow", "Neg", "Pos",
})  # fmt: skip
_WRITTEN = {
    "AssignBlock": "{% set %} with {% endset %}",
    "Block": "{% block %}",
    "CallBlock": "{% call %}",
    "Extends": "{% extends %}",
    "FilterBlock": "{% filter %}",
    "FromImport": "{% from %}",
    "Import": "{% import %}",
    "Include": "{% include %}",
    "Macro": "{% macro %}",
    "NSRef": "setting an attribute",
    "ScopedEvalContextModifier": "{% autoescape %}",
}
"""Jinja's names for syntax to what a template says; the others are refused by the parser."""
_METHODS = frozenset({
    "capitalize", "cycle", "endswith", "get", "items", "keys", "lower", "lstrip", "rstrip",
    "startswith", "strip", "title", "upper", "values",
})  # fmt: skip


def restrict(tree: nodes.Template, environment: Environment, where: str) -> None:
    """Refuse syntax that is not on the list, and put meters where something can multiply."""
    from jinja2 import nodes

    count = 0
    todo: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while todo:
        node, depth = todo.pop()
        kind = type(node).__name__
        count += kind not in ("TemplateData", "Output")
        if kind not in _NODES:
            spot = f"line {node.lineno}: " if node.lineno else ""
            raise TemplateError(
                f"{where}: {spot}{_WRITTEN.get(kind, kind)} is not allowed in a template; allowed: "
                "{{ }}, and {% %} with if, for, set (a value) and with"
            )
        if count > MAX_NODES or depth > MAX_NESTING:
            raise TemplateError(
                f"{where}: line {node.lineno}: more than {MAX_NODES} pieces of code, or nested "
                f"deeper than {MAX_NESTING} levels"
            )
        if isinstance(node, nodes.Call):
            _check_call(node, where)
        if isinstance(node, nodes.For) and node.recursive:
            raise TemplateError(f"{where}: line {node.lineno}: a recursive loop is not allowed")
        todo += [(child, depth + 1) for child in node.iter_child_nodes()]
    _meter(tree, environment)


def _check_call(node: nodes.Call, where: str) -> None:
    from jinja2 import nodes

    called = node.node
    if isinstance(called, nodes.Name) and called.name == "range":
        return
    if isinstance(called, nodes.Getattr) and called.attr in _METHODS:
        return
    name = getattr(called, "attr", getattr(called, "name", "this"))
    raise TemplateError(
        f"{where}: line {node.lineno}: calling {name}() is not allowed; allowed: range() and "
        f".{', .'.join(sorted(_METHODS))}"
    )


def _meter(tree: nodes.Template, environment: Environment) -> None:
    """Rewrite: loops and new lists pass through a meter; `a ~ b` becomes a metered `a + b`."""
    from jinja2 import nodes

    def filtered(node: nodes.Expr, name: str, *args: nodes.Expr) -> nodes.Filter:
        made = nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)
        made.set_environment(environment)
        return made

    def rewrite(node: nodes.Node) -> nodes.Node:
        for field in node.fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                setattr(
                    node, field, [rewrite(v) if isinstance(v, nodes.Node) else v for v in value]
                )
            elif isinstance(value, nodes.Node):
                setattr(node, field, rewrite(value))
        if isinstance(node, nodes.For):
            body = sum(1 for part in node.body for _ in part.find_all(nodes.Node)) + 1
            items: nodes.Expr = node.iter  # type: ignore[assignment]  # declared wider than it is
            node.iter = filtered(items, LOOP, nodes.Const(body))
        elif isinstance(node, nodes.Concat):
            whole: nodes.Expr = filtered(node.nodes[0], "string")
            for part in node.nodes[1:]:
                whole = nodes.Add(whole, filtered(part, "string"), lineno=node.lineno)
            whole.set_environment(environment)
            return whole
        elif isinstance(node, (nodes.List, nodes.Dict, nodes.Tuple)):
            if isinstance(node, nodes.Tuple) and node.ctx != "load":
                return node  # the names that a loop or `set` binds
            return filtered(node, SIZED)
        return node

    rewrite(tree)
