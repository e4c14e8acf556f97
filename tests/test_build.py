from collections.abc import Sequence
from pathlib import Path

import pytest

from asrtools import build, config
from asrtools.errors import ConfigError
from asrtools.register import tables


class Part:
    def __init__(self, fs: int = 16000, n_mels: int = 80):
        self.fs, self.n_mels = fs, n_mels


class Layered:
    def __init__(self, num_layers: Sequence[int] = (1, 2), rate: float | None = None):
        self.num_layers, self.rate = num_layers, rate


class Anything:
    def __init__(self, **kwargs: object):
        self.kwargs = kwargs


def configured(text: str, tmp_path: Path) -> config.Config:
    (tmp_path / "c.yaml").write_text(text)
    return config.load(tmp_path / "c.yaml")


def test_a_key_that_the_class_does_not_know_names_its_line_and_the_near_match(tmp_path: Path) -> None:
    read = configured("frontend_conf:\n  fs: 8000\n  n_mel: 40\n", tmp_path)
    with pytest.raises(ConfigError, match=r"c.yaml:3: Part knows no frontend_conf.n_mel; did you mean n_mels\?"):
        build.keywords_for(Part, read, "frontend_conf")


def test_a_published_key_without_meaning_is_left_out(tmp_path: Path) -> None:
    read = configured("frontend_conf:\n  fs: 8000\n  input_size: 560\n", tmp_path)
    assert build.keywords_for(Part, read, "frontend_conf") == {"fs": 8000}


def test_a_class_that_takes_any_keyword_gets_all(tmp_path: Path) -> None:
    read = configured("frontend_conf:\n  whatever: 1\n", tmp_path)
    assert build.keywords_for(Anything, read, "frontend_conf") == {"whatever": 1}


def test_plain_types_are_checked_and_lists_of_them_are_as_they_are(tmp_path: Path) -> None:
    read = configured("model_conf:\n  num_layers: [3, 4]\n  rate: null\n", tmp_path)
    assert build.keywords_for(Layered, read, "model_conf") == {"num_layers": [3, 4], "rate": None}
    read = configured("model_conf:\n  rate: [3]\n", tmp_path)
    with pytest.raises(ConfigError, match=r"c.yaml:2: model_conf.rate is \[3\]; float or null is wanted"):
        build.keywords_for(Layered, read, "model_conf")


def test_a_section_that_is_no_section_is_named(tmp_path: Path) -> None:
    read = configured("frontend_conf: 7\n", tmp_path)
    with pytest.raises(ConfigError, match="c.yaml:1: frontend_conf is 7"):
        build.keywords_for(Part, read, "frontend_conf")


def test_flat_overrides_go_to_the_component_that_knows_them() -> None:
    routed = build.route({"n_mels": 40, "frontend_conf.fs": 8000, "dataset_conf.x": 1}, {"frontend_conf": Part})
    assert routed == {"frontend_conf.n_mels": 40, "frontend_conf.fs": 8000, "dataset_conf.x": 1}
    with pytest.raises(ConfigError, match=r"\+\+nmels: nothing that is loaded here knows it; did you mean \+\+n_mels"):
        build.route({"nmels": 40}, {"frontend_conf": Part})
    with pytest.raises(ConfigError, match=r"frontend_con is no section; did you mean \+\+frontend_conf"):
        build.route({"frontend_con.fs": 1}, {"frontend_conf": Part})


def test_a_users_registered_frontend_is_built(tmp_path: Path) -> None:
    tables.register("frontend_classes", "TestOnlyPart")(Part)
    built = build.build_frontend(configured("frontend: TestOnlyPart\nfrontend_conf:\n  fs: 8000\n", tmp_path))
    assert isinstance(built, Part) and built.fs == 8000


def test_a_frontend_that_is_not_registered_names_the_near_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="frontend 'WavFrontent' is not registered; did you mean .*WavFrontend"):
        build.build_frontend(configured("frontend: WavFrontent\n", tmp_path))


def test_the_frontend_of_every_oracle_directory_is_built(oracle: Path) -> None:
    built = 0
    for folder in sorted(oracle.iterdir()):
        if not (folder / "config.yaml").is_file():
            continue
        read = config.load(folder)
        if read.values.get("frontend"):
            assert build.build_frontend(read).output_size() > 0, folder
            built += 1
    assert built > 12


def test_a_key_that_a_speaker_models_own_features_lack_is_refused_from_a_user_only(oracle: Path) -> None:
    directory = oracle / "campplus"
    assert build.build_frontend(config.load(directory)).n_mels == 80
    with pytest.raises(ConfigError, match="SpeakerFrontend knows no frontend_conf.dither"):
        build.build_frontend(config.load(directory, {"frontend_conf.dither": 1.0}))
