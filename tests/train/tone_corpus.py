"""A corpus of tones, in which each digit has a pitch of its own, and a recogniser small enough to learn it."""

import json
from pathlib import Path

import numpy as np
import soundfile

DIGITS = "零一二三四五六七八九"
TOKENS = ["<blank>", "<s>", "</s>", *DIGITS, "<unk>"]
CONFIG = """\
model: Paraformer
model_conf: {ctc_weight: 0.3, length_normalized_loss: true, predictor_weight: 1.0, predictor_bias: 1, lsm_weight: 0.1}
encoder: SANMEncoder
encoder_conf: {output_size: 32, attention_heads: 2, linear_units: 64, num_blocks: 1, kernel_size: 5, input_layer: pe}
decoder: ParaformerSANMDecoder
decoder_conf: {attention_heads: 2, linear_units: 64, num_blocks: 1, att_layer_num: 1, kernel_size: 5}
predictor: CifPredictorV2
predictor_conf: {idim: 32, threshold: 1.0, l_order: 1, r_order: 1, tail_threshold: 0.45}
tokenizer: CharTokenizer
tokenizer_conf: {unk_symbol: <unk>, token_list: TOKENS}
frontend: WavFrontend
frontend_conf: {fs: 16000, n_mels: 80, lfr_m: 7, lfr_n: 6, dither: 0.0}
specaug: SpecAugLFR
specaug_conf: {apply_time_warp: false, freq_mask_width_range: [0, 10], num_freq_mask: 1,
  time_mask_width_range: [0, 2], num_time_mask: 1, lfr_rate: 6}
train_conf: {accum_grad: 2, grad_clip: 5, max_epoch: 2, log_interval: 1, avg_nbest_model: 2}
optim: adam
optim_conf: {lr: 0.003}
scheduler: warmuplr
scheduler_conf: {warmup_steps: 20}
dataset_conf: {batch_type: example, batch_size: 4, num_workers: 0}
"""


def make_corpus(folder: Path, num_train: int = 24, num_valid: int = 6, seed: int = 0) -> dict[str, str]:
    """train.jsonl, valid.jsonl, tokens.json, config.yaml and the audio; their paths by name."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for name, num in (("train", num_train), ("valid", num_valid)):
        with open(folder / f"{name}.jsonl", "w", encoding="utf-8") as lines:
            for index in range(num):
                digits = rng.integers(10, size=rng.integers(1, 4))
                wav = folder / f"{name}{index}.wav"
                samples = np.concatenate([tone(digit, rng) for digit in digits])
                soundfile.write(wav, samples, 16000)
                text = "".join(DIGITS[digit] for digit in digits)
                row = {"key": wav.stem, "source": str(wav), "source_len": len(samples) // 160}
                lines.write(json.dumps({**row, "target": text, "target_len": len(text)}) + "\n")
    (folder / "tokens.json").write_text(json.dumps(TOKENS))
    (folder / "config.yaml").write_text(CONFIG.replace("TOKENS", str(folder / "tokens.json")))
    return {name: str(folder / name) for name in ("train.jsonl", "valid.jsonl", "config.yaml")}


def tone(digit: int, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(int(16000 * rng.uniform(0.25, 0.4))) / 16000
    wave = np.sin(2 * np.pi * 300 * 1.25**digit * time) * np.hanning(len(time))
    return 0.3 * wave + 0.003 * rng.standard_normal(len(time))


def run_in_process(arguments: list[str]) -> int:
    """The command `train` in this process; its exit code."""
    from asrtools.commands.train import train

    with train.make_context("train", list(arguments)) as context:
        return train.invoke(context)
