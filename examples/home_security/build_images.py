"""Renders the curated image set of the example: 65 camera pictures whose boxes are known exactly.

    pip install pillow pyarrow && python examples/home_security/build_images.py

Drawn scenes, not photographs: day, dusk and night, rain and fog, things half hidden. Each thing is
drawn on a layer of its own, so its box is that of its visible pixels. The folder `images` is
replaced as a whole; its manifest holds the hash of every picture.
"""

from __future__ import annotations

import io
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from draw_scene import HEIGHT, WIDTH, Camera, Light, Thing, paint
from PIL import Image

from promptreg.stages.load import load_scenarios
from promptreg.store.fixture import Draft, FixtureManifest

HERE = Path(__file__).parent
TABLE = "multimodal_ground_truth.parquet"
RISK = {"normal": (0, 25), "suspicious": (30, 55), "threat": (70, 100), "edge_case": (20, 60)}
DAYS = ("morning", "midday", "evening")
NIGHTS = ("night", "late_night")
CAMERAS: tuple[Camera, ...] = ("front_door", "backyard", "driveway", "side_gate")


@dataclass(frozen=True)
class Story:
    """What happens, and in how many pictures."""

    name: str
    kind: str
    count: int
    times: tuple[str, ...]
    things: tuple[tuple[str, dict[str, Any]], ...]
    weathers: tuple[str, ...] = ("clear",)
    cameras: tuple[Camera, ...] = CAMERAS


STORIES = (
    Story("arrives", "normal", 6, DAYS, (("car", {}), ("person", {})), cameras=("driveway",)),
    Story("delivery", "normal", 5, DAYS, (("person", {"at": 0.45}), ("package", {"at": 0.68}))),
    Story("dog_walk", "normal", 4, DAYS, (("person", {}), ("dog", {})), ("clear", "rain")),
    Story("parked_car", "normal", 4, DAYS, (("car", {}),), cameras=("driveway",)),
    Story("cat_passes", "normal", 3, (*DAYS, "night"), (("cat", {}),)),
    Story("nobody", "normal", 3, (*DAYS, "night"), (), ("clear", "fog")),
    Story("lingers", "suspicious", 6, ("evening", *NIGHTS), (("person", {"clothes": "dark"}),)),
    Story("idles", "suspicious", 4, NIGHTS, (("car", {"lamps": True}),), cameras=("driveway",)),
    Story(
        "two_look_in", "suspicious", 5, ("evening", "night"),
        (("person", {"at": 0.3, "clothes": "dark"}), ("person", {"at": 0.6})),
    ),
    Story(
        "masked", "threat", 6, NIGHTS,
        (("person", {"clothes": "dark", "mask": True, "bar": True}),),
    ),
    Story(
        "break_in", "threat", 4, NIGHTS,
        (("person", {"at": 0.35, "clothes": "dark", "bar": True}),
         ("person", {"at": 0.6, "clothes": "dark", "mask": True})),
    ),
    Story("behind_bush", "edge_case", 4, DAYS, (("person", {"at": 0.5}), ("bush", {"at": 0.55}))),
    Story("costume", "edge_case", 3, ("evening", "night"), (("person", {"costume": True}),)),
    Story(
        "storm", "edge_case", 4, ("evening", "night"),
        (("person", {}), ("dog", {})), ("rain", "fog"),
    ),
    Story("half_in_view", "edge_case", 4, DAYS, (("person", {"at": 0.0}), ("car", {"at": 1.0}))),
)  # fmt: skip


def scenes() -> list[dict[str, Any]]:
    """Return what is to be drawn, in order; the same on every machine."""
    found = []
    for story in STORIES:
        for n in range(story.count):
            # A family is one arrangement in two lights; of threats there are too few to repeat any.
            family = f"{story.name}-{n + 1 if story.kind == 'threat' else n // 2 + 1}"
            draw = random.Random(family)
            camera = story.cameras[int(draw.random() * len(story.cameras))]
            things = []
            for place, (kind, how) in enumerate(story.things):
                at = 0.25 + 0.5 * (place + draw.random()) / max(1, len(story.things))
                size = 0.85 + 0.3 * draw.random()
                things.append(Thing(kind, how.get("at", at), size, draw.random(), dict(how)))
            found.append(
                {
                    "scenario_id": f"{story.kind}-{story.name}-{n + 1:02d}",
                    "scenario_type": story.kind,
                    "story": story.name,
                    "family": family,
                    "camera_location": camera,
                    "time_of_day": story.times[n % len(story.times)],
                    "weather": story.weathers[n % len(story.weathers)],
                    "occlusion": "partial"
                    if story.name in ("behind_bush", "half_in_view")
                    else "none",
                    "things": things,
                }
            )
    return found


def encoded(picture: Image.Image, place: int) -> tuple[str, bytes]:
    """Return ending and bytes; the three formats take turns, as cameras differ."""
    out = io.BytesIO()
    if place % 13 == 0:
        small = picture.quantize(24, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        small.save(out, "PNG", optimize=True)
        return "png", out.getvalue()
    if place % 3 == 0:
        picture.save(out, "JPEG", quality=55, optimize=True)
        return "jpg", out.getvalue()
    picture.save(out, "WEBP", quality=62, method=6)
    return "webp", out.getvalue()


def main() -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = []
    with Draft(HERE / "images", force=True) as draft:
        for place, scene in enumerate(scenes()):
            light = Light(scene["time_of_day"], scene["weather"])
            things = scene.pop("things")
            picture, boxes = paint(scene["camera_location"], light, things, scene["scenario_id"])
            ending, data = encoded(picture, place)
            name = f"{scene['scenario_type']}/{scene['scenario_id']}.{ending}"
            draft.write(name, data)
            low, high = RISK[scene["scenario_type"]]
            rows.append(
                {
                    **scene,
                    "image_path": name,
                    "image_width": WIDTH,
                    "image_height": HEIGHT,
                    "risk_range": [low, high],
                    "expected_boxes": [{"label": label, "bbox": box} for label, box in boxes],
                }
            )
        out = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), out, compression="zstd")
        draft.write(TABLE, out.getvalue())
        read = load_scenarios(draft.folder / TABLE, cluster="family")
        files = draft.facts()
        manifest = FixtureManifest(
            files=files,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            generator={"use": "build_images.py", "owner": "example", "seed": 0, "size": len(rows)},
            scenarios={"count": len(rows), "columns": list(rows[0]), "sha256": read.sha256},
            counts={
                "planned": len(rows),
                "made": len(rows),
                "failed": 0,
                "replaced": 0,
                "reasons": {},
            },
            cost={"calls": 0, "tokens": 0, "cost": 0, "duration_s": 0},
            versions={"pillow": version("pillow"), "pyarrow": version("pyarrow")},
        )
        draft.finish(manifest)
    total = sum(f["bytes"] for f in files.values())
    print(json.dumps({"images": len(rows), "bytes": total}))


if __name__ == "__main__":
    main()
