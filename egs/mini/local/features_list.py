"""A training list whose sources are features: python local/features_list.py LIST.jsonl FEATS.scp > NEW.jsonl"""

import json
import sys
from pathlib import Path


def main() -> None:
    features = dict(line.split(maxsplit=1) for line in Path(sys.argv[2]).read_text(encoding="utf-8").splitlines())
    for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["key"] not in features:
            sys.exit(f"{sys.argv[2]}: has no features of {row['key']}; stage 4 makes them: run.sh --stage 4")
        print(json.dumps({**row, "source": features[row["key"]]}, ensure_ascii=False))


if __name__ == "__main__":
    main()
