"""Dreams as pictures: what a sheet shows is what was dreamt."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glassnet.dreams import sheet
from glassnet.errors import DataError


@pytest.mark.parametrize(("steps", "columns"), [(200, 12), (1, 12), (7, 3), (5, 1), (1000, 8)])
def test_moments_go_from_the_beginning_to_the_end(steps: int, columns: int) -> None:
    found = sheet.moments(steps, columns)
    assert found == sorted(set(found)) and len(found) <= columns and found[-1] == steps
    assert found[0] == (0 if columns > 1 else steps)
    gaps = np.diff(found)
    assert (np.diff(gaps) >= 0).all()  # ever further apart


def test_even_moments() -> None:
    assert sheet.evenly(12, 12) == list(range(1, 13))
    assert sheet.evenly(3, 12) == [1, 2, 3]
    found = sheet.evenly(200, 12)
    assert (found[0], found[-1], len(found)) == (1, 200, 12)


def test_a_mosaic_holds_every_picture_in_its_place() -> None:
    images = np.random.default_rng(0).random((5, 9), dtype=np.float32)
    drawn = sheet.mosaic(images, 2)
    pitch = 3 * sheet.SCALE + sheet.GAP
    assert drawn.shape == (3 * pitch, 2 * pitch)
    for i, image in enumerate(images):
        top, left = i // 2 * pitch, i % 2 * pitch
        part = drawn[top : top + 9 : sheet.SCALE, left : left + 9 : sheet.SCALE]
        np.testing.assert_array_equal(part, np.rint(image * 255).reshape(3, 3))
    assert (drawn[2 * pitch :, pitch:] == sheet.PAPER).all()  # the empty place


def test_a_sheet_has_its_captions() -> None:
    rows = np.zeros((2, 3, 16), np.float32)
    plain = sheet.contact_sheet(rows, ["", "", ""], ["", ""])
    named = sheet.contact_sheet(rows, [0, 10, 200], ["a", "b"])
    assert named.size[0] == plain.size[0] + 7 and named.size[1] == plain.size[1]
    head = np.asarray(named)[: sheet.EDGE]
    assert head.min() < 128 and np.asarray(plain)[: sheet.EDGE].min() == sheet.PAPER


def test_an_animation_has_every_frame(tmp_path: Path) -> None:
    frames = [np.full((8, 16), level, np.float32) for level in (0, 0.5, 1)]
    path = sheet.write_animation(tmp_path / "film.gif", frames)
    with Image.open(path) as film:
        assert film.n_frames == 3
        levels = []
        for i in range(3):
            film.seek(i)
            levels.append(np.asarray(film.convert("L"))[2, 2])
            assert film.info["duration"] == (sheet.PAUSE if i == 2 else sheet.PACE)
    assert levels == [0, 128, 255]


def test_halves_are_halves() -> None:
    parts = {
        side: sheet.half(side, 16).reshape(4, 4) for side in ("top", "bottom", "left", "right")
    }
    assert (parts["top"] ^ parts["bottom"]).all() and (parts["left"] ^ parts["right"]).all()
    assert parts["top"][:2].all() and parts["left"][:, :2].all()


def test_images_are_read_as_the_machine_saw_its_own(tmp_path: Path) -> None:
    drawn = np.zeros((4, 4), np.uint8)
    drawn[1:3, 1] = 255
    for name, pixels in (("dark", drawn), ("paper", 255 - drawn)):
        large = Image.fromarray(pixels).resize((40, 40), Image.Resampling.NEAREST)
        large.convert("RGBA").save(tmp_path / f"{name}.png")
        np.testing.assert_array_equal(
            sheet.read_image(tmp_path / f"{name}.png", 16), drawn.reshape(-1) / 255
        )
    (tmp_path / "no.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"no\.png cannot be read as an image"):
        sheet.read_image(tmp_path / "no.png", 16)
