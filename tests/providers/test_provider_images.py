"""Images of scenarios on their way to a chat server; the server here speaks the same protocol."""

from __future__ import annotations

import base64
import io
import os
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fault_server import FaultServer, chat, ok
from promptreg import Call, Prompt
from promptreg.errors import CallError, DataError, UsageError
from promptreg.pipeline.keys import KeyMaker
from promptreg_providers.images.limits import ImageLimits
from promptreg_providers.images.pool import Workers
from promptreg_providers.openai_chat import Nvidia, OpenAIChat

Image = pytest.importorskip("PIL.Image", reason="images need Pillow (extra 'vision')")

CHATML = (
    "<|im_start|>system\nLook.<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n"
)


def picture(path: Path, kind: str = "png", size: tuple[int, int] = (8, 6), **how: Any) -> str:
    Image.new("RGB", size, (200, 30, 30)).save(path, kind, **how)
    return str(path)


def huge_png(path: Path, side: int) -> str:
    """A few bytes that promise side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return str(path)


@pytest.mark.parametrize("text", ["Who is there?", CHATML])
async def test_images_go_behind_the_users_text(text: str, tmp_path: Path) -> None:
    paths = (picture(tmp_path / "a.png"), picture(tmp_path / "b.jpg", "jpeg"))
    async with FaultServer(ok(chat())) as server:
        provider = OpenAIChat(f"{server.url}/v1", "m", images={"detail": "low"})
        assert provider.takes_images
        await provider.complete(Call(Prompt(text, paths), key="k"))
        await provider.aclose()
    last = server.requests[0].json["messages"][-1]
    assert last["role"] == "user"
    assert [part["type"] for part in last["content"]] == ["text", "image_url", "image_url"]
    assert last["content"][0]["text"] == ("Who?" if text is CHATML else text)
    for part, path, kind in zip(last["content"][1:], paths, ("png", "jpeg"), strict=True):
        head, _, data = part["image_url"]["url"].partition(",")
        assert head == f"data:image/{kind};base64"
        assert base64.b64decode(data) == Path(path).read_bytes()  # exactly what was hashed
        assert part["image_url"]["detail"] == "low"


async def test_nvidia_takes_images_the_same_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NVIDIA_API_KEY", "planted-key-0123456789abcdef")
    async with FaultServer(ok(chat())) as server:
        provider = Nvidia("vision-model", f"{server.url}/v1", images=True)
        call = Call(Prompt("p", (picture(tmp_path / "a.webp", "webp"),)), key="k")
        await provider.complete(call)
        await provider.aclose()
    url = server.requests[0].json["messages"][0]["content"][1]["image_url"]["url"]
    assert url.startswith("data:image/webp;base64,")
    assert server.requests[0].headers["authorization"].startswith("Bearer ")


async def test_without_the_setting_images_are_refused_and_keys_are_what_they_were(
    tmp_path: Path,
) -> None:
    provider = OpenAIChat("http://127.0.0.1:9/v1", "m")
    assert not provider.takes_images
    assert "images" not in provider.identity()
    with pytest.raises(UsageError, match="unless it says 'images: true'"):
        await provider.complete(Call(Prompt("p", ("a.png",))))


def test_another_picture_under_the_same_name_is_another_call(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    first = KeyMaker("openai_chat", {}, {}, "").key(Prompt("p", (path,)), 0)
    picture(tmp_path / "a.png", size=(8, 7))
    assert KeyMaker("openai_chat", {}, {}, "").key(Prompt("p", (path,)), 0) != first


@pytest.fixture
async def check() -> AsyncIterator[Any]:
    limits = ImageLimits(max_bytes=5000, max_pixels=10_000)
    workers = Workers({"do": "check", "limits": limits.as_settings()})

    async def checked(path: str) -> dict[str, Any]:
        return await workers.do({"image": path})

    yield checked
    await workers.aclose()


async def test_what_an_image_may_not_be(check: Any, tmp_path: Path) -> None:
    """One worker refuses all of them and goes on."""
    good = picture(tmp_path / "good.png")
    damaged = tmp_path / "cut.jpg"
    damaged.write_bytes(Path(picture(tmp_path / "j.jpg", "jpeg", (90, 90))).read_bytes()[:300])
    frames = io.BytesIO()
    pages = [Image.new("RGB", (4, 4), c) for c in ("red", "blue")]
    pages[0].save(frames, "webp", save_all=True, append_images=pages[1:])
    moving = tmp_path / "moving.webp"
    moving.write_bytes(frames.getvalue())
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "fat.png").write_bytes(os.urandom(5001))
    for path, why in (
        (str(tmp_path / "none.png"), "cannot be read: No such file"),
        (str(tmp_path), "cannot be read"),
        (str(tmp_path / "fat.png"), "larger than 5,000 bytes"),
        (str(tmp_path / "text.png"), "none of png, jpeg, webp"),
        (picture(tmp_path / "a.bmp", "bmp"), "none of png, jpeg, webp"),
        (picture(tmp_path / "a.gif", "gif"), "none of png, jpeg, webp"),
        (picture(tmp_path / "large.png", size=(101, 100)), "more than 10,000 pixels"),
        (huge_png(tmp_path / "bomb.png", 60_000), "more than 10,000 pixels"),
        (str(damaged), "cannot be decoded"),
        (str(moving), "animated"),
    ):
        with pytest.raises(DataError, match=why) as caught:
            await check(path)
        assert path in str(caught.value)
        assert (await check(good))["size"] == [8, 6]


async def test_a_worker_that_dies_fails_the_call_and_is_replaced(tmp_path: Path) -> None:
    good = picture(tmp_path / "good.png")
    workers = Workers({"do": "check", "limits": ImageLimits().as_settings()})
    await workers.do({"image": good})
    process = workers._idle[0]._process
    assert process is not None
    process.kill()
    with pytest.raises(CallError, match="the worker process died"):
        await workers.do({"image": good})
    assert (await workers.do({"image": good}))["kind"] == "png"
    await workers.aclose()


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"max_pixels": 0}, "max_pixels is 0"),
        ({"max_bytes": True}, "max_bytes is True"),
        ({"formats": ["gif"]}, "allowed: some of png, jpeg, webp"),
        ({"maxpixels": 5}, "maxpixels is unknown"),
        ({"detail": "best"}, "allowed: auto, low, high"),
    ],
)
def test_limits_that_are_refused(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        OpenAIChat("http://127.0.0.1:9/v1", "m", images=settings)
