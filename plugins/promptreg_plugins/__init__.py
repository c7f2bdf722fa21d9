"""Built-in plugins of promptreg, registered through the same entry points as a stranger's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptreg.hookspecs import hookimpl

if TYPE_CHECKING:
    from promptreg.protocols import Generator, Reporter
    from promptreg.registry import Catalog


@hookimpl
def promptreg_register_reporters(catalog: Catalog[Reporter]) -> None:
    """Add the reporters; what they need is imported when they write."""
    from promptreg_plugins.reporters.as_csv import CsvReporter
    from promptreg_plugins.reporters.as_json import JsonReporter
    from promptreg_plugins.reporters.as_junit import JunitReporter
    from promptreg_plugins.reporters.as_markdown import MarkdownReporter
    from promptreg_plugins.reporters.as_parquet import ParquetReporter
    from promptreg_plugins.reporters.html import HtmlReporter

    catalog.add("json", JsonReporter)
    catalog.add("markdown", MarkdownReporter)
    catalog.add("html", HtmlReporter)
    catalog.add("csv", CsvReporter)
    catalog.add("parquet", ParquetReporter)
    catalog.add("junit", JunitReporter)


@hookimpl
def promptreg_register_generators(catalog: Catalog[Generator]) -> None:
    """Add the generators; what they need is imported when they generate."""
    from promptreg_plugins.generators.grid import Grid

    catalog.add("grid", Grid)
