"""Making benches, finding them again, and inviting people to them."""

import json
import os
import re
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from glassnet.errors import Conflict, DataError, GlassnetError, GlassnetWarning, NotFound, Refused
from glassnet.humans import images
from glassnet.humans.bench import Benches
from tests.humans.test_images import photograph


def folder(root: Path, classes: int = 3, each: int = 8) -> Path:
    """Class folders of generated photographs, all different."""
    for k in range(classes):
        (root / f"class-{k}").mkdir(parents=True)
        for n in range(each):
            picture = photograph(1000 * k + n, (48, 40))
            picture.save(root / f"class-{k}" / f"secret-{k}-{n}.jpg", comment=b"secret")
    return root


def test_a_bench_is_frozen_and_found_again(benches: Benches) -> None:
    made = benches.create("digits", "digits", images=5, seed=3)
    assert benches.names() == ["digits"] and benches.get("digits") is made
    with Benches(_url(benches), benches.data) as again:
        assert again.get("digits").manifest == made.manifest
        assert again.backup is None


def _url(benches: Benches) -> str | None:
    return str(benches.store.engine.url.render_as_string(False)) if benches.store.postgres else None


def test_the_same_wish_makes_the_same_bench(here: Benches, tmp_path: Path) -> None:
    first = here.create("a", "digits", images=7, training=3, seed=5)
    with Benches(data=tmp_path / "other") as others:
        second = others.create("a", "digits", images=7, training=3, seed=5)
        assert second.manifest.digest == first.manifest.digest
    other = here.create("b", "digits", images=7, training=3, seed=6)
    assert other.manifest.items != first.manifest.items


def test_the_manifest_cannot_be_changed_in_the_database(benches: Benches) -> None:
    bench = benches.create("digits", "digits", images=2)
    from sqlalchemy import text
    from sqlalchemy.exc import DatabaseError

    for change in ("UPDATE bench SET manifest = '{}'", "DELETE FROM bench", "DELETE FROM image"):
        with pytest.raises(DatabaseError, match="only ever added"):
            benches.store.write(lambda connection, c=change: connection.execute(text(c)))
    assert benches.get("digits").manifest == bench.manifest


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 61, "x/y", "<script>", "=1+1"])
def test_names_that_are_refused(here: Benches, name: str) -> None:
    with pytest.raises(DataError, match="cannot be the name"):
        here.create(name, "digits")


def test_a_name_is_taken_once(benches: Benches) -> None:
    benches.create("digits", "digits", images=2)
    with pytest.raises(Conflict, match="already"):
        benches.create("digits", "digits", images=2)
    with pytest.raises(NotFound, match="there are digits"):
        benches.get("letters")


def test_nothing_of_a_file_is_left_in_what_is_shown(here: Benches, tmp_path: Path) -> None:
    bench = here.create("photos", str(folder(tmp_path / "photos")), images=9, seed=1)
    shown = [bench.image("shown", item.name) for item in bench.manifest.items]
    assert {len(body) for body in shown} == {bench.manifest.length}
    assert not any(b"secret" in body for body in shown)
    sizes = {images.read(body).size for body in shown}
    assert sizes == {(bench.manifest.display.side,) * 2}


def test_models_get_the_pixels_of_the_manifest(here: Benches, tmp_path: Path) -> None:
    bench = here.create("photos", str(folder(tmp_path / "photos")), images=9)
    for item in bench.manifest.of_kind("test"):
        given = images.read(bench.image("given", item.name))
        assert images.fingerprint(given) == item.sha256
        with Image.open(tmp_path / "photos" / item.name) as original:
            assert np.array_equal(np.asarray(given), np.asarray(original.convert("RGB")))


def test_examples_and_training_never_overlap_the_test(here: Benches, tmp_path: Path) -> None:
    root = folder(tmp_path / "photos", classes=2, each=12)
    for k in range(2):  # each picture once more, smaller and under another name
        for path in sorted((root / f"class-{k}").glob("*.jpg")):
            with Image.open(path) as image:
                image.resize((96, 80)).save(path.with_name("twin-" + path.name), quality=80)
    with pytest.warns(GlassnetWarning, match="fewer than 20 examples"):
        bench = here.create("photos", str(root), "imagenet-top5", images=10, exemplars=20, checks=0)
    manifest = bench.manifest
    test = {item.name.replace("twin-", "") for item in manifest.of_kind("test")}
    assert manifest.overlap["left_out"] >= 1
    seen = images.Seen()
    for item in manifest.of_kind("test"):
        seen.add(images.read(root / item.name))
    free = [p for p in sorted(root.rglob("*.jpg")) if not seen.has(images.read(p))]
    assert all(f"{p.parent.name}/{p.name}".replace("twin-", "") not in test for p in free)
    used = sum(map(len, manifest.exemplars.values())) + len(manifest.of_kind("training"))
    assert used == len(free)


def test_examples_are_laid_out_class_by_class(here: Benches) -> None:
    bench = here.create("digits", "digits", "imagenet-top5", images=10, exemplars=4, training=0)
    assert [bench.exemplar_count(k) for k in range(10)] == [4] * 10
    for k in range(10):
        assert images.read(bench.strip(k)).size == (4 * 96, 96)
    for k in (-1, 10):
        with pytest.raises(NotFound):
            bench.strip(k)
        with pytest.raises(NotFound):
            bench.exemplar_count(k)
    given = {item.sha256 for item in bench.manifest.items}
    assert given.isdisjoint(set().union(*bench.manifest.exemplars.values()))


def test_a_hierarchy_renames_and_orders(here: Benches, tmp_path: Path) -> None:
    tree = {
        "nodes": {"0": "all", "1": "odd", "2": "even"} | {f"c{k}": f"c{k}" for k in range(3)},
        "classes": [
            {"wnid": f"class-{k}", "names": [f"number {k}"], "gloss": "",
             "path": ["0", "2" if k % 2 == 0 else "1", f"c{k}"]}
            for k in range(3)
        ],
    }  # fmt: skip
    (tmp_path / "tree.json").write_text(json.dumps(tree))
    photos = str(folder(tmp_path / "photos"))
    bench = here.create("photos", photos, images=9, hierarchy=tmp_path / "tree.json")
    classes = bench.manifest.classes
    assert [(c.name, c.key, c.number) for c in classes] == [
        ("number 0", "class-0", 0),
        ("number 2", "class-2", 2),
        ("number 1", "class-1", 1),
    ]
    assert all(i.truth[0][-1] == i.name.split("/")[0][-1] for i in bench.manifest.items)


def test_attention_checks_are_among_the_test(here: Benches) -> None:
    bench = here.create("digits", "digits", images=6, checks=2)
    checks = bench.manifest.of_kind("check")
    assert len(checks) == 2
    assert len(bench.image("shown", checks[0].name)) == bench.manifest.length
    assert bench.manifest.public()["trials"] == {"training": 0, "test": 8}


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"images": 0}, "images must be"),
        ({"exemplars": -1}, "exemplars must be"),
        ({"changes": {"truth": "all"}}, "cannot be chosen"),
        ({"changes": {"items": ()}}, "cannot be chosen"),
        ({"changes": {"timing": {"speed": 3}}}, "timing"),
        ({"changes": {"resume": "never"}}, "policy"),
        ({"consent": "  "}, "consent"),
    ],
)
def test_wishes_that_mean_nothing(here: Benches, wish: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        here.create("digits", "digits", **({"images": 3} | wish))
    assert here.names() == []


def test_what_can_be_chosen(here: Benches) -> None:
    bench = here.create(
        "digits",
        "digits",
        "imagenet-top5",
        images=3,
        exemplars=0,
        training=0,
        consent="Ours.",
        changes={
            "confidence": True,
            "guesses": 2,
            "timing": {"deadline_ms": 5000},
            "display": {"side": 64, "interpolation": "nearest"},
            "exclusion": {"max_failed_checks": 0},
        },
    )
    manifest = bench.manifest
    assert (manifest.guesses, manifest.choice, manifest.confidence) == (2, "ranked", True)
    assert (manifest.timing.deadline_ms, manifest.display.side) == (5000, 64)
    assert (manifest.exclusion.max_failed_checks, manifest.consent) == (0, "Ours.")


def test_an_archive_that_was_sent(here: Benches, tmp_path: Path) -> None:
    import shutil

    folder(tmp_path / "in" / "photos")
    packed = shutil.make_archive(str(tmp_path / "photos"), "zip", tmp_path / "in")
    bench = here.create("photos", packed, images=9)
    assert [c.name for c in bench.manifest.classes] == ["class-0", "class-1", "class-2"]


def test_an_image_that_cannot_be_used_is_named(here: Benches, tmp_path: Path) -> None:
    root = folder(tmp_path / "photos", each=2)
    (root / "class-1" / "secret-1-0.jpg").write_bytes(b"<svg onload='alert(1)'/>")
    with pytest.raises(DataError, match=r"secret-1-0\.jpg: no PNG"):
        here.create("photos", str(root))
    assert here.names() == []


def test_an_invitation_is_good_once_and_for_a_time(
    benches: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, other = (benches.create(name, "digits", images=2) for name in "ab")
    first, second, third = bench.invite(3)
    found = benches.invitation(first)
    assert found is not None
    assert (found.bench, found.role, found.usable) == ("a", "participant", True)
    for wrong in (lambda: other.accept(first), lambda: bench.accept_adjudicator(first)):
        with pytest.raises(Refused, match="not known here"):
            wrong()
    session = bench.accept(first)
    assert (session.person, session.state) == ("P1", "consent")
    with pytest.raises(Refused, match="used already"):
        bench.accept(first)
    assert benches.invitation("guess") is None
    from glassnet.humans import log

    later = log.now() + int(timedelta(days=8).total_seconds() * 1000)
    monkeypatch.setattr(log, "now", lambda: later)
    with pytest.raises(Refused, match="expired"):
        bench.accept(second)
    assert bench.status()["invitations"] == {"sent": 3, "used": 1, "expired": 2}
    assert third not in json.dumps(bench.status())


def test_tokens_are_not_in_the_database(here: Benches) -> None:
    token = here.create("a", "digits", images=2).invite(1)[0]
    here.store.write(lambda connection: None)
    stored = b"".join(path.read_bytes() for path in here.data.glob("benches.sqlite*"))
    assert token.encode() not in stored


def test_nobody_walks_in_where_it_is_not_open(here: Benches) -> None:
    bench = here.create("a", "digits", images=2)
    with pytest.raises(Refused, match="invited people only"):
        bench.walk_in()
    with pytest.raises(NotFound):
        bench.session("guess")
    bench.lock()
    with pytest.raises(Refused, match="over"):
        bench.invite(1)


def test_the_secret_is_made_once_and_is_ours_alone(here: Benches) -> None:
    secret = here.data / "bench-secret"
    assert len(secret.read_bytes()) == 32
    if os.name == "posix":
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    before = secret.read_bytes()
    Benches(data=here.data).close()
    assert secret.read_bytes() == before


def test_another_secret_is_noticed(tmp_path: Path) -> None:
    Benches(data=tmp_path).close()
    (tmp_path / "bench-secret").write_bytes(bytes(32))
    with pytest.raises(GlassnetError, match="another secret"):
        Benches(data=tmp_path)


def test_databases_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "benches.sqlite").write_bytes(b"this is no database, it is a text" * 40)
    with pytest.raises(GlassnetError, match="cannot be opened"):
        Benches(data=tmp_path)
    with pytest.raises(GlassnetError, match="postgresql://"):
        Benches("mysql://x/y", tmp_path / "b")
    with pytest.raises(GlassnetError, match="cannot be opened"):
        Benches("postgresql://nobody@127.0.0.1:9/none?connect_timeout=2", tmp_path / "c")


def test_the_page_on_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    monkeypatch.setattr(platformdirs, "user_data_path", lambda *_, **__: tmp_path)
    text = (Path(__file__).parents[2] / "docs" / "human-bench-trust.md").read_text("utf-8")
    code, *others = re.findall(r"```python\n(.*?)```", text, re.S)
    assert not others
    exec(compile(code, "human-bench-trust.md", "exec"), {})
    with Benches() as benches:
        manifest = benches.get("digits").manifest
    assert (manifest.timing.exposure_ms, manifest.timing.deadline_ms) == (50, 2000)
    assert manifest.resume == "once" and manifest.confidence
