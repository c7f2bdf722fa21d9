"""JUnit XML: the gate, every metric and every limit as test cases, for CI systems."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree as ET

from promptreg.stages.report import digest, write_whole
from promptreg.stages.report.lines import Line, line_of
from promptreg.stages.report.text import clean, one_line
from promptreg.verdicts import Comparison, Difference, GateVerdict, Verdict


class JunitReporter:
    """Writes one test case per template and metric (and guard, limit, gate) as JUnit XML."""

    extensions: ClassVar[Sequence[str]] = (".junit.xml",)

    def write(self, comparison: Comparison, path: Path) -> None:
        """Write the report to `path`, whole or not at all."""
        root = ET.Element("testsuites", name=one_line(comparison.suite))
        _gate(comparison, root)
        tables = digest.whole_suite(comparison)
        guarding = digest.guards(comparison)
        limited = (limit.template for limit in comparison.limits)  # also new versions, alone
        for template in dict.fromkeys([*tables, *(d.template for d in guarding), *limited]):
            rows = tables.get(template, []) + [d for d in guarding if d.template == template]
            _template(comparison, template, rows, root)
        for total in ("tests", "failures", "skipped"):
            root.set(total, str(sum(int(suite.get(total, "0")) for suite in root)))
        root.set("errors", "0")
        _times(comparison, root)
        ET.indent(root)
        write_whole(path, ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _gate(comparison: Comparison, root: ET.Element) -> None:
    suite = ET.SubElement(root, "testsuite", name="gate")
    name = f"{one_line(comparison.candidate.label)} against {one_line(comparison.baseline.label)}"
    classname = f"{one_line(comparison.suite)}.gate"
    case = ET.SubElement(suite, "testcase", classname=classname, name=name)
    told = {"design": digest.design(comparison), "stopping": digest.stopping(comparison)}
    if any(told.values()):
        properties = ET.SubElement(case, "properties")
        for name, value in told.items():
            if value:
                ET.SubElement(properties, "property", name=name, value=one_line(value, 400))
    said = digest.headline(comparison)
    if comparison.gate.verdict is GateVerdict.FAIL:
        ET.SubElement(case, "failure", message=said, type="fail").text = digest.facts(comparison)
    elif comparison.gate.verdict is GateVerdict.INCONCLUSIVE:
        ET.SubElement(case, "skipped", message=said)
    for criterion, what, status in digest.criteria(comparison):
        asked = ET.SubElement(suite, "testcase", classname=classname, name=f"criterion: {what}")
        if criterion.status != "present":
            ET.SubElement(asked, "skipped", message=status)
    notes = [said, digest.facts(comparison), digest.spent(comparison)]
    notes += [digest.design(comparison)] if comparison.design else []
    notes += digest.compared(comparison)
    notes += [digest.stopping(comparison)] if comparison.stopping else []
    notes += ["SYNTHETIC answers: can never pass a gate"] if comparison.synthetic else []
    notes += [f"warning: {one_line(w, 400)}" for w in comparison.warnings]
    ET.SubElement(case, "system-out").text = clean("\n".join(notes))
    _total(suite)


def _template(
    comparison: Comparison, template: str, rows: list[Difference], root: ET.Element
) -> None:
    suite = ET.SubElement(root, "testsuite", name=one_line(template))
    classname = f"{one_line(comparison.suite)}.{one_line(template)}"
    for d in rows:
        line = line_of(d)
        case = ET.SubElement(suite, "testcase", classname=classname, name=line.metric)
        said = f"{line.verdict}: {_words(line)}"
        if d.gating and d.verdict is Verdict.REGRESSED:
            ET.SubElement(case, "failure", message=said, type="regressed").text = "\n".join(
                line.extras
            )
        elif d.gating and d.verdict is Verdict.INCONCLUSIVE:
            ET.SubElement(case, "skipped", message=said)
        ET.SubElement(case, "system-out").text = said
    for limit, what, status in digest.limits(comparison):
        if limit.template != template:
            continue
        case = ET.SubElement(suite, "testcase", classname=classname, name=f"limit: {what}")
        if limit.status == "not_met":
            ET.SubElement(case, "failure", message=status, type="limit")
        elif limit.status != "met":
            ET.SubElement(case, "skipped", message=status)
    _total(suite)


def _words(line: Line) -> str:
    unit = f" {line.unit}" if line.unit else ""
    return (
        f"{line.baseline} to {line.candidate}{unit}, change {line.change} {line.interval}, "
        f"margin {line.margin}, {line.n} scenarios"
    )


def _total(suite: ET.Element) -> None:
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    suite.set("errors", "0")


def _times(comparison: Comparison, root: ET.Element) -> None:
    """Set what readers of JUnit demand: when, and how long.

    A metric takes no time of its own; all of it is the gate's.
    """
    seconds = f"{max(0.0, comparison.duration_s):.3f}"
    when = re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", comparison.created_at)
    root.set("time", seconds)
    for index, suite in enumerate(root):
        suite.set("id", str(index))
        suite.set("time", seconds if suite is root[0] else "0")
        if when:
            suite.set("timestamp", when.group())
        for case in suite.iterfind("testcase"):
            case.set("time", seconds if suite is root[0] else "0")
