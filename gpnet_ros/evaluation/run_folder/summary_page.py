"""The summary of a run as one HTML page that needs nothing but the files beside it."""

from __future__ import annotations

from html import escape

from gpnet_ros.evaluation.run_folder.picks import RosPick

_STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; color: #1d2733 }
h1 { font-size: 2rem; margin: .3rem 0 } h2 { font-size: 1.15rem; margin: 1.8rem 0 .5rem }
.tag { background: #b45309; color: #fff; border-radius: .3rem; padding: .15rem .6rem; font-size: .85rem }
.soft { color: #5b6875 } table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid #dde3ea; vertical-align: top }
td.n { text-align: right; font-variant-numeric: tabular-nums }
img, video { width: 100%; border: 1px solid #dde3ea; border-radius: .3rem }
.ok { color: #15803d } .no { color: #b91c1c }
"""
_HEAD = ("", "pixel", "opening", "Q*", "what became of it", "time", "rejected before it")


def summary_html(title: str, headline: str, details: str, picks: list[RosPick], links: list[str]) -> str:
    """The summary of a run as one HTML page.

    Args:
        title: what ran.
        headline, details: the outcome in a sentence, and the counts.
        picks: in order, a row of the table each.
        links: names of files and folders beside the page; a video is shown.
    """
    videos = [name for name in links if name.endswith(".mp4")]
    shown = [p for p in picks if p.picture]
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(headline)}</title><style>{_STYLE}</style>",
        f"<span class=tag>simulated</span> <span class=soft>{escape(title)}</span>",
        f"<h1>{escape(headline)}</h1><p>{escape(details)}</p>",
        *(f'<video src="{escape(name)}" controls muted preload=metadata></video>' for name in videos),
        "<h2>Picks</h2><table><tr>" + "".join(f"<th>{name}</th>" for name in _HEAD) + "</tr>",
        *(_row(pick) for pick in picks),
        "</table><h2>What each decision was made on</h2>",
        *(f'<p id="{escape(p.picture)}"><img loading=lazy src="{escape(p.picture)}"></p>' for p in shown),
        "<h2>Files</h2><p>" + " &middot; ".join(f'<a href="{escape(n)}">{escape(n)}</a>' for n in links) + "</p>",
        "<p class=soft>Arm, camera, gripper and objects are simulated; the nodes, the network and the robot's client "
        "library are the real ones. Poses: base frame of the controller, and ROS base_link.</p></html>",
    ]
    return "\n".join(parts)


def _row(pick: RosPick) -> str:
    r = pick.record
    name = f"pick {pick.number}" if pick.executed else "look"
    if pick.picture:
        name = f'<a href="#{escape(pick.picture)}">{name}</a>'
    cells = ["", "", ""]
    if "pixel" in r:
        cells = [f"{r['pixel'][0]:.0f}, {r['pixel'][1]:.0f}", f"{r['width_m'] * 1e3:.0f} mm", f"{r['score']:.2f}"]
    reasons: dict[str, int] = {}
    for entry in r.get("rejected", []):
        reasons[entry["reason"]] = reasons.get(entry["reason"], 0) + 1
    why = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in reasons.items())
    mood = ("ok" if pick.ok else "no") if pick.executed else "soft"
    verdict = pick.verdict if pick.ok or not r.get("message") else f"{pick.verdict} ({r['message']})"
    plain = "".join(f"<td class=n>{cell}</td>" for cell in cells)
    return (
        f"<tr><td>{name}</td>{plain}<td class={mood}>{escape(verdict)}</td>"
        f"<td class=n>{pick.seconds:.1f} s</td><td class=soft>{escape(why)}</td></tr>"
    )
