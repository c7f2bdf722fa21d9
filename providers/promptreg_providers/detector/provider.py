"""The provider `detector`: a detection pipeline instead of a language model."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from promptreg import Call, CallError, Cause, Completion, Probe
from promptreg.errors import DataError, PromptregError, UsageError
from promptreg.records import Json
from promptreg_providers.client import JsonClient, address, server_name
from promptreg_providers.detector.settings import (
    checked_model,
    file_hashes,
    module_file,
    need_packages,
    share,
)
from promptreg_providers.images.limits import FORMATS, ImageLimits
from promptreg_providers.transport.secret import Secret

if TYPE_CHECKING:
    from promptreg_providers.images.pool import Workers

__all__ = ["Detector"]

Engine = Literal["opencv_hog", "onnx", "python", "http"]
_TUNED = ("min_confidence", "overlap")


class Detector:
    """A detector of things in images, or a pipeline around one (extra `vision`); no text model.

    The answer is JSON: `{"detections": [{"label", "confidence", "bbox": [x, y, width, height]}],
    "image_width", "image_height"}` in pixels, most confident first, for the scorer `iou`.

    Engines:

    - `opencv_hog`: OpenCV's people detector; brings its weights along. Finds upright people.
    - `onnx`: a detector in the file `path`, on one core. `model` says how it is used: `decoder`
      (`yolo`, `boxes` for end-to-end models, `nanodet`), `labels` (`coco` or a list), `size`,
      `resize` (`letterbox` or `stretch`), `channels` (`rgb` or `bgr`), `mean`, `std` (0 and 255).
    - `python`: your own pipeline, `function: module:function` from the folder `path`, called with
      (image path, prompt, **options) in a process of its own; returns the answer or its list of
      detections. Its module's file and `files` (models, helpers) are hashed into its identity.
    - `http`: your own pipeline behind `url`: gets `{"image": BASE64, "media_type", "prompt"}` and
      returns the answer's JSON.

    With `opencv_hog` and `onnx` the prompt is a JSON object of settings, such as
    `{"min_confidence": 0.4}` or `{}`: versions of a template are then versions of the settings.

    Args:
        engine: one of these.
        path: the model's file, or the folder of the function's module; relative to the suite.
        model: how the model is used; for `opencv_hog`: `stride` (8) and `scale` (1.05).
        min_confidence: detections below are not told, unless the prompt says otherwise.
        overlap: of detections of one label that overlap by more, the most confident is told.
        function: `module:function`.
        options: keyword arguments of the function.
        files: further files that shape what it answers, relative to `path`.
        url: the address of the pipeline.
        api_key_env: variable that holds the key of that address.
        endpoint_id: names the server in keys and fingerprints in place of its address.
        images: `{max_bytes, max_pixels, formats}`.
        workers: processes for `opencv_hog`, `onnx` and `python`.
    """

    synthetic: ClassVar[bool] = False
    cacheable: ClassVar[bool] = True
    takes_images: ClassVar[bool] = True

    def __init__(
        self,
        engine: Engine,
        path: str | None = None,
        model: Mapping[str, Any] | None = None,
        min_confidence: float = 0.25,
        overlap: float = 0.5,
        function: str | None = None,
        options: Mapping[str, Any] | None = None,
        files: Sequence[str] = (),
        url: str | None = None,
        api_key_env: str | None = None,
        endpoint_id: str | None = None,
        images: Mapping[str, Any] | None = None,
        workers: int = 1,
    ) -> None:
        given = {"path": path, "function": function, "url": url}
        needed = {"onnx": "path", "python": "function", "http": "url"}.get(engine)
        if needed and not given[needed]:
            raise ValueError(f"{needed}: needed with engine {engine!r}")
        if not 1 <= workers <= 64:
            raise ValueError(f"workers is {workers}; allowed: 1 to 64")
        self._engine = engine
        self._model = checked_model(engine, model or {})
        self._tuning = {
            "min_confidence": share("min_confidence", min_confidence),
            "overlap": share("overlap", overlap),
        }
        self._limits = ImageLimits.of(images or {})
        need_packages(engine)
        self._options = dict(options or {})
        self._hashed: list[Path] = []
        self._folder: Path | None = None
        self._client: JsonClient | None = None
        self._path = str(path or "")
        if engine == "onnx":
            self._hashed = [Path(self._path)]
            if not self._hashed[0].is_file():
                raise DataError(f"detector: there is no model {path}; models are never downloaded")
        elif engine == "python":
            self._folder = Path(path).resolve() if path else None
            own = module_file(str(function), self._folder)
            base = self._folder or own.parent
            self._hashed = [own, *(base / name for name in files)]
        elif engine == "http":
            secret = Secret(api_key_env, required=bool(api_key_env))
            self._client = JsonClient(address(str(url)), secret)
            self._where = server_name(endpoint_id) or self._client.base
        self._function, self._count = function, workers
        self._name = function or (Path(self._path).name if engine == "onnx" else engine)
        self._workers: Workers | None = None
        self._times = (10.0, 120.0)
        self._identity: dict[str, Json] | None = None

    def identity(self) -> Mapping[str, Json]:
        """Return the engine, its settings, and the hash of each file that shapes its answers.

        Raises:
            DataError: a file cannot be read.
        """
        if self._identity is None:
            own: dict[str, Json] = {"kind": "detector", "engine": self._engine}
            if self._engine in ("opencv_hog", "onnx"):
                own |= {"model": self._model, **self._tuning}
            if self._engine == "python":
                own |= {"function": self._function, "options": self._options}
            if self._client is not None:
                own["endpoint"] = self._where
            if self._hashed:
                own["sha256"] = file_hashes(self._hashed)
            self._identity = own
        return self._identity

    def limits(self, *, connect_s: float, read_s: float, connections: int) -> None:
        """Take the run's timeouts, in seconds."""
        self._times = (connect_s, read_s)
        if self._client is not None:
            self._client.limits(connect_s=connect_s, read_s=read_s)

    def redact(self, text: str) -> str:
        """Return a message without the API key."""
        return self._client.secret.redact(text) if self._client else text

    async def complete(self, call: Call) -> Completion:
        """Return what is found in the prompt's image.

        Raises:
            CallError: the pipeline failed on this image.
            PromptregError: no call can succeed: an image is refused, or there is not one of them.
        """
        if len(call.prompt.images) != 1:
            raise UsageError(
                f"scenario {call.scenario_id!r} has {len(call.prompt.images)} images; a detector "
                "looks at one (column image_path)"
            )
        image = call.prompt.images[0]
        if self._client is not None:
            return await self._remote(image, call, self._client)
        job = {"image": image, "prompt": call.prompt.text, **self._tuned(call.prompt.text)}
        reply = await self._opened().do(job)
        return Completion(_text(reply["answer"]), model=self._name, latency_s=reply["seconds"])

    async def probe(self) -> Probe:
        """Return whether the detector can be started; it is started for that."""
        if self._client is not None:
            problem = self._client.secret.missing()
            return Probe(not problem, problem or f"a pipeline at {self._client.base}")
        try:
            await self._opened().start()
        except PromptregError as e:
            return Probe(ready=False, detail=str(e))
        from importlib.metadata import version

        package = {"opencv_hog": "opencv-python-headless", "onnx": "onnxruntime"}.get(self._engine)
        built: dict[str, Json] = {package: version(package)} if package else {}
        built["pillow"] = version("pillow")
        return Probe(True, f"detector {self._engine}: {self._name}", self._name, built)

    async def aclose(self) -> None:
        """End worker processes and connections."""
        workers, self._workers = self._workers, None
        if workers is not None:
            await workers.aclose()
        if self._client is not None:
            await self._client.aclose()

    def _opened(self) -> Workers:
        if self._workers is None:
            from promptreg_providers.images.pool import Workers

            settings = {
                "do": "check" if self._client else self._engine,
                "limits": self._limits.as_settings(),
                "path": self._path,
                "model": self._model,
                "function": self._function,
                "options": self._options,
            }
            search = (str(self._folder),) if self._folder else ()
            self._workers = Workers(settings, self._count, search)
            self._workers.job_s = self._times[1]
        return self._workers

    def _tuned(self, text: str) -> dict[str, float]:
        """Return the settings that the prompt changes.

        Raises:
            UsageError: the prompt of an engine that takes settings holds something else.
        """
        if self._engine == "python":
            return {}
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or set(said) - set(_TUNED):
            raise UsageError(
                f"the prompt of a detector is {text[:80]!r}; allowed: a JSON object that may hold "
                + ", ".join(_TUNED)
            )
        try:
            return {**self._tuning, **{name: share(name, value) for name, value in said.items()}}
        except ValueError as e:
            raise UsageError(f"the prompt of a detector: {e}") from e

    async def _remote(self, image: str, call: Call, client: JsonClient) -> Completion:
        import asyncio

        reply = await self._opened().do({"image": image})
        data = await asyncio.to_thread(Path(image).read_bytes)
        body = {
            "image": base64.b64encode(data).decode("ascii"),
            "media_type": FORMATS[reply["kind"]],
            "prompt": call.prompt.text,
        }
        raw, answer = await client.post("", body, call.key)
        return Completion(raw, latency_s=answer.elapsed_s, raw=raw)


def _text(answer: Any) -> str:
    """Return the answer as JSON text.

    Raises:
        CallError: it is no object.
    """
    if not isinstance(answer, dict):
        kind = type(answer).__name__
        raise CallError(Cause.INVALID, f"the function returned a {kind}; allowed: a dict or a list")
    return json.dumps(answer, ensure_ascii=False)
