# SPDX-License-Identifier: Apache-2.0
"""The report of all benches (tests/bench/all.py) over benches that are made up here: it can't be green when one failed, hung, wrote nothing or
wanted nothing, or when a figure was missed; and that stands first in it."""

import json
import pathlib
import sys
import xml.etree.ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "bench"), str(ROOT / "tests" / "support")]
import all as benches  # noqa: E402

FINE = {"rate": 5.0, "wanted": [{"what": "rate", "measured": 5.0, "wanted": 4.0, "at_most": False, "met": True}]}
MISSED = {"rate": 3.0, "wanted": [{"what": "rate", "measured": 3.0, "wanted": 4.0, "at_most": False, "met": False}]}
ABOVE = {"summary": {"wanted": MISSED["wanted"]}, "rate": 3.0}
BENCH = """import pathlib, sys, time
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
print("sluice_1: {'seconds': 1}")
print("words of", %r)
if %r is not None: out.write_text(%r)
time.sleep(%r)
sys.exit(%r)
"""


def draw(result):
    return [("rows/s", {"sluice": result["rate"], "other & co": None})]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(benches, "HERE", tmp_path)
    monkeypatch.setattr(benches, "ROOT", tmp_path)
    monkeypatch.setattr(benches, "machine", lambda: ["a machine"])

    def run(*options, **made):
        steps = []
        for name, (result, sleeps, status) in made.items():
            text = None if result is None else json.dumps(result)
            (tmp_path / f"{name}.py").write_text(BENCH % (name, text, text, sleeps, status))
            steps.append(benches.Step(name, f"Title of {name}", name, draw, "", ("", "", None)))
        code = benches.main(steps, ["--report", str(tmp_path / "report.md"), "--out", str(tmp_path / "all.json"), *options])
        return code, (tmp_path / "report.md").read_text()

    return run


def test_green_only_when_all_is_met(run, tmp_path):
    code, text = run(one=(FINE, 0, 0), two=(FINE, 0, 0))
    assert code == 0
    assert "0 of 2 figures that were wanted are missed, 0 of 2 benches failed." in text
    assert "words of one" in text and "sluice_1:" not in text
    plot = xml.etree.ElementTree.parse(tmp_path / "bench" / "one.svg").getroot()
    assert "not measured" in [item.text for item in plot]
    assert json.loads((tmp_path / "all.json").read_text())["two"] == FINE


@pytest.mark.parametrize("result", [MISSED, ABOVE])
def test_a_miss_is_not_green_and_stands_first(run, result):
    code, text = run(one=(FINE, 0, 0), two=(result, 0, 0))
    assert code == 1
    assert "1 of 2 figures that were wanted are missed" in text
    assert text.index("- two: `rate 3.00 wanted >= 4.0 MISSED`") < text.index("## Title of one")


@pytest.mark.parametrize(
    "bad, why",
    [
        ((FINE, 0, 3), "exit status 3"),
        ((None, 0, 0), "wrote no result"),
        ((FINE, 30, 0), "took longer than 2 s"),
        (({"rate": 1.0}, 0, 0), "says nothing of what was wanted"),
        (({"wanted": FINE["wanted"]}, 0, 0), "has not the figures of its plot: KeyError('rate')"),
    ],
)
def test_a_bench_that_failed_is_not_green(run, bad, why):
    code, text = run("--timeout", "2", one=bad, two=(FINE, 0, 0))
    assert code == 1
    assert text.index(f"- **one failed**: {why}") < text.index("## Title of")
    assert "words of two" in text  # the others ran


def test_an_old_result_is_none(run, tmp_path):
    run(one=(FINE, 0, 0))
    code, text = run(one=(None, 0, 0))
    assert code == 1 and "wrote no result" in text


def test_sizes(run):
    code, text = run("--quick", one=(FINE, 0, 0))
    assert code == 0 and "`tests/bench/run all --quick`" in text and "left out" not in text


def test_what_is_left_out_is_told(run):
    code, text = run("--only", "two", one=(FINE, 0, 0), two=(FINE, 0, 0), three=(FINE, 0, 0))
    assert code == 0 and text.index("- left out by the options: one, three") < text.index("## Title of two")
