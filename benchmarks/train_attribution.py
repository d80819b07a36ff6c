"""Fit the weights of `asid_hf/verify/attribution.json` (which attribute a sentence is about); print how well they do.

    python benchmarks/train_attribution.py [--references PATH] [--write]

Trained on `labels/salmonn2_dev.jsonl` and `labels/attributes_train.jsonl` (sentences of the same references, and
sentences written for this purpose, both labelled by the author of the classifier), never on the test labels. A softmax
regression over the features of `asid_hf.verify.attribution.features_of`, L2-regularised, by gradient descent with
momentum; sentences that the claims decide are left out. The figures are of an eight-fold cross-validation by video.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np

from asid_hf.schema import ATTRIBUTES
from asid_hf.verify import attribution
from asid_hf.verify.sentences import split_sentences

HERE = Path(__file__).resolve().parent
REFERENCES = HERE.parent.parent / "shared" / "data" / "benchmarks" / "video_salmonn2_test.json"
WEIGHTS = HERE.parent / "asid_hf" / "verify" / "attribution.json"
LEAST_COUNT = 10  # sentences a feature must occur in
L2, STEPS, RATE, MOMENTUM = 3e-3, 600, 0.08, 0.9
WRITTEN = 3.0  # weight of a sentence written for the purpose: they are in the manner of ASID-1M, the references are not
FIRST_SHARE = 0.7  # of a label with several names; the others share the rest
FOLDS = 8
LEXICON = {  # word class -> attribute, for the comparison with bare word counts
    "place": "scene", "person": "characters", "animal": "characters", "clothes": "characters", "looks": "characters",
    "thing": "objects", "quality": "objects", "act": "actions", "story": "narrative_elements", "audio": "speech",
    "film": "camera", "emotion": "emotions",
}  # fmt: skip


def main() -> None:
    """Read the labels, cross-validate, and with --write store weights fitted on all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--references", type=Path, default=REFERENCES, help="video_salmonn2_test.json as published")
    parser.add_argument("--write", action="store_true", help="store the weights in asid_hf/verify/attribution.json")
    arguments = parser.parse_args()

    rows = read_rows(json.loads(arguments.references.read_text("utf-8")))
    features = [attribution.features_of(row["text"], row["previous"]) for row in rows]
    decided = [attribution.decided_by_claims(found) for found in features]
    open_rows = np.array([name is None for name in decided])
    counts = Counter(name for found, is_open in zip(features, open_rows, strict=True) if is_open for name in found)
    names = sorted(name for name, count in counts.items() if count >= LEAST_COUNT)
    inputs = np.array([[name in found for name in names] for found in features], np.float32)
    targets = np.array([target(row["attributes"]) for row in rows], np.float32)
    counting = np.array([WRITTEN if row["source"] == "written" else 1.0 for row in rows], np.float32)

    folds = np.array([row["group"] % FOLDS for row in rows])
    predicted = [name or "" for name in decided]
    for fold in range(FOLDS):
        known = open_rows & (folds != fold)
        weights = fit(inputs[known], targets[known], counting[known])
        for i in np.flatnonzero(open_rows & (folds == fold)):
            predicted[i] = ATTRIBUTES[int((inputs[i] @ weights).argmax())]
    report(rows, predicted, "claims and classifier, cross-validated")
    bare = [name or by_lexicon(row["text"]) for name, row in zip(decided, rows, strict=True)]
    report(rows, bare, "claims and bare word counts")

    if arguments.write:
        write(names, fit(inputs[open_rows], targets[open_rows], counting[open_rows]))


def read_rows(references: list[dict]) -> list[dict]:
    """The labelled sentences: text, the sentence before, attributes, a group for the folds, and their source."""
    rows = []
    for name in ("salmonn2_dev", "attributes_train"):
        lines = (HERE / "labels" / f"{name}.jsonl").read_text("utf-8").splitlines()
        for number, label in enumerate(map(json.loads, lines)):
            if "text" in label:
                row = {"text": label["text"], "previous": "", "group": number, "source": "written"}
            else:
                row = from_reference(references[label["video"]], label) | {"group": label["video"], "source": name}
            rows.append(row | {"attributes": label["attributes"]})
    return rows


def from_reference(record: dict, label: dict) -> dict:
    """The sentence a label speaks of; a SystemExit says so if file or splitter are not those that were labelled."""
    caption = next(turn["value"] for turn in record["conversations"] if turn["from"] == "gpt")
    sentences = [sentence.text for sentence in split_sentences(caption)]
    text = sentences[label["sentence"]]
    if sha256(text.encode()).hexdigest()[:12] != label["sha256"]:
        raise SystemExit(f"video {label['video']}, sentence {label['sentence']}: not the sentence that was labelled.")
    return {"text": text, "previous": sentences[label["sentence"] - 1] if label["sentence"] else ""}


def target(attributes: list[str]) -> list[float]:
    """A label as shares of the eight attributes."""
    shares = dict.fromkeys(ATTRIBUTES, 0.0)
    for name in attributes[1:]:
        shares[name] = (1 - FIRST_SHARE) / (len(attributes) - 1)
    shares[attributes[0]] = 1.0 - sum(shares.values())
    return list(shares.values())


def fit(inputs: np.ndarray, targets: np.ndarray, counting: np.ndarray) -> np.ndarray:
    """Softmax regression: (N, F), (N, 8), (N,) how much each row counts -> weights (F, 8).

    Rare attributes count more, by the root of their rarity.
    """
    totals = targets.sum(0) + 1
    importance = (counting * (targets @ np.sqrt(totals.mean() / totals)))[:, None]
    weights = np.zeros((inputs.shape[1], targets.shape[1]), np.float32)
    velocity = np.zeros_like(weights)
    for _ in range(STEPS):
        scores = inputs @ weights
        shares = np.exp(scores - scores.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        gradient = inputs.T @ ((shares - targets) * importance) / len(inputs) + L2 * weights
        velocity = MOMENTUM * velocity + gradient
        weights -= RATE * velocity
    return weights


def by_lexicon(text: str) -> str:
    """The attribute with the most words, for comparison."""
    classes = attribution.word_classes()
    votes = Counter(
        LEXICON[name] for token in text.lower().split() for name in classes.get(token, ()) if name in LEXICON
    )
    return votes.most_common(1)[0][0] if votes else "actions"


def report(rows: list[dict], predicted: list[str], title: str) -> None:
    """Print accuracy by source of the sentences."""
    print(title)
    for source in ("salmonn2_dev", "attributes_train", "written"):
        pairs = [(p, row["attributes"]) for p, row in zip(predicted, rows, strict=True) if row["source"] == source]
        among = sum(p in names for p, names in pairs) / len(pairs)
        first = sum(p == names[0] for p, names in pairs) / len(pairs)
        print(
            f"  {source:17} {len(pairs):4} sentences: in the label's list {among:.3f}, equal to its first {first:.3f}"
        )


def write(names: list[str], weights: np.ndarray) -> None:
    """Store the weights beside the word lists, one line a class and a feature."""
    words = json.loads(WEIGHTS.read_text("utf-8"))["words"]
    table = {
        name: {attribute: round(float(w), 2) for attribute, w in zip(ATTRIBUTES, row, strict=True) if abs(w) >= 0.05}
        for name, row in zip(names, weights, strict=True)
    }
    blocks = [
        f'  "{key}": {{\n'
        + ",\n".join(f"    {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in d.items())
        + "\n  }"
        for key, d in (("words", words), ("weights", table))
    ]
    WEIGHTS.write_text("{\n" + ",\n".join(blocks) + "\n}\n", "utf-8")
    print(f"wrote {len(names)} features to {WEIGHTS.name}")


if __name__ == "__main__":
    main()
