"""What is measured is what was asked for, on histories that the ledger takes; nothing here is timed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from deploy.bench.against import COMPARED, NotMeasured, compare, figure_of
from deploy.bench.figures import MEANINGS, TARGETS, Figures, percentile, reached, table
from deploy.bench.ground import Refusal, bring, laid_out
from deploy.bench.history import SHORT as AS_1_PERIOD
from deploy.bench.history import as_1, course, start
from deploy.bench.run import MEASURES, UnknownFigure, chosen, main
from deploy.settings import Settings


def test_every_figure_comes_from_one_measurement() -> None:
    given = [*(key for _, keys in MEASURES.values() for key in keys), *COMPARED]
    assert sorted(given) == sorted(TARGETS) == sorted(MEANINGS)


def test_only_the_measurements_of_the_wanted_figures_are_made() -> None:
    assert chosen([]) == list(MEASURES)
    assert chosen(["relay_ratio_1000", "feed_skipped"]) == ["feed", "relay"]
    assert chosen(["replay_against_ratio"]) == ["replay"]


def test_a_figure_that_nothing_gives_is_refused_by_name() -> None:
    with pytest.raises(UnknownFigure, match="there is no figure speed"):
        chosen(["speed"])


def test_a_measurement_that_fails_costs_no_other_its_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(servers: object, quick: bool) -> Figures:
        raise Refusal("nobody answers")

    servers = SimpleNamespace(parts=SimpleNamespace(described="Nothing is started."), close=lambda: None)
    measures = {
        "feed": (broken, ("feed_skipped",)),
        "replay": (lambda servers, quick: Figures({"replay_peak_mb": 144.0}), ("replay_peak_mb",)),
    }
    monkeypatch.setattr("deploy.bench.run.MEASURES", measures)
    monkeypatch.setattr("deploy.bench.run.Servers", lambda: servers)
    monkeypatch.setattr("deploy.bench.run.facts", lambda servers: {})
    out = tmp_path / "bench.json"
    assert main(argparse.Namespace(only=None, quick=True, against=None, out=out)) == 1
    assert json.loads(out.read_text())["replay_peak_mb"] == 144.0
    said = capsys.readouterr().out
    assert "not measured: nobody answers" in said
    assert "Not measured, the log says why: feed" in said


def test_what_was_measured_is_set_against_another_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {"http_commands_per_s": 500.0, "replay_events_per_s": 10_000.0}
    monkeypatch.setattr("deploy.bench.against.figure_of", lambda folder, key, quick: before[key])
    figures = Figures({"http_workers_commands_per_s": 900.0, "replay_events_per_s": 17_000.0})
    compare(figures, tmp_path, quick=True)
    assert (figures.values["http_against_ratio"], figures.values["replay_against_ratio"]) == (1.8, 1.7)
    # what was not measured here is not measured there
    figures = Figures({"feed_skipped": 0.0})
    compare(figures, tmp_path, quick=True)
    assert figures.values == {"feed_skipped": 0.0}


def test_a_folder_that_is_no_checkout_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match=f"{tmp_path} is no checkout of the project"):
        figure_of(tmp_path, "replay_events_per_s", quick=True)


def test_a_percentile_has_its_share_of_the_values_below_it() -> None:
    assert [percentile(range(1, 101), share) for share in (0.0, 0.5, 0.99)] == [1, 51, 100]


def test_a_missed_target_is_said_in_the_table() -> None:
    figures = Figures({"record_ratio_32": 4.9, "record_p99_ratio_32": 0.5, "http_commands_per_s": 1000.0})
    assert [reached(key, value) for key, value in figures.values.items()] == [False, True, None]
    missed, met, plain = table(figures).splitlines()[1:]
    assert "MISSED" in missed
    assert "met" in met
    assert "met" not in plain


def test_the_histories_that_are_measured_are_taken_by_a_ledger(tmp_path: Path) -> None:
    with laid_out(Settings(ledger="bench", home=tmp_path)) as parts:
        (refs,) = bring(parts.store, parts.vault, 1, as_1)
        pathway = parts.store.pathway(refs["client"])
        (case,) = pathway.cases.values()
        assert case.closed is not None
        assert len(pathway.facts) == parts.store.stream_version(refs["client"]) > 90


def test_a_command_that_changes_nothing_stops_the_measuring(tmp_path: Path) -> None:
    twice = [*start(AS_1_PERIOD), *(2 * list(course(AS_1_PERIOD))[1:2])]
    refused = pytest.raises(Refusal, match="record_attendance: already_recorded")
    with laid_out(Settings(ledger="bench", home=tmp_path)) as parts, refused:
        bring(parts.store, parts.vault, 1, lambda _: twice)
