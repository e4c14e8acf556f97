"""Recognise with a model that finetune.py made, and score it where there are texts.

    python infer_after_finetune.py --output_dir ./checkpoint --data_dir ./example_data

Change the parameters below, or give them by their names. data_dir holds test/wav.scp and perhaps test/text; the results
are in output_dir/decoding/1best_recog, text.cer the error rate.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from asrtools.pipelines import Tasks, pipeline

PARAMETERS = {
    # empty: output_dir, which is a model directory; else a model whose configuration goes with the checkpoint
    "modelscope_model_name": "",
    "output_dir": "./checkpoint",  # of finetune.py
    "data_dir": "./example_data",
    "decoding_model_name": "model.pt",  # a checkpoint in output_dir, such as model.pt.best or model.pt.ep20
    "batch_size": 64,
    "ngpu": 1,  # 0: on the processor
}


def infer_after_finetune(params):
    output_dir, test = Path(params["output_dir"]), Path(params["data_dir"]) / "test"
    checkpoint = output_dir / params["decoding_model_name"]
    if not checkpoint.is_file():
        sys.exit(f"{checkpoint}: no such checkpoint; output_dir and decoding_model_name name one that finetune.py made")
    recognise = pipeline(
        task=Tasks.auto_speech_recognition,
        model=params["modelscope_model_name"] or str(output_dir),
        init_param=str(checkpoint),
        batch_size=params["batch_size"],
        ngpu=params["ngpu"],
    )
    decoding = output_dir / "decoding"
    recognise(audio_in=str(test / "wav.scp"), output_dir=str(decoding))
    best = decoding / "1best_recog"
    if (test / "text").is_file():
        subprocess.run(["score", test / "text", best / "text", best / "text.cer"], check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in PARAMETERS.items():
        parser.add_argument(f"--{name}", default=value, type=type(value))
    infer_after_finetune(vars(parser.parse_args()))
