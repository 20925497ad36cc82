"""Who may do what: roles, ownership, CSRF, cookies, headers, limits."""

import re
import stat
import sys
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from glassnet.humans.bench import Benches
from glassnet.web import Settings, create_app
from glassnet.web.security import POLICY, Rates
from glassnet.web.settings import is_loopback, secret
from glassnet.web.visitors import Visitors, csrf_token
from tests.web import serving
from tests.web.conftest import Make
from tests.web.serving import Person

PUBLIC = {"/", "/sign-in", "/sign-out", "/demo", "/join/{token}"}


def routes(app) -> list[tuple[str, str]]:
    found = []
    for route in app.routes:
        if isinstance(route, APIRoute):
            found += [(method, route.path) for method in route.methods]
        elif hasattr(route, "original_router"):
            included = route.original_router
            found += [(m, r.path) for r in included.routes for m in r.methods]
    return found


def filled(path: str) -> str:
    return re.sub(r"\{(index)\}", "0", re.sub(r"\{(?!index)\w+\}", "x", path))


def test_routes_are_found(app) -> None:
    found = routes(app)
    assert ("POST", "/work/answer") in found
    assert ("GET", "/benches/{name}/export") in found
    assert len(found) > 30


def test_every_route_but_the_doors_wants_a_role(app, url: str) -> None:
    """Open as the address is on loopback, no page answers before one has signed in."""
    with httpx.Client(base_url=url) as client:
        person = Person(client)
        person.get("/join/x")
        headers = {"x-csrf-token": person.token, "accept": "application/json"}
        for method, path in routes(app):
            if path not in PUBLIC:
                answer = client.request(method, filled(path), headers=headers)
                assert answer.status_code == 401, (method, path)


def test_no_role_reaches_another_roles_pages(
    app, owner: Person, person: Person, make: Make
) -> None:
    bench = make()
    person.join(bench.invite()[0])
    for method, path in routes(app):
        headers = {"accept": "application/json"}
        if path.startswith(("/benches", "/runs", "/adjudicate")):
            headers["x-csrf-token"] = person.token
            answer = person.client.request(method, filled(path), headers=headers)
            assert answer.status_code == 403, (method, path)
        if path.startswith(("/work", "/answers", "/adjudicate")):
            headers["x-csrf-token"] = owner.token
            answer = owner.client.request(method, filled(path), headers=headers)
            assert answer.status_code == 403, (method, path)


def test_everything_that_changes_something_wants_the_token(app, person: Person, make: Make) -> None:
    person.join(make().invite()[0])
    posts = [path for method, path in routes(app) if method not in ("GET", "HEAD")]
    assert "/work/withdraw" in posts
    for path in posts:
        for headers in ({}, {"x-csrf-token": "0" * 64}):
            answer = person.client.post(filled(path), headers=headers)
            assert answer.status_code == 403, path
        answer = person.client.post(filled(path), data={"csrf": "wrong"})
        assert answer.status_code == 403, path
    assert person.get("/work/turn").json()["trial"]["number"] == 1


def test_one_participant_sees_nothing_of_another(url: str, make: Make) -> None:
    bench, other = make(), make()
    with httpx.Client(base_url=url) as one, httpx.Client(base_url=url) as two:
        first, second = Person(one), Person(two)
        first.join(bench.invite()[0])
        second.join(bench.invite()[0])
        mine, theirs = first.get("/work/turn").json(), second.get("/work/turn").json()
        assert first.get(f"/work/image/{theirs['trial']['image']}").status_code == 404
        assert first.answer(theirs, "apple").status_code == 409
        assert first.get(f"/work/image/{mine['trial']['image']}").status_code == 200
        assert first.get("/work").headers["content-type"].startswith("text/html")
        assert other.sessions() == []


def test_an_image_is_there_in_its_turn_alone(person: Person, make: Make) -> None:
    person.join(make().invite()[0])
    first = person.get("/work/turn").json()
    assert person.get(f"/work/image/{first['trial']['preload']}").status_code == 200
    second = person.answer(first, "apple").json()["turn"]
    third = person.answer(second, "apple").json()["turn"]
    assert person.get(f"/work/image/{first['trial']['image']}").status_code == 404
    assert person.get(f"/work/image/{third['trial']['image']}").status_code == 200


def test_a_new_id_at_login(url: str, make: Make) -> None:
    """An id that was planted before signing in is not the one of the session."""
    with httpx.Client(base_url=url) as client:
        host = client.base_url.host
        client.cookies.set("glassnet", "planted-by-somebody-else", domain=host, path="/")
        person = Person(client)
        person.join(make().invite()[0])
        held = {cookie.value for cookie in client.cookies.jar} - {"planted-by-somebody-else"}
        assert len(held) == 1
        assert client.get("/work/turn").status_code == 200
    with httpx.Client(base_url=url, cookies={"glassnet": "planted-by-somebody-else"}) as thief:
        assert thief.get("/work").status_code == 401


def test_a_session_that_was_ended_is_over(url: str, person: Person, make: Make) -> None:
    person.join(make().invite()[0])
    kept = person.client.cookies["glassnet"]
    person.form("/sign-out")
    with httpx.Client(base_url=url, cookies={"glassnet": kept}) as thief:
        assert thief.get("/work/turn").status_code == 401


def test_the_cookie(url: str, make: Make) -> None:
    with httpx.Client(base_url=url) as client:
        person = Person(client)
        token = make().invite()[0]
        person.get(f"/join/{token}")
        answer = client.post(f"/join/{token}", data={"csrf": person.token})
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=lax" in cookie and "path=/" in cookie


def test_headers_of_every_answer(owner: Person) -> None:
    for path in ("/benches", "/static/base.css", "/nothing", "/work/turn", "/static/nothing"):
        headers = owner.client.get(path).headers
        assert headers["content-security-policy"] == POLICY, path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none'")


def test_no_page_has_anything_inline() -> None:
    import glassnet.web

    folder = Path(glassnet.web.__file__).parent
    for path in folder.glob("templates/*.j2"):
        text = path.read_text()
        assert not re.search(
            r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|javascript:", text
        ), path
        assert not re.search(r"https?://", text), path
    for path in folder.glob("static/**/*.*"):
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", path.read_text()), path


def test_another_site_cannot_send_forms(owner: Person, make: Make) -> None:
    bench = make()
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
    ):
        answer = owner.client.post(
            f"/benches/{bench.name}/lock", data={"csrf": owner.token}, headers=headers
        )
        assert answer.status_code == 403
        assert not bench.locked


def test_another_name_for_this_machine(url: str) -> None:
    """A page of another site that has its name point here gets nothing."""
    assert httpx.get(url, headers={"host": "evil.example"}).status_code == 421
    assert httpx.get(url, headers={"host": "localhost:8000"}).status_code in (200, 303)


def test_too_much_at_once(owner: Person, person: Person, make: Make) -> None:
    person.join(make().invite()[0])
    much = b"x" * 100_000
    assert person.client.post("/work/answer", content=much).status_code == 413

    def drops():
        for _ in range(10):
            yield much

    answer = person.client.post(  # without a length beforehand
        "/work/answer", content=drops(), headers={"x-csrf-token": person.token}
    )
    assert answer.status_code == 413


def test_rates() -> None:
    rates = Rates(rate=1, burst=5, most=3)
    assert [rates.take("a") for _ in range(7)] == [True] * 5 + [False] * 2
    assert rates.take("b")
    for key in "cdef":
        rates.take(key)
    assert len(rates._buckets) == 3


@pytest.fixture
def guarded(tmp_path: Path):
    with Benches(None, tmp_path) as benches:
        app = create_app(Settings(data=tmp_path, token="correct horse battery"), benches)
        app.state.rates.rate, app.state.rates.burst = 0.1, 40
        with serving.threaded(app) as address, httpx.Client(base_url=address) as client:
            yield Person(client)


def test_too_many_requests_of_one_visitor(guarded: Person) -> None:
    statuses = [guarded.client.get("/static/base.css").status_code for _ in range(50)]
    assert statuses[:39] == [200] * 39
    assert statuses[-1] == 429


def test_the_owners_token(guarded: Person) -> None:
    assert "Token" in guarded.get("/benches").text
    before = guarded.client.cookies["glassnet"]
    wrong = guarded.form("/sign-in", token="wrong", next="/runs")
    assert wrong.status_code == 403
    assert "That is not the token" in wrong.text
    assert guarded.client.cookies["glassnet"] == before
    page = guarded.form("/sign-in", token="correct horse battery", next="/runs")
    assert page.url.path == "/runs"
    assert guarded.client.cookies["glassnet"] != before
    guarded.form("/sign-out")
    assert "Token" in guarded.get("/benches").text


def test_tokens_cannot_be_tried_for_long(guarded: Person) -> None:
    guarded.get("/sign-in")
    statuses = [guarded.form("/sign-in", token=f"guess {i}").status_code for i in range(14)]
    assert statuses[:5] == [403] * 5
    assert statuses[-1] == 429


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_signing_in_leads_nowhere_else(guarded: Person, path: str) -> None:
    guarded.get("/sign-in")
    answer = guarded.client.post(
        "/sign-in", data={"csrf": guarded.token, "token": "correct horse battery", "next": path}
    )
    assert answer.headers["location"] == "/benches"


def test_a_participants_browser_does_not_open_the_owners_pages(person: Person, make: Make) -> None:
    person.join(make().invite()[0])
    assert person.get("/benches").status_code == 403
    page = person.get("/sign-in")
    assert "taking part in a test" in page.text
    assert person.get("/benches").status_code == 403


def test_the_demo_is_closed_unless_asked_for(person: Person) -> None:
    person.get("/join/x")
    assert person.form("/demo").status_code == 404


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.5.5.5", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.2", False), ("lab.example", False)],
)  # fmt: skip
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_the_secret_is_made_once(tmp_path: Path) -> None:
    made = secret(tmp_path / "new")
    assert len(made) == 32
    assert secret(tmp_path / "new") == made
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "new" / "web-secret").stat().st_mode) == 0o600


def test_visitors(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path)
    made = visitors.sign_in("participant", "bench", "session")
    assert visitors.find(made.id) == made
    assert Visitors(tmp_path).find(made.id) == made  # after a restart
    assert made.id.encode() not in (tmp_path / "sessions.sqlite").read_bytes()
    assert visitors.find("unknown").role is None
    assert visitors.find("x" * 1000).id != "x" * 1000
    newer = visitors.sign_in("owner", old=made.id)
    assert visitors.find(made.id).role is None
    assert csrf_token(b"k", newer) != csrf_token(b"k", made) != csrf_token(b"l", made)


def test_a_session_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visitors = Visitors(tmp_path)
    made = visitors.sign_in("owner")
    monkeypatch.setattr("time.time", lambda: 1e11)
    assert visitors.find(made.id).role is None
    Visitors(tmp_path)
    assert visitors._read(made.id, "x")[0].role is None
