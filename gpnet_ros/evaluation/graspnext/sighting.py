"""What the multi-task network sees in one picture, as plain values and as a sheet of six panels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2

from gpnet_ros.detection_pictures import detection_panels, panel_sheet
from gpnet_ros.detections import Detections
from gpnet_ros.frame import Frame

SHEET = "panels.png"


def sighting_answer(seen: Detections) -> dict[str, Any]:
    """Objects (box [px], score, chance of being occluded, free or not) and the surest suction point and masses."""
    rows = zip(
        seen.boxes,
        seen.scores,
        seen.occluded,
        seen.free,
        seen.visible.sum((1, 2)),
        seen.amodal.sum((1, 2)),
        strict=True,
    )
    objects = [
        {
            "box": [round(float(x), 1) for x in box],
            "score": round(float(score), 3),
            "occluded": round(float(chance), 3),
            "free": bool(free),
            "visible_px": int(visible),
            "amodal_px": int(amodal),
        }
        for box, score, chance, free, visible, amodal in rows
    ]
    places, heights = seen.centers(len(objects) or 1)
    v, u = divmod(int(seen.suction.argmax()), seen.suction.shape[1])
    return {
        "status": "objects" if objects else "no_objects",
        "objects": objects,
        "masses": [{"pixel": p.tolist(), "chance": round(float(h), 3)} for p, h in zip(places, heights, strict=True)],
        "suction": {"pixel": [u, v], "quality": round(float(seen.suction[v, u]), 3)},
    }


def save_sighting(folder: Path, frame: Frame, seen: Detections) -> list[str]:
    """Write the sheet of six panels; the names of what was written."""
    assert frame.color is not None
    folder.mkdir(parents=True, exist_ok=True)
    sheet = panel_sheet(detection_panels(frame.color, seen))
    cv2.imwrite(str(folder / SHEET), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    return [str(folder / SHEET)]


def sighting_sentence(answer: dict[str, Any]) -> str:
    """What was seen, for a person."""
    objects = answer["objects"]
    if not objects:
        return "No object was found."
    free = sum(one["free"] for one in objects)
    cup = answer["suction"]
    return f"{len(objects)} objects, {free} free; best place for a cup {tuple(cup['pixel'])}, quality {cup['quality']}."
