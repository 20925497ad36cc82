"""The Runs page: the trained networks of one folder, with their reports."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from glassnet.errors import GlassnetError
from glassnet.web.pages import page
from glassnet.web.security import needs

router = APIRouter(dependencies=[Depends(needs("owner"))])


@router.get("/runs")
def runs(request: Request) -> Response:
    """All runs of the folder, the newest first."""
    folder: Path = request.app.state.settings.runs
    found = sorted(listed(folder), key=lambda run: -run["written"])
    return page(request, "runs", runs=found, folder=str(folder))


@router.get("/runs/{name}/report")
def report(request: Request, name: str) -> Response:
    """The report of one run."""
    path: Path = request.app.state.settings.runs / name / "report.html"
    if name in (".", "..") or not path.is_file():
        raise HTTPException(404, f"The run '{name}' has no report.")
    return framed(path.read_text("utf-8"))


def listed(folder: Path) -> list[dict[str, Any]]:
    """What there is to say about each run of a folder, without its weights."""
    return [about(path.parent) for path in folder.glob("*/last.safetensors")]


def about(path: Path) -> dict[str, Any]:
    """One run in a few facts; a damaged one says so."""
    last = path / "last.safetensors"
    facts: dict[str, Any] = {
        "name": path.name,
        "written": last.stat().st_mtime,
        "report": (path / "report.html").is_file(),
        "problem": None,
    }
    try:
        return facts | _told(last)
    except (GlassnetError, KeyError, TypeError) as error:
        return facts | {"problem": str(error)}


def _told(last: Path) -> dict[str, Any]:
    from glassnet.train.checkpoint import Checkpoint

    saved = Checkpoint.load(last)
    row = saved.history[-1] if saved.history else {}
    return {
        "model": saved.config.get("model") or "network",
        "data": saved.config["dataset"]["name"],
        "classes": len(saved.classes),
        "epochs": len(saved.history),
        "accuracy": row.get("validation_accuracy"),
        "held_out": saved.config["dataset"].get("validation_size"),
        "seconds": sum(each.get("seconds", 0.0) for each in saved.history),
        "stopped": saved.stopped or "interrupted",
    }


def framed(html: str) -> HTMLResponse:
    """A report of ours as it stands: its own script by its hash, its styles and pictures inside.

    `sandbox` keeps it from the visitor's session, whatever is in it.
    """
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {hashes or chr(39) + 'none' + chr(39)}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; sandbox allow-scripts"
    )
    return HTMLResponse(html, headers={"content-security-policy": policy})
