import json
from pathlib import Path

import numpy as np
import pytest

from glassnet.errors import DataError
from glassnet.humans.answers import ModelAnswers
from glassnet.humans.predictions import read_model

CLASSES, ITEMS = ("cat", "dog", "owl"), ("a.png", "b.png")
RANKED = {"a.png": ("dog", "cat", "owl"), "b.png": ("owl", "cat", "dog")}
FIRST = {"a.png": ("dog",), "b.png": ("owl",)}
SCORES = [[0.2, 0.7, 0.1], [0.3, 0.1, 0.6]]


def read(path: Path, content: object, **options: str) -> ModelAnswers:
    if isinstance(content, np.ndarray):
        np.save(path, content)
    else:
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, "utf-8")
    return read_model(path, CLASSES, ITEMS, **options)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("m.csv", "item,answer\nb.png,owl\na.png,dog\nother.png,cow\n", FIRST),
        ("m.csv", "image,prediction\na.png,1\nb.png,2\n", FIRST),
        ("m.csv", "item,answer_2,answer_1,answer_3\na.png,cat,dog,owl\nb.png,0,2,1\n", RANKED),
        ("m.csv", "item,dog,owl,cat,cow\na.png,.7,.1,.2,9\nb.png,.1,.6,.3,0\n", RANKED),
        ("m.json", {"a.png": "dog", "b.png": 2}, FIRST),
        ("m.json", [1, "owl"], FIRST),
        ("m.json", [["dog", "cat", "owl"], [2, 0, 1]], RANKED),
        ("m.json", SCORES, RANKED),
        ("m.json", {"a.png": {"cat": 2, "dog": 3, "owl": 1}, "b.png": SCORES[1]}, RANKED),
        ("m.json", {"classes": ["owl", "dog", "cat"], "answers": [1, 0]}, FIRST),
        ("m.npy", np.array([1, 2]), FIRST),
        ("m.npy", np.array(["dog", "owl"]), FIRST),
        ("m.npy", np.array([[1, 0, 2], [2, 0, 1]]), RANKED),
        ("m.npy", np.array(SCORES, np.float32), RANKED),
    ],
)
def test_forms(tmp_path: Path, name: str, content: object, expected: dict) -> None:
    assert read(tmp_path / name, content).answers == expected


def test_confidence_where_scores_are_probabilities(tmp_path: Path) -> None:
    found = read(tmp_path / "m.npy", np.array(SCORES), date="2020-05", source="a paper")
    assert found.confidence == {"a.png": 0.7, "b.png": 0.6}
    assert (found.date, found.source) == ("2020-05", "a paper")
    assert read(tmp_path / "m.npy", np.array(SCORES) * 7).confidence == {}
    rows = "item,answer,confidence\na.png,dog,0.9\nb.png,owl,\n"
    assert read(tmp_path / "m.csv", rows).confidence == {"a.png": 0.9}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.csv", "item,answer\na.png,dgo\n", "line 2: 'dgo' is not a class.*mean 'dog'"),
        ("m.csv", "item,answer\na.png,3\n", "class number 3, but there are 3"),
        ("m.csv", "item,answer\na.png,dog\n", "answers 1 of the 2 images.*'b.png'"),
        ("m.csv", "item,answer\na.png,dog\na.png,cat\n", "a second answer to the image 'a.png'"),
        ("m.csv", "picture,guess\n", "found the columns picture, guess; expected item"),
        ("m.csv", "", r"found the columns \(none\)"),
        ("m.csv", "item,cat,dog,owl\na.png,1,x,2\n", "'x' is not a number"),
        ("m.csv", "item,answer,confidence\na.png,dog,7\n", "confidence 7 is not between"),
        ("m.csv", "item,answer_1,answer_2\na.png,dog,dog\n", "same class twice"),
        ("m.json", "{", "this is no JSON"),
        ("m.json", [1], "1 rows: without names of images.*2 images"),
        ("m.json", "3", "expected a list"),
        ("m.json", [[0.5, 0.5], [1, 2]], "2 scores for 3 classes"),
        ("m.json", {"a.png": {"cat": 1, "dog": 2}}, "no score for 'owl'"),
        ("m.json", {"classes": ["cat", "dog"], "answers": [1, 0]}, "class 'owl' is not among"),
        ("m.npy", np.array([1, 2, 0]), "3 rows"),
        ("m.npy", np.array([[0.5, 0.5], [0.5, 0.5]]), "expected scores for 3 classes"),
        ("m.npy", np.array([[np.nan, 0, 1], [0, 0, 1]]), "not a finite number"),
        ("m.npy", np.zeros((2, 2, 2)), "expected \\(images,\\) classes"),
        ("m.txt", "x", "answers are read from .csv, .json and .npy"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, name: str, content: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path / name, content)


def test_no_pickle_and_no_file(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="no plain NumPy array"):
        read_model(tmp_path / "m.npy", CLASSES, ITEMS)
    with pytest.raises(DataError, match="there is no file"):
        read_model(tmp_path / "none.csv", CLASSES, ITEMS)
