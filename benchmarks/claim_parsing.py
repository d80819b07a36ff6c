"""How well claims are found in human-written captions, and sentences filed under attributes.

    python benchmarks/claim_parsing.py [--split test|fresh|dev] [--errors] [--references PATH]

Compares `parse_claims` and `attributes_of` with labelled sentences (`labels/GUIDE.md`). Each reference caption
is parsed as a whole; a claim found is right when a label has its kind and the shorter of the two spans lies at least
half within the other, each label used once. `light` is not labelled and not counted. An attribute is right when the
first that is named stands in the label's list ("strict": when it is the list's first). Stops if file or splitter are
not those that were labelled, and if splitting the 483 references loses or doubles a sentence.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from asid_hf.schema import ATTRIBUTES
from asid_hf.verify.attribution import attributes_of
from asid_hf.verify.claims import CLAIM_KINDS, parse_claims
from asid_hf.verify.sentences import Sentence, split_sentences

HERE = Path(__file__).resolve().parent
REFERENCES = HERE.parent.parent / "shared" / "data" / "benchmarks" / "video_salmonn2_test.json"
KINDS = tuple(kind for kind in CLAIM_KINDS if kind != "light")


class Span(NamedTuple):
    """A claim of one sentence: its kind and its place in the sentence."""

    kind: str
    start: int
    end: int


def main() -> None:
    """Check the splitter, compare with the labels, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--references", type=Path, default=REFERENCES, help="video_salmonn2_test.json as published")
    parser.add_argument("--split", choices=("test", "fresh", "dev"), default="dev", help="which labelled sentences")
    parser.add_argument("--errors", action="store_true", help="list what is wrong (dev only)")
    arguments = parser.parse_args()
    if arguments.errors and arguments.split != "dev":
        parser.error("--errors shows labels; those of the other splits stay unseen.")

    captions = [caption_of(record) for record in json.loads(arguments.references.read_text("utf-8"))]
    sentences = [split_sentences(caption) for caption in captions]
    check_splitting(captions, sentences)
    labels = [
        json.loads(line)
        for line in (HERE / "labels" / f"salmonn2_{arguments.split}.jsonl").read_text("utf-8").splitlines()
    ]
    right, found, labelled = Counter(), Counter(), Counter()
    filed: list[tuple[str, list[str]]] = []
    parsed = {video: parse_claims(captions[video]) for video in {label["video"] for label in labels}}
    for label in labels:
        video, number = label["video"], label["sentence"]
        sentence = sentences[video][number]
        check_guard(label, sentence)
        predicted = [
            Span(claim.kind, claim.start - sentence.start, claim.end - sentence.start)
            for claim in parsed[video]
            if claim.kind in KINDS and sentence.start <= claim.start and claim.end <= sentence.end
        ]
        wanted = [Span(claim["kind"], claim["start"], claim["end"]) for claim in label["claims"]]
        hits, spurious, missed = match(predicted, wanted)
        right.update(span.kind for span in hits)
        found.update(span.kind for span in predicted)
        labelled.update(span.kind for span in wanted)
        home = attributes_of(sentence.text, sentences[video][number - 1].text if number else "")[0]
        filed.append((home, label["attributes"]))
        if arguments.errors:
            show_errors(label, sentence.text, spurious, missed, home)
    print_claims(right, found, labelled)
    print_attributes(filed)


def caption_of(record: dict) -> str:
    """The human-written caption of a published record."""
    return next(turn["value"] for turn in record["conversations"] if turn["from"] == "gpt")


def check_splitting(captions: list[str], sentences: list[list[Sentence]]) -> None:
    """Stop unless every non-space character of every caption lies in exactly one sentence, in order."""
    for number, (caption, parts) in enumerate(zip(captions, sentences, strict=True)):
        kept = "".join("".join(part.text.split()) for part in parts)
        places = [(part.start, part.end) for part in parts]
        in_place = all(caption[part.start : part.end] == part.text for part in parts)
        apart = all(first[1] <= second[0] for first, second in pairwise(places))
        if kept != "".join(caption.split()) or not in_place or not apart:
            raise SystemExit(f"Splitting reference {number} loses or doubles text.")
    total = sum(map(len, sentences))
    print(f"{len(captions)} references, {total} sentences: none lost, none doubled")


def check_guard(label: dict, sentence: Sentence) -> None:
    """Stop unless this is the sentence that was labelled."""
    if sha256(sentence.text.encode()).hexdigest()[:12] != label["sha256"]:
        raise SystemExit(f"Video {label['video']}, sentence {label['sentence']}: not the sentence that was labelled.")


def match(predicted: list[Span], wanted: list[Span]) -> tuple[list[Span], list[Span], list[Span]]:
    """Pair predicted and labelled spans one to one: (right, spurious, missed)."""
    hits, spurious, missed = [], [], list(wanted)
    for span in predicted:
        partner = next((other for other in missed if other.kind == span.kind and overlaps(span, other)), None)
        if partner is None:
            spurious.append(span)
        else:
            hits.append(span)
            missed.remove(partner)
    return hits, spurious, missed


def overlaps(one: Span, other: Span) -> bool:
    """Whether two spans share at least half of the shorter one."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    return shared > 0 and shared >= 0.5 * min(one.end - one.start, other.end - other.start)


def show_errors(label: dict, text: str, spurious: list[Span], missed: list[Span], home: str) -> None:
    """List what is wrong in one sentence."""
    wrong = [f"spurious {span.kind}: {text[span.start : span.end]!r}" for span in spurious]
    wrong += [f"missed {span.kind}: {text[span.start : span.end]!r}" for span in missed]
    if home not in label["attributes"]:
        wrong.append(f"filed under {home}, labelled {', '.join(label['attributes'])}")
    if wrong:
        print(f"{label['video']}.{label['sentence']} {text}", *wrong, sep="\n    ")


def print_claims(right: Counter, found: Counter, labelled: Counter) -> None:
    """Precision and recall by kind and over all."""
    print(f"\n{'kind':12} {'precision':>16} {'recall':>16}")
    for kind in (*KINDS, "all"):
        hits, predicted, wanted = (
            counts.total() if kind == "all" else counts[kind] for counts in (right, found, labelled)
        )
        precision = f"{hits / predicted:.3f}" if predicted else "-"
        recall = f"{hits / wanted:.3f}" if wanted else "-"
        print(f"{kind:12} {precision:>6} {hits:>4}/{predicted:<4} {recall:>6} {hits:>4}/{wanted:<4}")


def print_attributes(filed: list[tuple[str, list[str]]]) -> None:
    """Accuracy of the attribute, and what is taken for what."""
    among = sum(home in names for home, names in filed)
    first = sum(home == names[0] for home, names in filed)
    print(f"\nattribute in the label's list {among / len(filed):.3f}, strictly its first {first / len(filed):.3f}")
    print("\nlabelled (first) \\ filed under")
    print(f"{'':18}" + "".join(f"{name[:10]:>11}" for name in ATTRIBUTES))
    table = Counter((names[0], home) for home, names in filed)
    for name in ATTRIBUTES:
        print(f"{name:18}" + "".join(f"{table[name, home]:>11}" for home in ATTRIBUTES))


if __name__ == "__main__":
    main()
