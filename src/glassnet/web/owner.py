"""The owner's pages: benches, who takes part, which networks stand beside them, lock, report."""

import re
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import FileResponse, RedirectResponse
from starlette.background import BackgroundTask

from glassnet.errors import DataError
from glassnet.humans.bench import Bench, Benches
from glassnet.web.pages import page
from glassnet.web.runs import framed, listed
from glassnet.web.security import needs

router = APIRouter(prefix="/benches", dependencies=[Depends(needs("owner"))])

ANSWER_FILES = (".csv", ".json", ".npy")
Short = Annotated[str, Form(max_length=200)]
Count = Annotated[str, Form(max_length=9, pattern=r"^\d*$")]


def one(request: Request, name: str) -> Bench:
    """The bench of the address."""
    found: Bench = request.app.state.benches.get(name)
    return found


One = Annotated[Bench, Depends(one)]


@router.get("")
def benches(request: Request) -> Response:
    """All benches, the newest first."""
    every: Benches = request.app.state.benches
    found = [every.get(name) for name in reversed(every.names())]
    return page(request, "benches", benches=[(b.manifest, b.status()) for b in found])


@router.get("/new")
def new(request: Request) -> Response:
    """The form of a new bench."""
    from glassnet.humans.presets import PRESETS

    runs = [run["name"] for run in listed(request.app.state.settings.runs)]
    return page(request, "bench-new", presets=PRESETS, runs=sorted(runs), problem=None, given={})


@router.post("")
def create(
    request: Request,
    name: Short,
    source: Short,
    preset: Short,
    images: Count = "",
    exemplars: Count = "",
    training: Count = "",
    seed: Count = "0",
    consent: Annotated[str, Form(max_length=20_000)] = "",
    confidence: Annotated[str, Form(max_length=3)] = "",
    upload: UploadFile | None = None,
) -> Response:
    """Make a bench of a known data set, a run's test set, or an archive that is sent along."""
    every: Benches = request.app.state.benches
    with tempfile.TemporaryDirectory(prefix="glassnet-") as folder:
        place = _source(request, source, upload, Path(folder))
        bench = every.create(
            name,
            place,
            preset,
            images=_number(images),
            exemplars=_number(exemplars),
            training=_number(training),
            seed=_number(seed) or 0,
            consent=consent.strip() or None,
            changes={"confidence": True} if confidence else None,
        )
    return RedirectResponse(f"/benches/{bench.name}", 303)


@router.get("/{name}")
def bench(request: Request, own: One) -> Response:
    """One bench."""
    return _bench(request, own)


@router.post("/{name}/invite")
def invite(
    request: Request,
    own: One,
    people: Annotated[int, Form(ge=1, le=500)] = 1,
    days: Annotated[int, Form(ge=1, le=365)] = 7,
    role: Annotated[str, Form(pattern="^(participant|adjudicator)$")] = "participant",
) -> Response:
    """Links that are shown once, since only their hashes are kept."""
    tokens = own.invite(people, timedelta(days=days), role)  # type: ignore[arg-type]
    links = [f"{str(request.base_url).rstrip('/')}/join/{token}" for token in tokens]
    return _bench(request, own, links=links, invited=role, days=days)


@router.post("/{name}/models")
def add_model(
    request: Request,
    own: One,
    title: Short,
    run: Short = "",
    date: Annotated[str, Form(pattern=r"^(\d{4}(-\d\d(-\d\d)?)?)?$")] = "",
    upload: UploadFile | None = None,
) -> Response:
    """A network beside the people: a run of the runs folder, or a file of answers."""
    if run:
        own.add_model(title, _run(request, run), date or None)
    else:
        with tempfile.TemporaryDirectory(prefix="glassnet-") as folder:
            own.add_model(title, _received(upload, Path(folder), ANSWER_FILES), date or None)
    return RedirectResponse(f"/benches/{own.name}#networks", 303)


@router.post("/{name}/lock")
def lock(own: One) -> Response:
    """The test is over for everybody."""
    own.lock()
    return RedirectResponse(f"/benches/{own.name}", 303)


@router.post("/{name}/facts")
async def facts(request: Request, own: One) -> Response:
    """What only the owner can say for the reporting checklist; an empty field says nothing."""
    form = await request.form()
    said = {key: str(value)[:2000] for key, value in form.items() if key != "csrf"}
    own.state_facts({key: value for key, value in said.items() if value.strip()})
    return RedirectResponse(f"/benches/{own.name}#facts", 303)


@router.post("/{name}/report")
def make_report(request: Request, own: One) -> Response:
    """Compute the report; some seconds."""
    from glassnet.humans.reporting import report_of, write

    write(report_of(own), own, _report_path(request, own))
    return RedirectResponse(f"/benches/{own.name}/report", 303)


@router.get("/{name}/report")
def report(request: Request, own: One) -> Response:
    """The report as it was last computed."""
    path = _report_path(request, own)
    if not path.is_file():
        raise HTTPException(404, "There is no report yet: lock the test, then make one.")
    return framed(path.read_text("utf-8"))


@router.get("/{name}/export")
def export(own: One) -> Response:
    """Every revision of every trial, one row each."""
    folder = tempfile.mkdtemp(prefix="glassnet-")
    path = Path(folder, f"{own.name}.csv")
    try:
        own.export(path)
    except BaseException:
        shutil.rmtree(folder)
        raise
    done = BackgroundTask(shutil.rmtree, folder)
    return FileResponse(path, media_type="text/csv", filename=path.name, background=done)


def _bench(request: Request, own: Bench, **values: Any) -> Response:
    from glassnet.humans.checklist import FIELDS

    runs = [run["name"] for run in listed(request.app.state.settings.runs) if not run["problem"]]
    values = {"links": None, "invited": None, "days": None} | values
    values |= {
        "manifest": own.manifest,
        "status": own.status(),
        "fields": [field for field in FIELDS if field.ask],
        "facts": own.facts(),
        "runs": sorted(runs),
        "reported": _report_path(request, own).is_file(),
    }
    return page(request, "bench", **values)


def _report_path(request: Request, own: Bench) -> Path:
    data: Path = request.app.state.settings.data
    return data / "reports" / f"{own.name}.html"


def _source(request: Request, source: str, upload: UploadFile | None, folder: Path) -> str:
    """What `Benches.create` takes for a choice in the form: never a path from the browser."""
    if source in ("digits", "cifar10"):
        return source
    if source.startswith("run:"):
        return str(_run(request, source.removeprefix("run:")))
    if source != "upload":
        raise DataError("choose where the images come from")
    return str(_received(upload, folder, (".zip",)))


def _run(request: Request, name: str) -> Path:
    """A run by its name in the runs folder."""
    runs: Path = request.app.state.settings.runs
    if name not in {run["name"] for run in listed(runs)}:
        raise DataError(f"there is no run '{name}' in {runs}")
    return runs / name


def _received(upload: UploadFile | None, folder: Path, endings: tuple[str, ...]) -> Path:
    """What was sent, in a file of `folder`; of the sender's name its plain characters are kept."""
    sent = Path((upload.filename or "").replace("\\", "/")) if upload is not None else Path()
    if upload is None or sent.suffix.lower() not in endings:
        raise DataError(f"choose a file that ends in {', '.join(endings)}")
    path = folder / (re.sub(r"[^A-Za-z0-9_-]+", "-", sent.stem)[:60] + sent.suffix.lower())
    with open(path, "wb") as file:
        shutil.copyfileobj(upload.file, file)
    return path


def _number(text: str) -> int | None:
    found = re.fullmatch(r"\d+", text)
    return int(found.group()) if found else None
