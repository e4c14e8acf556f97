"""What a name or path comes to without any request."""

from pathlib import Path

import pytest

from asrtools.errors import HubError
from asrtools.hub import model_directory


@pytest.fixture(autouse=True)
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASRTOOLS_CACHE", "MODELSCOPE_CACHE", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))


@pytest.mark.parametrize("file", ["config.yaml", "configuration.json"])
def test_a_directory_with_a_config_is_returned_as_it_is(tmp_path: Path, file: str) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / file).write_text("{}")
    assert model_directory(tmp_path / "model") == tmp_path / "model"


def test_blanks_around_a_name_are_not_of_it(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("{}")
    assert model_directory(f" {tmp_path} ") == tmp_path
    with pytest.raises(HubError, match="iic/SenseVoiceSmall: it is not"):
        model_directory("iic/SenseVoiceSmall ", offline=True)


def test_a_directory_is_not_fetched_to_another_place(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("{}")
    with pytest.raises(HubError, match="is a directory already"):
        model_directory(tmp_path, to=tmp_path / "other")


def test_a_directory_goes_before_an_alias(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ct-punc").mkdir()
    (tmp_path / "ct-punc" / "config.yaml").write_text("model: CTTransformer")
    monkeypatch.chdir(tmp_path)
    assert model_directory("ct-punc") == Path("ct-punc")


def test_a_directory_without_a_config_is_no_model_directory(tmp_path: Path) -> None:
    with pytest.raises(HubError, match="no config.yaml and no configuration.json"):
        model_directory(tmp_path)


@pytest.mark.parametrize("name", ["./exp/model", "/no/such/place", "a/b/c", "~/nothing-there", ""])
def test_a_path_that_is_not_there_never_goes_to_a_hub(name: str) -> None:
    with pytest.raises(HubError, match="no such model directory"):
        model_directory(name)


def test_a_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"")
    with pytest.raises(HubError, match="is a file"):
        model_directory(tmp_path / "model.pt")


def test_a_misspelt_alias_names_the_near_ones() -> None:
    with pytest.raises(HubError, match="did you mean paraformer-zh"):
        model_directory("parafomer-zh")


def test_a_name_like_nothing_else_points_to_the_list() -> None:
    with pytest.raises(HubError, match="download --list"):
        model_directory("qqqqqqqq")


@pytest.mark.parametrize("hub", ["ms", "hf", "modelscope", "huggingface"])
def test_offline_with_an_empty_cache_is_one_sentence(hub: str) -> None:
    if hub.startswith("h"):
        pytest.importorskip("huggingface_hub")
    with pytest.raises(HubError, match="fetch it once without --offline") as caught:
        model_directory("ct-punc", hub=hub, offline=True)
    assert "\n" not in str(caught.value)


def test_offline_a_mistyped_directory_is_said_to_be_none() -> None:
    with pytest.raises(HubError, match="there is no directory exp/modle either"):
        model_directory("exp/modle", offline=True)


def test_the_environment_can_forbid_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASRTOOLS_OFFLINE", "1")
    with pytest.raises(HubError, match="the network is not to be used"):
        model_directory("ct-punc")


def test_a_model_without_loader_is_refused_before_it_is_fetched() -> None:
    with pytest.raises(HubError, match="WhisperWarp has no loader"):
        model_directory("Whisper-large-v3")


def test_an_unknown_hub_is_named() -> None:
    with pytest.raises(HubError, match="'github' is not known"):
        model_directory("ct-punc", hub="github")


def test_offline_takes_what_another_client_left(tmp_path: Path) -> None:
    name = "speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-pytorch"
    for place in ("hub/damo", "models/iic"):
        folder = tmp_path / "MODELSCOPE_CACHE" / place / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text("model: Paraformer")
        assert model_directory("paraformer", offline=True) == folder
