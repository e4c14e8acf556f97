import json
from pathlib import Path

import pytest

from asrtools import config
from asrtools.errors import ConfigError

YAML = """\
model: SenseVoiceSmall
model_conf:
    sos: 1
    eos: 2
frontend: WavFrontend
frontend_conf:
    fs: 16000
    cmvn_file: null
tokenizer_conf:
  bpemodel: null
dataset_conf:
  sos: ${model_conf.sos}
  ids: ["${model_conf.eos}", 7]
optim_conf:
  lr: 2e-5
"""


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(YAML)
    (tmp_path / "am.mvn").write_text("")
    (tmp_path / "model.pt").write_text("")
    metas = {
        "init_param": "model.pt",
        "config": "config.yaml",
        "frontend_conf": {"cmvn_file": "am.mvn"},
        "tokenizer_conf": {"bpemodel": "absent.model"},
        "token_lists": ["am.mvn", "absent"],
    }
    (tmp_path / "configuration.json").write_text(json.dumps({"framework": "pytorch", "file_path_metas": metas}))
    return tmp_path


def test_paths_of_configuration_json_win_over_the_yaml_and_overrides_win_over_both(model_dir: Path) -> None:
    read = config.load(model_dir)
    assert read.values["frontend_conf"] == {"fs": 16000, "cmvn_file": str(model_dir / "am.mvn")}
    assert read.values["init_param"] == str(model_dir / "model.pt")
    read = config.load(model_dir, {"frontend_conf.cmvn_file": "mine.mvn", "model": "Other"})
    assert read.values["frontend_conf"]["cmvn_file"] == "mine.mvn"
    assert read.values["model"] == "SenseVoiceSmall"
    assert read.origin("model") == f"{model_dir / 'config.yaml'}:1"


def test_a_named_file_that_is_not_there_is_kept_apart_and_not_lost(model_dir: Path) -> None:
    read = config.load(model_dir)
    assert read.values["tokenizer_conf"]["bpemodel"] is None
    assert read.missing == {
        "tokenizer_conf.bpemodel": model_dir / "absent.model",
        "token_lists.1": model_dir / "absent",
    }
    assert read.values["token_lists"] == [str(model_dir / "am.mvn")]


def test_every_value_knows_where_it_came_from(model_dir: Path) -> None:
    read = config.load(model_dir, {"dataset_conf.sos": 5})
    assert read.origin("frontend_conf.fs") == f"{model_dir / 'config.yaml'}:7"
    assert read.origin("frontend_conf.cmvn_file") == f"{model_dir / 'configuration.json'} file_path_metas"
    assert read.origin("dataset_conf.sos") == "++dataset_conf.sos"
    assert read.origin("nowhere.at.all") == "default"


def test_references_are_resolved_after_overrides(model_dir: Path) -> None:
    read = config.load(model_dir, {"model_conf.sos": 9})
    assert read.values["dataset_conf"]["sos"] == 9
    assert read.values["dataset_conf"]["ids"] == [2, 7]
    assert read.values["optim_conf"]["lr"] == 2e-5


def test_a_reference_to_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: 1\nb:\n  c: ${x.y}\n")
    with pytest.raises(ConfigError, match=r"config.yaml:3: b.c: .*x.y"):
        config.load(tmp_path)


def test_without_configuration_json_the_known_files_are_found_and_tokens_json_wins(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("model: Paraformer\nfrontend_conf:\n  fs: 8000\n")
    for name in ("model.pt", "tokens.txt", "tokens.json", "seg_dict", "bpe.model", "am.mvn", "jieba_usr_dict"):
        (tmp_path / name).write_text("")
    values = config.load(tmp_path).values
    assert values["init_param"] == str(tmp_path / "model.pt")
    assert values["tokenizer_conf"] == {
        "token_list": str(tmp_path / "tokens.json"),
        "seg_dict": str(tmp_path / "seg_dict"),
        "bpemodel": str(tmp_path / "bpe.model"),
    }
    assert values["frontend_conf"] == {"fs": 8000, "cmvn_file": str(tmp_path / "am.mvn")}
    assert values["jieba_usr_dict"] == str(tmp_path / "jieba_usr_dict")


def test_the_documents_odd_spellings_mean_what_they_mean(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        "Scheduler: warmuplr\nScheduler_conf:\nWarmup_steps: 25000\n"
        "encoder_conf:\n    sanm_shfit: 0\nfrontend_conf:\n    upsacle_samples: false\n"
    )
    values = config.load(tmp_path / "c.yaml").values
    assert values["scheduler"] == "warmuplr"
    assert values["scheduler_conf"] == {"warmup_steps": 25000}
    assert values["encoder_conf"] == {"sanm_shfit": 0}
    assert values["frontend_conf"] == {"upsacle_samples": False}


def test_the_right_spelling_of_a_misspelt_key_is_taken_too(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("frontend_conf:\n    upscale_samples: false\n")
    assert config.load(tmp_path / "c.yaml").values["frontend_conf"] == {"upsacle_samples": False}


def test_yaml_anchors_and_merge_keys_are_understood(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("a: &a\n  x: 1\n  y: 2\nb:\n  <<: *a\n  y: 3\n")
    assert config.load(tmp_path / "c.yaml").values["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "c.yaml:2: a is given twice"),
        ("a: [1\n", "a yaml file"),
        ("- 1\n", "no `key: value` lines"),
        ("a: !!python/object/apply:os.system ['true']\n", "c.yaml"),
    ],
)
def test_a_bad_yaml_file_is_one_sentence_with_its_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        config.load(tmp_path / "c.yaml")
    assert "\n" not in str(caught.value)


def test_a_directory_without_config_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no config\.yaml"):
        config.load(tmp_path)
    with pytest.raises(ConfigError, match="no such model directory"):
        config.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20000", 20000),
        ("0.0002", 0.0002),
        ("1e-4", 1e-4),
        ("true", True),
        ("False", False),
        ("null", None),
        ("token", "token"),
        ("data/list/train.jsonl", "data/list/train.jsonl"),
        ('["a.scp", "b"]', ["a.scp", "b"]),
        ("['a','b']", ["a", "b"]),
        ("[5,10,5]", [5, 10, 5]),
        ("{a: 1e-3}", {"a": 1e-3}),
        ('"12"', "12"),
        ("a=b", "a=b"),
        ("今天", "今天"),
        ("__import__('os')", "__import__('os')"),
    ],
)
def test_values_on_the_command_line_mean_what_they_look_like(text: str, value: object) -> None:
    assert config.parse_value(text) == value


def test_overrides_are_parsed_by_dotted_key_and_bad_ones_are_named() -> None:
    assert config.parse_overrides(["++a.b=1", "++c=x=y"]) == {"a.b": 1, "c": "x=y"}
    for bad in ("++novalue", "++=3", "++a b=3"):
        with pytest.raises(ConfigError, match="key=value"):
            config.parse_overrides([bad])
    with pytest.raises(ConfigError, match="given twice"):
        config.parse_overrides(["++a=1", "++a=2"])
    with pytest.raises(ConfigError, match="lists are written"):
        config.parse_overrides(["++a=[1,"])


def test_every_oracle_directory_resolves(oracle: Path) -> None:
    directories = [folder for folder in sorted(oracle.iterdir()) if (folder / "config.yaml").is_file()]
    assert len(directories) > 15
    for folder in directories:
        read = config.load(folder)
        assert read.values["model"] and not any("${" in str(value) for _, value in config.flatten(read.values)), folder
        assert not read.missing, folder
