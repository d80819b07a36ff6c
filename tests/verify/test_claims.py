"""Claims in free prose: what is one, of which kind and value, whose words, at what time; and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asid_hf.schema import CAMERA_MOTIONS, LIGHT_LEVELS
from asid_hf.verify.claims import CLAIM_KINDS, Claim, parse_claims
from asid_hf.verify.sentences import split_sentences

VALUES = {
    "speech": {"quote", "reported"},
    "screen_text": {"quote", "present"},
    "camera": {*CAMERA_MOTIONS, "pan", "tilt", "zoom", "framing"},
    "cut": {"cut", "single_take"},
    "sound": {"silence", "music", "singing", "other", "any"},
    "light": set(LIGHT_LEVELS),
    "time": {"point", "range", "duration"},
}
PIECES = "The camera pans left |At 3s, |he says, \"|\"|'|the text reads '|No music |. |, |and |cuts to |\n|“|”|`".split(
    "|"
)


def of_kind(text: str, kind: str) -> list[Claim]:
    return [claim for claim in parse_claims(text) if claim.kind == kind]


def values(text: str, kind: str) -> list[str]:
    return [("not " if claim.negated else "") + claim.value for claim in of_kind(text, kind)]


def quotes(text: str, kind: str) -> list[str | None]:
    return [claim.quote for claim in of_kind(text, kind)]


@pytest.mark.parametrize(
    ("text", "motions"),
    [
        ("The camera pans from left to right across the room.", ["pan_right"]),
        ("The camera sweeps from right to left, rising above the trees.", ["pan_left", "tilt_up"]),
        ("The camera pans to the right.", ["pan_right"]),
        ("At 3s, the camera slowly pans left to reveal a door.", ["pan_left"]),
        ("The camera pans across the table.", ["pan"]),
        ("The view pans left and then right.", ["pan"]),
        ("The camera pans side to side.", ["pan"]),
        ("A slow pan to the left shows the lake.", ["pan_left"]),
        ("The camera tilts upward, then tilts down.", ["tilt_up", "tilt_down"]),
        ("The view tilts down slightly and pans right to follow the cyclist.", ["tilt_down", "pan_right"]),
        ("The camera zooms out to show the crowd, pulls back, then pushes in on her face.",
         ["zoom_out", "zoom_out", "zoom_in"]),
        ("The camera dollies forward.", ["zoom_in"]),
        ("The camera moves backward as the couple walks toward it.", ["zoom_out"]),
        ("In the hallway, the camera glides left.", ["pan_left"]),
        ("The camera whips to the right.", ["pan_right"]),
        ("The camera remains still.", ["static"]),
        ("The camera stays mostly static.", ["static"]),
        ("The shot is completely static throughout.", ["static"]),
        ("A fixed camera films the stage.", ["static"]),
        ("The camera does not move.", ["static"]),
        ("It is filmed with no camera movement.", ["static"]),
        ("The footage is handheld and shaky.", ["shake"]),
        ("The camera shakes as he runs.", ["shake"]),
        ("The camera never pans.", ["not pan"]),
        ("The camera is not static.", ["not static"]),
        ("A swift downward tilt shows his shoes.", ["tilt_down"]),
        ("It ends on a slow outward zoom.", ["zoom_out"]),
        ("A slow sweep from right to left follows.", ["pan_left"]),
        ("The camera lifts its gaze to the roof.", ["tilt_up"]),
        ("The lens points downwards.", ["tilt_down"]),
        ("The view swings gently round to the left.", ["pan_left"]),
        ("As the man sits down by the river, it slowly zooms in.", ["zoom_in"]),
        ("There is neither pan nor tilt.", ["static"]),
    ],
)  # fmt: skip
def test_camera_moves_have_their_direction(text: str, motions: list[str]) -> None:
    assert [value for value in values(text, "camera") if value != "framing"] == motions


@pytest.mark.parametrize(
    "text",
    [
        "A close-up of a bee.",
        "It opens with a wide shot of a market.",
        "A low-angle view emphasizes his height.",
        "The camera follows the runner.",
        "The camera focuses on her hands.",
        "The aerial footage shows a lake.",
        "The man drops out, and the camera shifts, lingering.",
        "The path is seen from the rider's perspective.",
        "The camera homes in on the lock.",
        "The clip captures the jump from different angles.",
        "As the woman knits, the shot stays close, focusing on her thumbs.",
    ],
)
def test_angles_sizes_and_focus_are_framing(text: str) -> None:
    assert values(text, "camera") == ["framing"]


@pytest.mark.parametrize(
    "text",
    [
        "She looks at the camera and smiles.",
        "The man zooms past on a bike.",
        "He fries eggs in a pan and washes the pots and pans.",
        "He pans for gold. The critic pans the film.",
        "The plan pans out well.",
        "The boy tilts his head.",
        "The picture is tilted.",
        "He focuses on his work.",
        "His voice is shaky and his hands shake.",
        "She holds a handheld showerhead.",
        "The player takes a long shot and scores.",
        "He orders a shot of espresso.",
        "The camera on the table is black.",
        "They join a Zoom meeting.",
        "He turns the vase, showing it from different angles.",
        "The woman works on the clay, focusing on the rim.",
        "The video explores life at sea, focusing on its hardships.",
    ],
)
def test_what_only_sounds_like_a_camera_is_none(text: str) -> None:
    assert values(text, "camera") == []


def test_an_angle_and_what_it_focuses_on_are_two_claims() -> None:
    assert values("Next, an aerial view focuses on the harbour.", "camera") == ["framing", "framing"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The scene cuts to a beach.", ["cut"]),
        ("In the next shot, a dog appears.", ["cut"]),
        ("The video then transitions seamlessly to a kitchen.", ["cut"]),
        ("Transitioning to the garden, a boy appears.", ["cut"]),
        ("The screen fades to black.", ["cut"]),
        ("There is a jump cut at 4s.", ["cut"]),
        ("The attention shifts to a dog.", ["cut"]),
        ("It is filmed in one unbroken take.", ["single_take"]),
        ("In a single continuous shot, a man walks.", ["single_take"]),
        ("It is filmed without a single cut.", ["not cut"]),
        ("There are no cuts.", ["not cut"]),
        ("With a cut we are at the harbour.", ["cut"]),
        ("A close-up of a hand on a rope transitions to a boat.", ["cut"]),
        ("The man holds up a shirt, then transitions to a close-up of its seam.", ["cut"]),
        ("The focus returns to the boat.", ["cut"]),
        ("The focus is once again on the boat.", ["cut"]),
        ("The screen briefly goes black.", ["cut"]),
        ("This is followed by a grey title screen.", ["cut"]),
        ("A harbour scene follows.", ["cut"]),
        ("A return to the boat shows him rowing.", ["cut"]),
        ("The scene further transitions to a pier.", ["cut"]),
    ],
)
def test_cuts_and_their_absence(text: str, expected: list[str]) -> None:
    assert values(text, "cut") == expected


@pytest.mark.parametrize(
    "text",
    [
        "She cuts a slice of bread.",
        "The beam cuts through the rain.",
        "Her tone shifts from calm to excited.",
        "The text changes to a list.",
        "The emoji transitions to a frown.",
        "He takes one shot of tequila.",
        "A single shot rings out.",
        "His smile fades to a frown.",
        "The traffic light changes to green.",
        "The man transitions to a handstand.",
        "The text in blue, transitioning to the words below, fills the screen.",
        "The narrative shifts to emphasize his courage.",
        "The audio transitions to a deep voice.",
        "A bang follows.",
        "The camera moves to the fountain.",
        "The cutter slices the rope with a clean cut.",
        "This talk marks a shift from tension to calm.",
        "The camera shifts, and he waves.",
        "At 3s, a steady zoom in on the middle of the scene follows.",
    ],
)
def test_what_only_sounds_like_a_cut_is_none(text: str) -> None:
    assert values(text, "cut") == []


@pytest.mark.parametrize(
    "text",
    [
        "In the next scene, the view shifts to a beach.",
        "Transitioning to the next scene, a boy rows.",
        "The film cuts to another shot, which shows a pier.",
        "The following frame transitions to a map.",
    ],
)
def test_neighbouring_words_for_one_change_are_one_cut(text: str) -> None:
    assert values(text, "cut") == ["cut"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('The words "Hello World" appear at the bottom.', ["Hello World"]),
        ('A sign that says "EXIT" hangs above the door.', ["EXIT"]),
        ("A title reading Welcome Home appears.", ["Welcome Home"]),
        ("A sign reads NO ENTRY above the door.", ["NO ENTRY"]),
        ("The video is titled 'Ten Tips'.", ["Ten Tips"]),
        ("The 'Next' button is clicked.", ["Next"]),
        ("Options like 'Dynamic,' 'Fun,' and 'Playful' appear.", ["Dynamic,", "Fun,", "Playful"]),
        ("A bottle labeled ‘Rum’ stands there.", ["Rum"]),
        ('The text "Hi" changes to "Bye" in white letters.', ["Hi", "Bye"]),
        ('A speech bubble says "Help!".', ["Help!"]),
        ("A timer shows 0:45.", ["0:45"]),
        ("A child holds a card with text at the top reading 'ONE MORE'.", ["ONE MORE"]),
        ('The remark above his head changes to "Still hungry," in a small box.', ["Still hungry,"]),
        ("The sign reads 'Salida' (\"exit this way\").", ["Salida"]),
    ],
)
def test_words_on_screen(text: str, words: list[str]) -> None:
    assert quotes(text, "screen_text") == words
    assert quotes(text, "speech") == []


@pytest.mark.parametrize(
    ("text", "words", "speaker"),
    [
        ('The man in the red hat then says, "Let\'s go" in a loud voice.', "Let's go", "the man"),
        ('"I almost landed on it," the man confesses.', "I almost landed on it,", "the man"),
        ('"Go home," says the old man.', "Go home,", "the old man"),
        ('We hear an off-screen woman declare, "It is late."', "It is late.", "an off-screen woman"),
        ("A woman whispers: 'Don't tell anyone.'", "Don't tell anyone.", "a woman"),
        ("He says “Hello there”.", "Hello there", "he"),
        ("«Bonjour», says the chef.", "Bonjour", "the chef"),
        ('The audio continues, "And now the oven."', "And now the oven.", None),
        ('A man\'s voice is heard saying, "Stop it."', "Stop it.", "a man's voice"),
        ('The man says"Come in.', "Come in.", "the man"),
        ('He mouths the words "thank you".', "thank you", None),
        ("The man says,''Come in.''", "Come in.", "the man"),
        (
            'After some typing the chef concurs, "It is typical of the region."',
            "It is typical of the region.",
            "the chef",
        ),
    ],
)
def test_words_spoken_and_by_whom(text: str, words: str, speaker: str | None) -> None:
    (claim,) = of_kind(text, "speech")
    assert (claim.quote, claim.speaker) == (words, speaker)
    assert of_kind(text, "screen_text") == []


def test_the_words_around_a_quotation_tell_speech_from_text() -> None:
    text = 'A woman says "Stop!" while a sign behind her reads "STOP HERE" and subtitles show "Stop".'
    assert quotes(text, "speech") == ["Stop!"]
    assert quotes(text, "screen_text") == ["STOP HERE", "Stop"]


def test_a_text_shows_what_a_person_would_say() -> None:
    assert quotes('The text at the top explains, "Fold it."', "screen_text") == ["Fold it."]
    assert quotes('The man with the text on his cap explains, "Fold it."', "speech") == ["Fold it."]


@pytest.mark.parametrize(
    "text",
    [
        'The man nicknamed "Doc" smiles at the so-called "party".',
        'The "hot tub" is in fact a bucket.',
        'He calls it "the best day" ever.',
        'She performs "Hey Jude".',
        'A dog named "Rex" sleeps.',
        'A pack of canvases from "The Loft" stands there.',
    ],
)
def test_a_quotation_that_is_neither_said_nor_shown_is_no_claim(text: str) -> None:
    assert [claim for claim in parse_claims(text) if claim.quote] == []


def test_a_quotation_over_several_sentences_gives_a_claim_in_each() -> None:
    text = "At 4s, the host shouts, 'We did it! I can't believe it. Thanks.' and bows."
    claims = of_kind(text, "speech")
    assert [claim.quote for claim in claims] == ["We did it!", "I can't believe it.", "Thanks."]
    assert {claim.speaker for claim in claims} == {"the host"}
    assert {claim.time for claim in claims} == {(4.0, 4.0)}


def test_nothing_is_claimed_by_what_is_quoted() -> None:
    text = 'He says, "The camera pans left at 3s, no music plays, and the screen fades to black."'
    assert [claim.kind for claim in parse_claims(text)] == ["speech"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A narrator explains how bread is made.", ["reported"]),
        ("Two men talk in the kitchen.", ["reported"]),
        ("No one speaks.", ["not reported"]),
        ("Without any dialogue, he leaves.", ["not reported"]),
        ("The text overlay explains the recipe.", []),
        ("The picture speaks for itself.", []),
        ("He remains silent.", []),
        ("No words are spoken.", ["not reported"]),
        ("A woman we never see says that it rains.", ["reported"]),
        ("The woman addresses the camera.", ["reported"]),
        ("The two engage in a heated argument.", ["reported"]),
        ("This dialogue ends the film.", ["reported"]),
        ("The narrator points out that bread needs time.", ["reported"]),
        ("A man in a white shirt, still at the desk, continues to speak.", ["reported"]),
        ("The voice adds that bread needs time.", ["reported"]),
        ("The audio reveals a man talking about bread.", ["reported"]),
        ("The audio reveals soft music.", []),
        ("The arrangement suggests that more will happen.", []),
        ("He closes the book, suggesting that he is tired.", []),
        ("The text 'REST IT' explains the step.", []),
        ("He answers a ringing phone.", []),
        ("She asks for likes in the comments section.", ["reported"]),
    ],
)
def test_speech_without_its_words(text: str, expected: list[str]) -> None:
    assert values(text, "speech") == expected


def test_a_voice_that_tells_something_is_whose_it_is() -> None:
    (claim,) = of_kind("A tired narrator explains how bread is made.", "speech")
    assert (claim.span, claim.speaker) == ("narrator explains", "a tired narrator")


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("The baker introduces her oldest recipe.", "introduces"),
        ("A nurse reassures the child.", "reassures"),
        ("The gardener gives short instructions.", "gives short instructions"),
        ("Two neighbours engage in a loud argument.", "engage in a loud argument"),
        ("Gentle piano accompanies his calm explanation.", "his calm explanation"),
        ("The coach goes into the details of the throw.", "goes into the details"),
        ("He lifts the glass and repeats the question.", "repeats the question"),
        ("The audio advocates cold showers.", "advocates"),
    ],
)
def test_verbs_and_nouns_of_speaking_are_speech(text: str, span: str) -> None:
    assert [claim.span for claim in of_kind(text, "speech")] == [span]


@pytest.mark.parametrize(
    "text",
    [
        "The leaflet introduces the club.",
        "The stickers have been placed with inviting colours.",
        "It is worth mentioning that the room is empty.",
        "Her skin tone is warm.",
        "The answer is seen as their reply is shown on screen.",
        "She carves the lines of the leaf.",
    ],
)
def test_what_no_one_says_aloud_is_no_speech(text: str) -> None:
    assert of_kind(text, "speech") == []


def test_a_new_statement_behind_a_quotation_is_speech_of_its_own() -> None:
    text = 'He says, "`Mind the step.`" His voice is hoarse, and she nods.'
    assert [claim.value for claim in of_kind(text, "speech")] == ["quote", "reported"]
    assert [claim.value for claim in of_kind('"`Mind the step.`" The guide says.', "speech")] == ["quote"]


def test_a_participle_goes_on_with_the_same_speech() -> None:
    assert len(of_kind("The potter narrates the glazing, explaining how long it dries.", "speech")) == 1


def test_a_verb_denied_to_somebody_else_does_not_deny_a_quotation() -> None:
    assert [claim.negated for claim in of_kind('The girl without gloves says, "Cold!"', "speech")] == [False]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The list shows boxes of 'Peas,' 'Corn,' and 'Rice' beside a pan.", ["Peas,", "Corn,", "Rice"]),
        ('A folder named "Invoices" opens.', ["Invoices"]),
        ("Beside it, 'Rome' is typed.", ["Rome"]),
        ("The file is renamed to 'Spring Plan'.", ["Spring Plan"]),
        ("The menu mentions 'Onion Soup' for lunch.", ["Onion Soup"]),
        ("Then, red text on the wall says 'Be kind!' again.", ["Be kind!"]),
        ("He grins, and 'Yum!' with a heart emoji pops up.", ["Yum!"]),
    ],
)
def test_labels_lists_and_entries_are_words_on_screen(text: str, words: list[str]) -> None:
    assert (quotes(text, "screen_text"), quotes(text, "speech")) == (words, [])


def test_the_audio_before_a_colon_speaks() -> None:
    assert (
        quotes('The audio praises the oven as an option: "It bakes bread well."', "speech")[-1]
        == "It bakes bread well."
    )


def test_a_cry_with_which_somebody_answers_is_said() -> None:
    assert quotes('The clerk responds with a weary "OH NO..."', "speech") == ["OH NO..."]


def test_a_thing_that_is_introduced_by_its_name_is_not_quoted() -> None:
    assert quotes("She introduces 'Crisp Rye Bread' to us.", "speech") == [None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A distant tractor can be heard.", ["other"]),
        ("The audio captures a gate opening and closing.", ["other"]),
        ("He answers with a short chuckle.", ["other"]),
        ("A sailor can be heard speaking.", []),
        ("She clicks the blue link.", []),
    ],
)
def test_what_can_be_heard_is_a_sound_unless_somebody_speaks(text: str, expected: list[str]) -> None:
    assert values(text, "sound") == expected


@pytest.mark.parametrize(
    "text",
    [
        "We return to the harbour.",
        "The shot blends softly into a field of snow.",
        "The clip shows a stove before returning to the indoor scene.",
        "The video shows a kettle, then back to the cook.",
    ],
)
def test_going_on_to_another_picture_is_a_cut(text: str) -> None:
    assert values(text, "cut") == ["cut"]


def test_the_verb_that_introduces_a_quotation_is_no_second_claim() -> None:
    assert values('The narrator explains, "Now stir."', "speech") == ["quote"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A subtitle appears.", ["present"]),
        ("There are no subtitles.", ["not present"]),
        ("No text appears on screen.", ["not present"]),
        ("He sends a text message and opens a textbook.", []),
        ("He texts her.", []),
        ("A text box explains the rule.", ["present"]),
    ],
)
def test_text_without_its_words(text: str, expected: list[str]) -> None:
    assert values(text, "screen_text") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("In complete silence, the woman walks.", ["silence"]),
        ("Soft piano music plays.", ["music"]),
        ("No music plays.", ["not music"]),
        ("The music is not heard.", ["not music"]),
        ("There is no audio.", ["not any"]),
        ("The video has no sound.", ["not any"]),
        ("Mechanical noise is heard.", ["other"]),
        ("A loud bang follows.", ["other"]),
        ("A choir sings.", ["singing"]),
        ("Birds chirp as a dog barks.", ["other", "other"]),
        ("The music stand is empty.", []),
        ("A silent film style is used.", []),
        ("The box sounds hollow.", []),
        ("A musical instrument hangs on the wall.", []),
        ("A loud guitar solo follows.", ["music"]),
        ("It is a boat with a sound system and a sound analysis.", []),
        ("No sound of any kind can be heard.", ["not any"]),
        ("The view moves to the sound of a knife on stone.", ["other"]),
        ("He talks, followed by coughing sounds.", ["other"]),
        ("The children laugh, and the crowd continues to cheer.", ["other", "other"]),
        ("The click of a mouse is heard.", ["other"]),
        ("A laughing emoji appears.", []),
        ("The market buzzes with activity.", []),
        ("He fine-tunes the engine.", []),
    ],
)
def test_sounds_and_their_absence(text: str, expected: list[str]) -> None:
    found = values(text, "sound")
    assert (found[:1] if text.startswith("A choir") else found) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The dimly lit room is empty.", ["dim"]),
        ("Bright daylight fills the kitchen.", ["bright"]),
        ("The screen goes dark.", ["dark"]),
        ("The room is dark.", ["dark"]),
        ("The lighting remains warm and bright.", ["bright"]),
        ("A well-lit studio is seen.", ["normal"]),
        ("He wears a dark jacket and has a bright smile.", []),
        ("A dark blue car stands before a dark background.", []),
        ("A bright idea occurs to him.", []),
        ("The dark chocolate melts.", []),
        ("A dimly lit sign hangs there.", []),
    ],
)
def test_light_is_a_statement_about_the_picture(text: str, expected: list[str]) -> None:
    assert values(text, "light") == expected


def test_music_before_a_quotation_is_a_sound_of_its_own() -> None:
    text = 'The audio has background music: "Now fold the paper." He sighs, "Again."'
    assert values(text, "sound") == ["music"]


def test_the_anchor_before_a_claim_or_right_behind_it_governs_it() -> None:
    text = 'From 3s to 5s, noise is heard; the man says "Go" at 7s and the dog barks at 8s.'
    found = {claim.kind: claim.time for claim in parse_claims(text) if claim.kind != "time"}
    assert found["speech"] == (7.0, 7.0)
    assert [claim.time for claim in of_kind(text, "sound")] == [(3.0, 5.0), (8.0, 8.0)]


def test_an_anchor_of_an_earlier_sentence_governs_nothing() -> None:
    (claim,) = of_kind("At 3s, he sits. Music plays.", "sound")
    assert claim.time is None


def test_a_time_that_only_ends_something_governs_nothing() -> None:
    (claim,) = of_kind("There is no speech until 5s.", "speech")
    assert claim.negated and claim.time is None


def test_claims_come_in_order_with_verbatim_spans() -> None:
    text = 'Wide shot. At 2s, the camera pans left — "No!" she cries — and music plays.\nThe scene cuts to black.'
    claims = parse_claims(text)
    assert [claim.start for claim in claims] == sorted(claim.start for claim in claims)
    assert all(text[claim.start : claim.end] == claim.span for claim in claims)
    assert {claim.kind for claim in claims} >= {"camera", "time", "speech", "sound", "cut"}


@given(
    st.text(max_size=200)
    | st.text(alphabet="The camera pans 3s.\"'“”‘’`«» says: text reads no music\nİß", max_size=200)
    | st.lists(
        st.sampled_from(PIECES),
        max_size=30,
    ).map("".join)
)
def test_any_text_gives_sound_claims(text: str) -> None:
    sentences = split_sentences(text)
    for claim in parse_claims(text):
        assert claim.kind in CLAIM_KINDS
        assert claim.value in VALUES[claim.kind]
        assert text[claim.start : claim.end] == claim.span != ""
        assert any(one.start <= claim.start and claim.end <= one.end for one in sentences)


@pytest.mark.parametrize(
    "unit", ['"a ', "'a ", "the camera pans ", 'he says "no" ', ". ", "At 3s, music ", "a", "text reads THE "]
)
def test_hostile_text_of_any_length_is_read(unit: str) -> None:
    text = (unit * 60_000)[:60_000]
    assert all(text[claim.start : claim.end] == claim.span for claim in parse_claims(text))


@pytest.mark.timeout(20)  # where time grew with the square of the length, this would take minutes
def test_long_prose_is_read() -> None:
    paragraph = (
        'At 3s, the camera pans left. He says, "Hi." ' + "The brown dog runs over the green grass of the park. " * 80
    )
    text = (paragraph.strip() + "\n") * 60
    claims = parse_claims(text)
    assert len(text) > 250_000
    assert len(claims) == 3 * 60
    assert claims[-1].span == text[claims[-1].start : claims[-1].end] == "Hi."
