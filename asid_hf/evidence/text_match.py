"""Compare two readings of a text: the same words, or other words? Tolerant of what OCR gets wrong, of nothing else."""

from __future__ import annotations

import unicodedata

SAME_TEXT = 0.8
"""`same_text` and `found_in` at or above this mean the same words; a word that differs keeps both at 0.5 or below."""

_MAX_LETTERS = 1000
_CONFUSABLE = 0.25
_LOOK_ALIKE = {frozenset(pair) for pair in ("0o", "1i", "1l", "1|", "i|", "l|", "2z", "5s", "6g", "8b", "9g")}
_UNCLEAR = frozenset("il")
_AS_DIGITS = str.maketrans("OoIl|", "00111")


def normalise(text: str) -> str:
    """Reduce a text to what two readings of it share: its words in lower case, without accents and punctuation.

    Characters that look alike are settled by the word they stand in: O and l in a number become 0 and 1, 0 in a word
    becomes o, a small l among capitals is an I, and a capital I among small letters is an l.

    Args:
        text: any text.

    Returns:
        Words of letters and digits, one space between them; empty where `text` holds none.

    Example:
        >>> normalise("JULY 14, 2O15")
        'july 14 2015'
        >>> normalise("Café – HeIlo, WORLD, W0RLD!")
        'cafe hello world world'
    """
    plain = "".join(_plain(character) for character in unicodedata.normalize("NFKC", text))
    return " ".join(_settle(word).casefold() for word in plain.split())


def same_text(a: str, b: str) -> float:
    """Say how far two readings are the same text, whatever their case, accents, punctuation and spacing.

    Letters are aligned at the least cost (Wagner and Fischer 1974), look-alikes such as o and 0 at a quarter. A word of
    up to five letters must then be the same, one of up to ten may have one letter wrong, a longer one two, and a digit
    is never another digit: "OPEN" is not "OVEN" and "2015" not "2016", however long the text around them. What letters
    alone cannot tell: "President" and "Resident" pass for one word, misread.

    Args:
        a: a text; its first 1000 letters count.
        b: another.

    Returns:
        1.0 for the same letters, at least `SAME_TEXT` for the same words, at most 0.5 where a word differs (falling
        with the share of letters in differing words), 0.0 where only one has letters. Symmetric.

    Example:
        >>> same_text("PRESIDENT OBAMA", "President 0bama.")
        1.0
        >>> same_text("An unlucky bird", "Anunlucky bird")
        1.0
        >>> same_text("The shop is OPEN", "The shop is OVEN")
        0.35
    """
    first, second = normalise(a).split(), normalise(b).split()
    if not first and not second:
        return float(a.split() == b.split())
    if not first or not second:
        return 0.0
    return _agreement(*sorted((first, second)), inside=False)


def found_in(part: str, text: str) -> float:
    """Say how far `part` stands in `text`, under the rules of `same_text`: for a caption that quotes some words of it.

    Args:
        part: the words looked for.
        text: the text they may stand in; what it has before and after them costs nothing. A part of up to five letters
            and any number must be whole words of it ("art" is not in "start"); else a space that OCR lost is no fault.

    Returns:
        0..1 as `same_text`; 0.0 where either has no letters.

    Example:
        >>> found_in("overweight bunny", "A (slightly overweight) bunny")
        1.0
        >>> found_in("underweight bunny", "A (slightly overweight) bunny") < SAME_TEXT
        True
    """
    first, second = normalise(part).split(), normalise(text).split()
    return _agreement(first, second, inside=True) if first and second else 0.0


def _plain(character: str) -> str:
    base = unicodedata.normalize("NFD", character)[0]
    if base.isascii():  # an accent makes another letter in many scripts, but in Latin the same word
        character = base
    return character if character.isalnum() or character == "|" or unicodedata.combining(character) else " "


def _settle(word: str) -> str:
    digits = sum(character.isdigit() for character in word)
    number = word.translate(_AS_DIGITS)
    if digits * 2 > len(word) and number.isdigit():
        return number
    if set(filter(str.isdigit, word)) <= {"0", "1"}:
        word = word.replace("0", "o" if word.islower() else "O")
    capitals = sum(character.isupper() for character in word if character not in "I")
    small = sum(character.islower() for character in word if character not in "l")
    if capitals > max(small, 1) or not word.strip("l|"):
        return word.replace("l", "I").replace("|", "I")
    return word[:1] + word[1:].replace("I", "l") if small else word


def _agreement(first: list[str], second: list[str], inside: bool) -> float:
    a, b = "".join(first)[:_MAX_LETTERS], "".join(second)[:_MAX_LETTERS]
    if a == b:
        return 1.0
    faults_a, faults_b = [0.0] * len(a), [0.0] * len(b)
    compared = [not inside] * len(b)
    for i, j, cost in _alignment(a, b, _unclear(first), _unclear(second), inside):
        if i is not None:
            faults_a[i] = cost
        if j is not None:
            faults_b[j], compared[j] = cost, True
    if inside:
        _count_cut_words(second, faults_b, compared, short=len(a) <= 5)
    differing = max(_differing(first, faults_a, None), _differing(second, faults_b, compared))
    if differing > 0.0:
        return round(0.5 * (1.0 - differing), 2)
    return max(SAME_TEXT, 1.0 - sum(faults_a) / len(a))


def _unclear(words: list[str]) -> list[bool]:
    """For each letter: no neighbours tell i from l here, as in "Iron" and "lron", "II" and "ll"."""
    return [place == 0 or not word.strip("il1|") for word in words for place in range(len(word))]


def _count_cut_words(words: list[str], faults: list[float], compared: list[bool], short: bool) -> None:
    place = 0
    for word in words:
        span = range(place, min(place + len(word), len(compared)))
        whole = short or any(map(str.isdigit, word))  # "15" is no part of "115"
        if whole and any(compared[letter] for letter in span):
            for letter in span:
                if not compared[letter]:
                    faults[letter], compared[letter] = _weight(word[letter - place]), True
        place += len(word)


def _differing(words: list[str], faults: list[float], compared: list[bool] | None) -> float:
    """The share of compared letters that stand in words with more faults than their length allows."""
    differing, letters, place = 0, 0, 0
    for word in words:
        span = slice(place, place + len(word))
        count = len(faults[span]) if compared is None else sum(compared[span])
        allowance = 0.5 if len(word) <= 5 else 1.25 if len(word) <= 10 else 2.25
        letters += count
        differing += count if sum(faults[span]) > allowance else 0
        place += len(word)
    return differing / max(letters, 1)


def _alignment(
    a: str, b: str, unclear_a: list[bool], unclear_b: list[bool], inside: bool
) -> list[tuple[int | None, int | None, float]]:
    """The cheapest pairs (place in a, place in b, cost), None for a letter without partner."""
    single_a, single_b = [_weight(letter) for letter in a], [_weight(letter) for letter in b]
    rows = [[0.0] * (len(b) + 1)]
    for j, weight in enumerate(single_b):
        rows[0][j + 1] = 0.0 if inside else rows[0][j] + weight
    for i, letter in enumerate(a):
        above, row = rows[-1], [rows[-1][0] + single_a[i]]
        for j, other in enumerate(b):
            pair = _pair_cost(letter, other, unclear_a[i] and unclear_b[j])
            row.append(min(above[j] + pair, above[j + 1] + single_a[i], row[j] + single_b[j]))
        rows.append(row)

    i, j = len(a), min(range(len(b) + 1), key=rows[-1].__getitem__) if inside else len(b)
    pairs: list[tuple[int | None, int | None, float]] = []
    while i or (j and not inside):
        pair = _pair_cost(a[i - 1], b[j - 1], unclear_a[i - 1] and unclear_b[j - 1]) if i and j else 0.0
        if i and j and rows[i][j] == rows[i - 1][j - 1] + pair:
            i, j = i - 1, j - 1
            pairs.append((i, j, pair))
        elif i and rows[i][j] == rows[i - 1][j] + single_a[i - 1]:
            i -= 1
            pairs.append((i, None, single_a[i]))
        else:
            j -= 1
            pairs.append((None, j, single_b[j]))
    return pairs


def _weight(letter: str) -> float:
    return 3.0 if letter.isdigit() else 1.0  # more than any word is allowed: digits carry facts


def _pair_cost(letter: str, other: str, both_unclear: bool) -> float:
    if letter == other:
        return 0.0
    pair = frozenset((letter, other))
    if pair in _LOOK_ALIKE or (both_unclear and pair == _UNCLEAR):
        return _CONFUSABLE
    return max(_weight(letter), _weight(other))
