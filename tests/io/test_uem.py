from pathlib import Path

from asrtools.io.uem import read_uem


def test_spans_are_kept_by_recording(tmp_path: Path) -> None:
    (tmp_path / "uem").write_text(";; comment\na 1 0.5 2\nb A 0 1.0004\na 1 3 4\n")
    assert read_uem(tmp_path / "uem") == {"a": [(500, 2000), (3000, 4000)], "b": [(0, 1000)]}
