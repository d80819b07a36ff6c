"""Replies in another language are named; English captions, with whatever they quote, pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asid_hf.chat.language import check_english
from asid_hf.chat.messages import ChatError

FOREIGN = {
    "German": [
        "Ein Mann in einem roten Mantel geht durch die Stadt. Hinter ihm fährt ein gelbes Auto vorbei.",
        "Bei Sekunde 4 hebt die Frau den Becher und lächelt in die Kamera, während leise Musik zu hören ist.",
        "Die Szene spielt in einer Küche mit weißen Schränken und einem großen Fenster.",
    ],
    "French": [
        "Un homme vêtu d'un manteau rouge traverse la ville. Une voiture jaune passe derrière lui.",
        "À 4 s, la femme lève sa tasse et sourit à la caméra pendant qu'une musique douce se fait entendre.",
        "La scène se déroule dans une cuisine avec des placards blancs et une grande fenêtre.",
    ],
    "Spanish": [
        "Un hombre con un abrigo rojo camina por la ciudad. Detrás de él pasa un coche amarillo.",
        "A los 4 s, la mujer levanta la taza y sonríe a la cámara mientras suena una música suave.",
        "La escena transcurre en una cocina con armarios blancos y una ventana grande.",
    ],
    "Italian": [
        "Un uomo con un cappotto rosso cammina per la città. Dietro di lui passa un'auto gialla.",
        "A 4 s la donna alza la tazza e sorride alla telecamera mentre si sente una musica dolce.",
        "La scena si svolge in una cucina con armadi bianchi e una grande finestra.",
    ],
    "Portuguese": [
        "Um homem de casaco vermelho caminha pela cidade. Atrás dele passa um carro amarelo.",
        "Aos 4 s, a mulher levanta a chávena e sorri para a câmara enquanto se ouve uma música suave.",
        "A cena passa-se numa cozinha com armários brancos e uma janela grande.",
    ],
    "Dutch": [
        "Een man in een rode jas loopt door de stad. Achter hem rijdt een gele auto voorbij.",
        "Op 4 s tilt de vrouw haar kopje op en glimlacht naar de camera terwijl er zachte muziek klinkt.",
        "De scène speelt zich af in een keuken met witte kasten en een groot raam.",
    ],
    "Indonesian": [
        "Seorang pria dengan mantel merah berjalan di kota. Di belakangnya lewat sebuah mobil kuning.",
        "Pada detik ke-4, wanita itu mengangkat cangkir dan tersenyum ke arah kamera.",
        "Adegan ini berlangsung di dapur dengan lemari putih dan sebuah jendela besar.",
    ],
    "Vietnamese": [
        "Một người đàn ông mặc áo khoác đỏ đi bộ qua thành phố. Phía sau anh có một chiếc xe màu vàng.",
        "Ở giây thứ 4, người phụ nữ nâng tách lên và mỉm cười với máy quay.",
    ],
    "Swedish": [
        "En man i röd kappa går genom staden. Bakom honom kör en gul bil förbi.",
        "Scenen utspelar sig i ett kök med vita skåp och ett stort fönster som vetter mot gatan.",
    ],
    "Danish or Norwegian": [
        "En mand i en rød frakke går gennem byen. Bag ham kører en gul bil forbi på vejen.",
        "En kvinne løfter koppen og smiler til kameraet mens det spilles rolig musikk på kjøkkenet.",
    ],
    "Finnish": ["Mies kävelee kaupungin läpi ja hänen takanaan ajaa keltainen auto, joka on hyvin vanha."],
    "Polish": ["Mężczyzna w czerwonym płaszczu idzie przez miasto, a za nim przejeżdża żółty samochód na moście."],
    "Czech": ["Muž v červeném kabátě jde městem a za ním projíždí žluté auto, které se na konci zastaví."],
    "Romanian": ["Un bărbat cu o haină roșie merge prin oraș, iar în spatele lui trece o mașină galbenă pe stradă."],
    "Hungarian": ["Egy piros kabátos férfi sétál a városban, és egy sárga autó halad el mögötte az úton."],
    "Turkish": ["Kırmızı paltolu bir adam şehirde yürüyor ve arkasından sarı bir araba geçiyor, müzik de çalıyor."],
    "Catalan": ["Un home amb un abric vermell camina per la ciutat i darrere seu passa un cotxe groc amb els llums."],
    "Tagalog": [
        "Isang lalaki na may pulang amerikana ang naglalakad sa lungsod at sa likod niya ay may dilaw na kotse."
    ],
    "Chinese": ["一个穿着红色外套的男人走在城市里。", "画面中，一名女子在厨房里微笑着对镜头说话，背景音乐很轻柔。"],
    "Japanese": ["赤いコートを着た男性が街を歩いています。", "女性がキッチンでカメラに向かって微笑みます。"],
    "Korean": ["빨간 코트를 입은 남자가 도시를 걷고 있고 그 뒤로 노란 차가 지나간다."],
    "a language in Cyrillic script": ["Мужчина в красном пальто идёт по городу. За ним проезжает жёлтая машина."],
    "a language in Arabic script": ["رجل يرتدي معطفا أحمر يمشي في المدينة وتمر خلفه سيارة صفراء."],
    "a language in Devanagari script": ["लाल कोट पहने एक आदमी शहर में चल रहा है और उसके पीछे एक पीली कार गुजरती है।"],
    "a language in Greek script": ["Ένας άντρας με κόκκινο παλτό περπατά στην πόλη και πίσω του περνά ένα αυτοκίνητο."],
    "a language in Thai script": ["ผู้ชายสวมเสื้อโค้ทสีแดงเดินผ่านเมืองและมีรถสีเหลืองขับผ่านไป"],
    "a language in Hebrew script": ["גבר במעיל אדום הולך בעיר ומאחוריו עוברת מכונית צהובה."],
}
UNNAMED = [
    "Mwanamume aliyevaa koti jekundu anatembea mjini huku gari la manjano likipita nyuma yake polepole sana barabarani",
    "Maður í rauðri kápu gengur um bæinn undir gulum ljósum gamalla húsa meðfram höfninni seint kvöldið fyrir jólin",
]
ENGLISH = [
    "A man in a red coat walks through the city. Behind him a yellow car passes.",
    'At 2s, the woman says, "Ich bin nicht von hier, und ich weiß nicht, wo der Bahnhof ist, aber er ist nah."',
    "The man says, “Un homme vêtu d'un manteau rouge traverse la ville avec des amis et une voiture.” He laughs.",
    'A caption reads "一个穿着红色外套的男人走在城市里" while a crowd cheers in the background.',
    "The sign 「北京烤鸭」 hangs over the door, and a cook waves at the camera.",
    "He shouts 'Vamos, que la noche es larga y el tren se va sin nosotros!' and runs off.",
    "Los Angeles, Las Vegas, Rio de Janeiro, Buenos Aires, La Paz, El Salvador and São Paulo are named.",
    "Steven Spielberg, Tom Hanks, Juan de la Cruz, Jean-Luc Godard, Lars von Trier, Vincent van Gogh.",
    "Red jacket, white sneakers, blue jeans, green bag, black cap, silver watch, brown belt, grey socks, pink scarf.",
    "5g fat, 0g cholesterol, 170mg sodium, 22g carbohydrates, 5g fiber, 5g sugars, 3g protein, 20mg calcium, 8mg iron.",
    "At 3s, 4s, 7s, 9s, 12s and 15s: 10, 20, 30, 40, 50, 60, 70, 80.",
    "Café owners, naïve façades, piñatas, jalapeños, a maître d' and an über-cool crème brûlée fill the scene.",
    "SALE! EVERYTHING MUST GO! 50% OFF! The text fills the screen in bold white letters.",
    "𝐓𝐡𝐞 𝐦𝐚𝐧 𝐢𝐧 𝐭𝐡𝐞 𝐫𝐞𝐝 𝐜𝐨𝐚𝐭 𝐰𝐚𝐥𝐤𝐬 𝐭𝐡𝐫𝐨𝐮𝐠𝐡 𝐭𝐡𝐞 𝐜𝐢𝐭𝐲.",
    "No speech or music can be heard in the clip.",
    "The dancers do the cha-cha, the pas de deux and the paso doble; the band plays La Bamba, then Ave Maria.",
    "A long caption. " * 20 + "Am Ende sagt er etwas, und die Musik ist nicht mehr zu hören.",
    "Wide shot, slow pan left, static camera, eye level, soft light, shallow focus, muted colours, handheld feel.",
    "",
    "!!! ... 123",
]
SHORT = ["Ein Mann mit Hut.", "北京烤鸭", "Un chien noir", "Да, конечно."]
MIXED = [
    "A man walks through the city. Dann hebt er den Becher und lächelt in die Kamera, während leise Musik spielt.",
    "一个穿着红色外套的男人走在城市里，背景音乐很轻柔。 The man then waves at the camera and leaves.",
    "The scene is a kitchen. La femme lève sa tasse et sourit à la caméra pendant qu'une musique se fait entendre.",
    "Person: ein Mann mit Hut\nKleidung: ein roter Mantel\nOrt: in der Stadt\nTon: leise Musik ist zu hören",
    '"Ein Mann in einem roten Mantel geht durch die Stadt, und hinter ihm fährt ein gelbes Auto vorbei."',
    "EIN MANN IN EINEM ROTEN MANTEL GEHT DURCH DIE STADT UND HINTER IHM FÄHRT EIN GELBES AUTO VORBEI.",
    "The clip, described: 女性がキッチンでカメラに向かって微笑みます。赤いコートを着た男性が街を歩いています。",
]
BENCHMARKS = Path(__file__).parents[2] / ".." / "shared" / "data" / "benchmarks"


def told(text: str) -> str:
    with pytest.raises(ChatError) as error:
        check_english(text)
    assert error.value.kind == "language"
    return str(error.value)


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language, texts in FOREIGN.items() for text in texts]
)
def test_a_reply_in_another_language_is_named(language: str, text: str) -> None:
    assert f"is in {language}, not in English" in told(text)


@pytest.mark.parametrize("text", [*UNNAMED, *MIXED])
def test_a_reply_that_is_not_english_throughout_is_refused(text: str) -> None:
    assert "not in English" in told(text)


@pytest.mark.parametrize("text", [*ENGLISH, *SHORT])
def test_english_passes_whatever_it_names_and_quotes(text: str) -> None:
    check_english(text)


def test_the_error_shows_the_foreign_passage() -> None:
    assert "'Dann hebt er den Becher" in told(MIXED[0])


def test_long_and_odd_texts_are_read_in_time() -> None:
    for text in ('"' * 20_000, "'" * 20_000, "‘a " * 10_000, "« " * 10_000, "a" * 100_000, "一" * 10_000):
        try:
            check_english(text)
        except ChatError as error:
            assert error.kind == "language"


@pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the published captions are not here")
def test_published_english_captions_pass() -> None:
    salmonn = json.loads((BENCHMARKS / "video_salmonn2_test.json").read_text("utf-8"))
    captions = [row["conversations"][1]["value"] for row in salmonn]
    refused = []
    for caption in captions:
        try:
            check_english(caption)
        except ChatError:
            refused.append(caption)
    assert len(captions) == 483 and refused == []
