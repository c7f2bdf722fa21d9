"""Template versions in MLflow's Prompt Registry: one version for one content."""

from __future__ import annotations

import json
import re
from typing import Any

from promptreg.past import PastTemplate
from promptreg_plugins.mlflow_history.names import prompt_name, tag_text

__all__ = ["Prompts"]

_LONGEST = 100_000
_SHA256 = "promptreg.sha256"
_HOMES = "_mlflow_experiment_ids"
_LINKED = "mlflow.linkedPrompts"
_RESERVED = re.compile(r"(?:v\d+|latest|sha-.*)\Z", re.IGNORECASE)
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,100}\Z")
_MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class Prompts:
    """The Prompt Registry of one MLflow.

    It makes a new version even of a text that it has. An alias made of the content's hash marks
    each version, so that it is found again; where that alias was not made in time, versions are
    looked through.

    Args:
        client: MLflow's.
        home: id of the experiment whose page of prompts is to list them.
    """

    def __init__(self, client: Any, home: str = "") -> None:
        self._client = client
        self._home = home
        self._known: dict[tuple[str, str], str] = {}

    def version(self, suite: str, template: PastTemplate) -> str | None:
        """Return `NAME/VERSION` of a template, registered if it was not; None if it is too long."""
        if len(template.text) > _LONGEST or not template.text:
            return None
        name = prompt_name(suite, template.name)
        key = (name, template.sha256)
        if key not in self._known:
            alias = f"sha-{template.sha256[:32]}"
            found = self._by_alias(name, alias) or self._by_hash(name, template.sha256)
            number = found or self._register(name, template)
            if self._by_alias(name, alias) != number:
                self._client.set_prompt_alias(name, alias, int(number))
            if found:
                self._list_at_home(name)
            self._known[key] = f"{name}/{number}"
        return self._known[key]

    def _by_alias(self, name: str, alias: str) -> str | None:
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_prompt_version_by_alias(name, alias)
        except MlflowException as e:
            if e.error_code in _MISSING:
                return None
            raise
        return str(found.version) if found is not None else None

    def _by_hash(self, name: str, sha256: str) -> str | None:
        from mlflow.exceptions import MlflowException

        token = None
        while True:
            try:
                page = self._client.search_prompt_versions(name, 100, token)
            except MlflowException as e:
                if e.error_code in _MISSING:
                    return None
                raise
            for version in page:
                if version.tags.get(_SHA256) == sha256:
                    return str(version.version)
            token = getattr(page, "token", None)
            if not token:
                return None

    def _list_at_home(self, name: str) -> None:
        """Let the experiment's page list a prompt that came from elsewhere, or half of it."""
        prompt = self._client.get_prompt(name)
        listed = [i for i in (prompt.tags if prompt else {}).get(_HOMES, "").split(",") if i]
        if self._home and prompt is not None and self._home not in listed:
            self._client.set_prompt_tag(name, _HOMES, f",{','.join([*listed, self._home])},")

    def _register(self, name: str, template: PastTemplate) -> str:
        import mlflow

        if self._home:  # it lists a new prompt in the experiment that is set for the process
            mlflow.set_experiment(experiment_id=self._home)
        tags = {
            _SHA256: template.sha256,
            "promptreg.engine": template.engine,
            "promptreg.variables": tag_text(json.dumps(list(template.variables))),
            "promptreg.label": tag_text(template.label),
            "promptreg.template": tag_text(template.name),
            "promptreg.source": tag_text(template.source),
        }
        made = self._client.register_prompt(
            name, template.text, commit_message=f"{template.name}@{template.label}"[:200], tags=tags
        )
        return str(made.version)

    def link(self, place: str, version: str | None) -> None:
        """Link a version to an MLflow run, once."""
        if version is None:
            return
        name, _, number = version.rpartition("/")
        linked = self._client.get_run(place).data.tags.get(_LINKED, "[]")
        held = [(p.get("name"), str(p.get("version"))) for p in json.loads(linked)]
        if (name, number) not in held:
            self._client.link_prompt_version_to_run(place, f"prompts:/{name}/{number}")

    def point(self, suite: str, alias: str, target: PastTemplate) -> bool:
        """Let an alias point to a version, and return whether it had to be moved.

        A name that MLflow keeps for itself, such as `latest` or `v2`, is left alone.
        """
        if not _ALIAS.match(alias) or _RESERVED.match(alias):
            return False
        version = self.version(suite, target)
        if version is None:
            return False
        name, _, number = version.rpartition("/")
        if self._by_alias(name, alias) == number:
            return False
        self._client.set_prompt_alias(name, alias, int(number))
        return True
