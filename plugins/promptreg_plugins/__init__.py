"""Built-in plugins of promptreg, registered through the same entry points as a stranger's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from promptreg.hookspecs import hookimpl

if TYPE_CHECKING:
    import typer

    from promptreg.protocols import Embedder, Generator, History, Reporter
    from promptreg.registry import Catalog
    from promptreg.verdicts import Comparison

if os.environ.get("PROMPTREG_JOB_EVENTS"):  # in processes that the service started, in no other
    from promptreg_plugins.web.jobs import telling

    promptreg_run_started = telling.promptreg_run_started
    promptreg_trial_finished = telling.promptreg_trial_finished
    promptreg_run_finished = telling.promptreg_run_finished


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
def promptreg_comparison_finished(comparison: Comparison, purpose: str) -> None:
    """Show the decision in the pull request, in a CI job of GitHub or GitLab."""
    from promptreg_plugins.forge import comparison_finished

    comparison_finished(comparison, purpose=purpose)


@hookimpl
def promptreg_comparison_failed(
    suite: str, suite_file: str, error: Exception, purpose: str
) -> None:
    """Show in the pull request that there is no decision."""
    from promptreg_plugins.forge import comparison_failed

    comparison_failed(suite, suite_file, error, purpose=purpose)


@hookimpl
def promptreg_register_embedders(catalog: Catalog[Embedder]) -> None:
    """Add the embedders; models and their libraries are loaded with the first text."""
    from promptreg_plugins.embedders.onnx import OnnxEmbedder
    from promptreg_plugins.embedders.sentence_transformers import SentenceTransformersEmbedder

    catalog.add("onnx", OnnxEmbedder)
    catalog.add("sentence_transformers", SentenceTransformersEmbedder)


@hookimpl
def promptreg_register_generators(catalog: Catalog[Generator]) -> None:
    """Add the generators; what they need is imported when they generate."""
    from promptreg_plugins.generators.data_designer import DataDesigner
    from promptreg_plugins.generators.grid import Grid
    from promptreg_plugins.generators.images import ImagesGenerator

    catalog.add("grid", Grid)
    catalog.add("images", ImagesGenerator)
    catalog.add("data_designer", DataDesigner)


@hookimpl
def promptreg_register_histories(catalog: Catalog[History]) -> None:
    """Add the histories; MLflow is imported with the first thing that is read or written."""
    from promptreg_plugins.mlflow_history.history import MlflowHistory

    catalog.add("mlflow", MlflowHistory)


@hookimpl
def promptreg_register_commands(app: typer.Typer) -> None:
    """Add `serve`; what it needs is imported when it is called."""
    from promptreg_plugins.web.commands import add_serve

    add_serve(app)
