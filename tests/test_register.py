import subprocess
import sys

import pytest

from asrtools.errors import ConfigError
from asrtools.register import TABLES, Tables, tables


def make(name: str, module: str) -> type:
    return type(name, (), {"__module__": module})


def test_the_fourteen_documented_tables_are_there_and_a_new_name_makes_a_new_one() -> None:
    assert len(TABLES) == 14
    for name in TABLES:
        assert getattr(tables, name).name == name
    fresh = Tables({})
    cls = fresh.register("prompt_classes", "Mine")(make("Mine", "user"))
    assert fresh.prompt_classes["Mine"] is cls


def test_a_class_is_found_by_its_registered_name_or_its_own() -> None:
    fresh = Tables({})
    named = fresh.register("model_classes", "Published")(make("Ours", "asrtools.models.x"))
    unnamed = fresh.register("model_classes")(make("Plain", "user"))
    assert fresh.model_classes.find("Published") is named
    assert fresh.model_classes.get("Plain") is unnamed
    assert fresh.model_classes.get("Nothing") is None


def test_two_built_in_classes_of_one_name_are_an_error() -> None:
    fresh = Tables({})
    fresh.register("decoder_classes", "A")(make("One", "asrtools.models.one"))
    with pytest.raises(ConfigError, match="'A' is registered by .*One and again by .*Two"):
        fresh.register("decoder_classes", "A")(make("Two", "asrtools.models.two"))


def test_a_users_class_wins_over_a_built_in_one_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    fresh = Tables({"model_classes": {"Paraformer": "asrtools.models.paraformer"}})
    mine = fresh.register("model_classes", "Paraformer")(make("Mine", "model"))
    assert "'Paraformer' is now" in capsys.readouterr().err
    fresh.register("model_classes", "Paraformer")(make("BuiltIn", "asrtools.models.paraformer"))
    assert fresh.model_classes.find("Paraformer") is mine
    assert capsys.readouterr().err == ""


def test_a_name_that_is_not_there_gets_the_near_matches_and_what_failed_to_import() -> None:
    fresh = Tables({"model_classes": {"SenseVoiceSmall": "asrtools.no_such_module", "Paraformer": "asrtools.errors"}})
    with pytest.raises(ConfigError, match="model 'SenseVoiceSmal' is not registered; did you mean SenseVoiceSmall"):
        fresh.model_classes.find("SenseVoiceSmal")
    with pytest.raises(ConfigError, match="'SenseVoiceSmall' could not be imported: ModuleNotFoundError"):
        fresh.model_classes.find("SenseVoiceSmall")
    with pytest.raises(ConfigError, match="did you mean SenseVoiceSmall.*could not be imported"):
        fresh.model_classes.find("SenseVoiceSmal")
    with pytest.raises(ConfigError, match="no joint network is registered"):
        fresh.joint_network_classes.find("x")


def test_what_is_registered_is_a_class() -> None:
    with pytest.raises(ConfigError, match="is not a class"):
        Tables({}).register("model_classes", "f")(lambda: None)  # type: ignore[arg-type]


def test_print_lists_everything_right_after_import() -> None:
    code = "from asrtools.register import tables; tables.print('frontend'); import sys; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "register name" in out and "class location" in out
    for name in ("WavFrontend", "wav_frontend", "WavFrontendOnline", "WhisperFrontend"):
        assert name in out
    assert "not importable" not in out
    assert out.endswith("False\n")


def test_every_built_in_name_imports() -> None:
    for table in tables._tables.values():
        for name in table.built_in:
            assert isinstance(table.find(name), type)
