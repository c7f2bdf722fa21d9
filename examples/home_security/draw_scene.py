"""Draws one camera picture, thing by thing, and says where each thing can be seen."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

Camera = Literal["front_door", "backyard", "driveway", "side_gate"]
WIDTH, HEIGHT = 480, 360
_FINE = 2  # drawn larger and made smaller: smooth edges
W, H = WIDTH * _FINE, HEIGHT * _FINE
_UNTOLD = {"bush"}
_LEAST = 60
"""Visible pixels below which nobody could say what a thing is."""
SKY = {
    "morning": (176, 206, 232),
    "midday": (150, 195, 240),
    "evening": (214, 160, 120),
    "night": (34, 40, 62),
    "late_night": (18, 22, 38),
}
BRIGHT = {"morning": 1.0, "midday": 1.08, "evening": 0.78, "night": 0.42, "late_night": 0.32}
CLOTHES = ((176, 44, 44), (40, 84, 150), (60, 120, 70), (210, 180, 60), (220, 220, 220))
SKINS = ((236, 200, 172), (198, 146, 110), (128, 84, 58))
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Light:
    """When it is, and the weather."""

    time: str
    weather: str

    @property
    def dark(self) -> bool:
        return self.time in ("night", "late_night")


@dataclass(frozen=True)
class Thing:
    """Something to be drawn.

    Attributes:
        kind: `person`, `car`, `dog`, `cat`, `package` or `bush`.
        at: where its middle is, 0 (left edge) to 1.
        size: 1 is usual.
        turn: 0 to 1; decides colours and posture.
        how: `clothes`, `mask`, `bar`, `costume`, `lamps`.
    """

    kind: str
    at: float
    size: float
    turn: float
    how: dict[str, Any]


def paint(
    camera: Camera, light: Light, things: Sequence[Thing], seed: str
) -> tuple[Image.Image, list[tuple[str, list[int]]]]:
    """Return the picture, and label and `[x, y, width, height]` of all that is visible."""
    picture = _place(camera, light)
    masks: list[tuple[str, Image.Image]] = []
    for thing in things:
        layer = Image.new("RGBA", (W, H))
        _DRAW[thing.kind](ImageDraw.Draw(layer), thing, light)
        alpha = layer.getchannel("A")
        shadow = ImageChops.offset(alpha.filter(ImageFilter.GaussianBlur(14)), 10, 8)
        picture.paste((10, 10, 12), (0, 0), shadow.point(lambda v: v // 4))
        picture.paste(layer, (0, 0), layer)
        masks = [(label, ImageChops.subtract(mask, alpha)) for label, mask in masks]
        masks.append((thing.kind, alpha))
    picture = _weathered(picture, light, random.Random(seed))
    boxes = []
    for label, mask in masks:
        small = mask.resize((WIDTH, HEIGHT), Image.Resampling.BOX).point(lambda v: 255 * (v > 127))
        ends = small.getbbox()
        if label in _UNTOLD or ends is None or small.histogram()[255] < _LEAST:
            continue
        boxes.append((label, [ends[0], ends[1], ends[2] - ends[0], ends[3] - ends[1]]))
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS), boxes


def _place(camera: Camera, light: Light) -> Image.Image:
    picture = Image.new("RGB", (W, H), SKY[light.time])
    pen = ImageDraw.Draw(picture)
    horizon = int(H * 0.5)
    ground = {"driveway": (128, 128, 130), "front_door": (150, 142, 132)}.get(camera, (86, 118, 70))
    for y in range(horizon, H):  # nearer ground is lighter
        share = (y - horizon) / (H - horizon)
        pen.line((0, y, W, y), tuple(int(c * (0.75 + 0.3 * share)) for c in ground))
    wall: Colour = (188, 170, 150) if camera != "side_gate" else (140, 110, 84)
    if camera == "backyard":
        for x in range(0, W, 44):
            pen.rectangle((x, H * 0.3, x + 38, H * 0.56), (132, 98, 66))
        pen.ellipse((W * 0.74, H * 0.06, W * 1.02, H * 0.42), (62, 96, 56))
    elif camera == "driveway":
        pen.rectangle((0, H * 0.16, W * 0.62, H * 0.56), wall)
        pen.rectangle((W * 0.1, H * 0.26, W * 0.5, H * 0.56), (222, 220, 214))
        for i in range(1, 4):
            y = H * (0.26 + 0.075 * i)
            pen.line((W * 0.1, y, W * 0.5, y), (180, 178, 172), 4)
    elif camera == "front_door":
        pen.rectangle((0, 0, W, H * 0.58), wall)
        pen.rectangle((W * 0.6, H * 0.1, W * 0.8, H * 0.58), (104, 58, 44))
        pen.ellipse((W * 0.765, H * 0.34, W * 0.78, H * 0.36), (212, 190, 110))
        pen.rectangle((W * 0.12, H * 0.14, W * 0.4, H * 0.36), (110, 140, 160), (240, 240, 236), 8)
    else:
        pen.rectangle((0, H * 0.1, W * 0.3, H * 0.6), wall)
        for x in range(int(W * 0.34), W, 36):
            pen.rectangle((x, H * 0.24, x + 12, H * 0.58), (70, 72, 76))
        pen.rectangle((W * 0.34, H * 0.28, W, H * 0.31), (70, 72, 76))
    return picture


def _person(pen: ImageDraw.ImageDraw, thing: Thing, light: Light) -> None:
    tall = H * 0.56 * thing.size
    x, feet = W * thing.at, H * (0.83 + 0.07 * thing.turn)
    head = tall * 0.075
    top = feet - tall
    pick = int(thing.turn * 997)
    coat: Colour = (44, 44, 52) if thing.how.get("clothes") == "dark" else CLOTHES[pick % 5]
    if thing.how.get("costume"):
        coat = (240, 132, 24)
    legs: Colour = (36, 40, 58) if pick % 2 else (92, 80, 66)
    skin = SKINS[pick % 3]
    shoulder, hip = top + tall * 0.19, top + tall * 0.53
    wide = tall * 0.115
    stride = tall * (0.05 + 0.05 * thing.turn)
    for side in (-1, 1):
        knee = (x + side * stride * 0.8, hip + tall * 0.22)
        foot = (x + side * stride * 1.2, feet - tall * 0.015)
        pen.line(((x + side * wide * 0.5, hip), knee, foot), legs, int(tall * 0.075), "curve")
        pen.ellipse((foot[0] - 14, foot[1] - 9, foot[0] + 22, foot[1] + 11), (24, 22, 22))
        hand = (x + side * wide * 1.75, hip - tall * 0.03)
        elbow = (x + side * wide * 1.55, shoulder + tall * 0.17)
        start = (x + side * wide * 0.95, shoulder + tall * 0.03)
        shade = tuple(int(c * 0.85) for c in coat)
        pen.line((start, elbow, hand), shade, int(tall * 0.055), "curve")
        pen.ellipse((hand[0] - 9, hand[1] - 9, hand[0] + 9, hand[1] + 9), skin)
    pen.rounded_rectangle(
        (x - wide, shoulder - tall * 0.02, x + wide, hip + tall * 0.03), wide * 0.5, coat
    )
    pen.rectangle((x - head * 0.4, shoulder - tall * 0.05, x + head * 0.4, shoulder), skin)
    face = (x - head * 0.82, top, x + head * 0.82, top + head * 2.1)
    pen.ellipse(face, (30, 30, 34) if thing.how.get("mask") else skin)
    if thing.how.get("mask"):
        pen.rectangle((x - head * 0.5, top + head * 0.75, x + head * 0.5, top + head * 1.05), skin)
    elif thing.how.get("costume"):
        pen.polygon(((x - head, top + 8), (x, top - head * 2), (x + head, top + 8)), (70, 30, 100))
    else:
        pen.pieslice((face[0], face[1] - 4, face[2], face[3]), 180, 360, (52, 36, 26))
    if thing.how.get("bar"):
        x0, y0 = x + wide * 1.75, hip - tall * 0.03
        pen.line((x0 - 6, y0 + 50, x0 + 16, y0 - 90), (96, 98, 104), 10)


def _car(pen: ImageDraw.ImageDraw, thing: Thing, light: Light) -> None:
    long = W * 0.44 * thing.size
    x, ground = W * thing.at - long / 2, H * 0.8
    high = long * 0.17
    pick = int(thing.turn * 997)
    body = ((150, 32, 36), (44, 70, 120), (196, 198, 202), (52, 56, 60))[pick % 4]
    glass = (58, 70, 84) if light.dark else (150, 180, 200)
    pen.rounded_rectangle(
        (x, ground - high * 1.55, x + long, ground - high * 0.3), high * 0.4, body
    )
    roof = ((x + long * 0.2, ground - high * 1.45), (x + long * 0.32, ground - high * 2.45))
    pen.polygon(
        (*roof, (x + long * 0.7, ground - high * 2.45), (x + long * 0.86, ground - high * 1.45)),
        body,
    )
    for a, b, c, d in ((0.25, 0.345, 0.49, 0.49), (0.52, 0.52, 0.69, 0.8)):
        low, up = ground - high * 1.5, ground - high * 2.3
        pen.polygon(
            ((x + long * a, low), (x + long * b, up), (x + long * c, up), (x + long * d, low)),
            glass,
        )
    pen.line(
        (x + long * 0.505, ground - high * 1.5, x + long * 0.505, ground - high * 0.45),
        (20, 20, 22),
        3,
    )
    for place in (0.2, 0.79):
        for radius, colour in ((high * 0.52, (22, 22, 24)), (high * 0.28, (150, 152, 156))):
            cx, cy = x + long * place, ground - high * 0.38
            pen.ellipse((cx - radius, cy - radius, cx + radius, cy + radius), colour)
    lamp = (255, 246, 196) if thing.how.get("lamps") else (220, 214, 190)
    pen.ellipse((x + long * 0.965, ground - high * 1.3, x + long, ground - high * 0.95), lamp)
    pen.rectangle((x, ground - high * 1.3, x + long * 0.02, ground - high), (190, 30, 30))


def _animal(pen: ImageDraw.ImageDraw, thing: Thing, light: Light) -> None:
    dog = thing.kind == "dog"
    long = W * (0.17 if dog else 0.11) * thing.size
    x, ground = W * thing.at, H * 0.88
    fur = ((120, 84, 50), (40, 36, 34), (196, 170, 130))[int(thing.turn * 997) % 3]
    high = long * (0.62 if dog else 0.55)
    for place in (-0.38, -0.26, 0.2, 0.32):
        pen.line(
            (x + long * place, ground - high * 0.6, x + long * place, ground),
            fur,
            int(long * 0.085),
        )
    pen.ellipse((x - long * 0.46, ground - high, x + long * 0.42, ground - high * 0.42), fur)
    pen.ellipse((x + long * 0.3, ground - high * 1.4, x + long * 0.62, ground - high * 0.84), fur)
    if dog:
        pen.ellipse(
            (x + long * 0.52, ground - high * 1.2, x + long * 0.76, ground - high * 0.92), fur
        )
        pen.ellipse(
            (x + long * 0.3, ground - high * 1.42, x + long * 0.42, ground - high * 0.95),
            (30, 24, 20),
        )
    else:
        for ear in (0.34, 0.5):
            at = x + long * ear
            pen.polygon(
                (
                    (at, ground - high * 1.3),
                    (at + 7, ground - high * 1.62),
                    (at + 16, ground - high * 1.3),
                ),
                fur,
            )
    tail = (
        x - long * 0.42,
        ground - high * 0.8,
        x - long * 0.62,
        ground - high * (1.3 if dog else 1.5),
    )
    pen.line(tail, fur, int(long * 0.07))


def _package(pen: ImageDraw.ImageDraw, thing: Thing, light: Light) -> None:
    side = W * 0.09 * thing.size
    x, ground = W * thing.at, H * 0.88
    pen.rectangle((x, ground - side * 0.75, x + side, ground), (186, 142, 92))
    top = (
        (x, ground - side * 0.75),
        (x + side * 0.25, ground - side),
        (x + side * 1.2, ground - side),
    )
    pen.polygon((*top, (x + side, ground - side * 0.75)), (208, 168, 118))
    right = (
        (x + side, ground - side * 0.75),
        (x + side * 1.2, ground - side),
        (x + side * 1.2, ground - side * 0.2),
    )
    pen.polygon((*right, (x + side, ground)), (150, 112, 70))
    pen.rectangle((x + side * 0.42, ground - side * 0.75, x + side * 0.56, ground), (222, 204, 160))


def _bush(pen: ImageDraw.ImageDraw, thing: Thing, light: Light) -> None:
    draw = random.Random(thing.turn)
    x, ground = W * thing.at, H * 0.95
    for _ in range(60):
        angle, reach = draw.random() * math.tau, draw.random() ** 0.5
        cx, cy = (
            x + math.cos(angle) * reach * W * 0.13,
            ground - H * 0.17 + math.sin(angle) * reach * H * 0.15,
        )
        shade = int(40 * draw.random())
        pen.ellipse((cx - 34, cy - 28, cx + 34, cy + 28), (36 + shade, 84 + shade, 40 + shade // 2))


_DRAW = {
    "person": _person,
    "car": _car,
    "dog": _animal,
    "cat": _animal,
    "package": _package,
    "bush": _bush,
}


def _weathered(picture: Image.Image, light: Light, draw: random.Random) -> Image.Image:
    picture = ImageEnhance.Brightness(picture).enhance(BRIGHT[light.time])
    if light.dark:  # an infrared camera sees grey, and a lamp lights the middle
        grey = picture.convert("L").convert("RGB")
        picture = Image.blend(picture, grey, 0.8)
        glow = Image.new("L", (W, H), 0)
        ImageDraw.Draw(glow).ellipse((W * 0.1, H * 0.05, W * 0.9, H * 1.1), 255)
        lit = ImageEnhance.Brightness(picture).enhance(1.7)
        picture = Image.composite(lit, picture, glow.filter(ImageFilter.GaussianBlur(90)))
    if light.weather == "fog":
        picture = Image.blend(picture, Image.new("RGB", (W, H), (178, 182, 186)), 0.5)
        picture = picture.filter(ImageFilter.GaussianBlur(2))
    if light.weather == "rain":
        streaks = Image.new("L", (W, H), 0)
        pen = ImageDraw.Draw(streaks)
        for _ in range(260):
            x, y = draw.random() * W, draw.random() * H
            pen.line((x, y, x - 7, y + 34), 90 + int(60 * draw.random()), 2)
        picture.paste((206, 214, 222), (0, 0), streaks)
        picture = picture.filter(ImageFilter.GaussianBlur(1))
    return picture
