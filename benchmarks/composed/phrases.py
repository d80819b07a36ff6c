"""Many ways to say each kind of fact. Bodies begin with a small letter, so that a time or a link may stand before them.

Braces: {who} the speaker; {qf} the quote closing the sentence, {qc} with a comma, {q} bare; {x} what is in view;
{new} what a new shot shows; {adv} and {adj} the speed; {d} and {o} a direction and its opposite; {place} and {colour}
of a title.
"""

from __future__ import annotations

VOICES = (
    "a man's voice",
    "a male narrator",
    "an off-screen man",
    "a male voice-over",
    "a man we never see",
    "an unseen narrator",
    "a calm male voice",
    "a man off camera",
)
VOICES_AGAIN = ("the narrator", "the same voice", "the man's voice", "the unseen man", "the voice-over", "the narrator")
READERS = ("an unseen reader", "a voice reading aloud", "a narrator", "an off-screen voice")
SPEAKERS = ("the man at the lectern", "the speaker", "the man in the striped tie", "the dark-haired speaker")

SPEECH = (
    "{who} says, {qf}",
    "{who} can be heard saying, {qf}",
    "the audio captures {who} saying, {qf}",
    "{qc} {who} remarks.",
    "{who} states, {qf}",
    "over the images {who} speaks: {qf}",
    "on the soundtrack, {who} announces: {qf}",
    "we hear {who} declare, {qf}",
    "the words {q} are spoken by {who}.",
    "{who} comments, {qf}",
    "the line {q} is delivered by {who} in an even tone.",
    "{who} utters the sentence {q} without raising the voice.",
    "the spoken audio is {q}, voiced by {who}.",
    "in the audio, {who} tells us, {qf}",
    "{q} is what {who} says at this point.",
    "accompanying the picture, {who} observes, {qf}",
    "{who} is heard with the words {qf}",
    "the soundtrack carries {who}, who says, {qf}",
    "{qc} says {who}, clearly and without haste.",
    "calmly, {who} says: {qf}",
)
SPEECH_ASKED = (
    "{who} asks, {qf}",
    "{who} can be heard asking, {qf}",
    "the audio has {who} asking, {qf}",
    "{q} {who} wants to know.",
    "the question {q} comes from {who}.",
    "over the images {who} asks: {qf}",
    "on the soundtrack, {who} wonders, {qf}",
    "{who} poses the question {q} in an even tone.",
    "we hear {who} inquire, {qf}",
    "{qf} asks {who}.",
    "in the audio, {who} raises the question, {qf}",
    "{q} is the question that {who} asks here.",
)
SPEECH_REPORTED = (
    "{who} explains that {r}.",
    "{who} mentions that {r}.",
    "{who} points out that {r}.",
    "in the audio, {who} tells us that {r}.",
    "according to {who}, {r}.",
    "{who} is heard saying that {r}.",
    "we learn from {who} that {r}.",
    "{who} notes that {r}.",
)
"""Near quotes without marks: {r} is the sentence itself."""

TITLE = (
    "the text {q} appears on screen{place}.",
    "a title reading {q} comes up{place}.",
    "the words {q} are displayed{place} in {colour} letters.",
    "{q} is written{place}.",
    "a caption that reads {q} is superimposed{place}.",
    "an overlay says {qf}",
    "{colour} lettering{place} spells out {qf}",
    "on-screen text reads {qf}",
    "the screen shows the words {q}{place}.",
    "we can read {q}{place}.",
    "{q} pops up in {colour}.",
    "a line of text, {qc} stands{place}.",
    "the phrase {q} is overlaid{place}.",
    "the title {q} is shown{place} in {colour} type.",
    "{colour} text{place} says {qf}",
    "the overlaid text reads {qf}",
    "superimposed on the picture are the words {qf}",
    "the viewer reads {q}{place}.",
)

BOTH = (
    "as the text {t} appears, {who} says, {qf}",
    "{who} says, {qc} while the words {t} are displayed.",
    "with {t} written on the screen, {who} says, {qf}",
    "the text {t} comes up and {who} can be heard saying, {qf}",
    "{who} speaks the words {q} as a title reading {t} is shown.",
    "while on-screen text reads {tc} {who} remarks: {qf}",
)
BOTH_ASKED = (
    "as the text {t} appears, {who} asks, {qf}",
    "with {t} written on the screen, {who} asks, {qf}",
    "{who} asks {q} as a title reading {t} is shown.",
)

CUT = (
    "the scene cuts to {new}.",
    "the video transitions to {new}.",
    "the view switches to {new}.",
    "a hard cut brings us to {new}.",
    "the shot changes to {new}.",
    "the scene shifts to {new}.",
    "there is a cut to {new}.",
    "the picture cuts abruptly to {new}.",
    "the film cuts to another shot, which shows {new}.",
    "the video cuts away to {new}.",
    "a new shot presents {new}.",
    "the next shot shows {new}.",
    "the scene changes, and {new} comes into view.",
    "the clip then cuts, revealing {new}.",
    "the edit takes us to {new}.",
    "with a cut we arrive at {new}.",
    "the scene transitions to {new}.",
)

MOVES: dict[str, tuple[str, ...]] = {
    "pan": (
        "the camera pans {adv} to the {d}",
        "the camera pans {d}",
        "the camera turns {adv} to the {d}",
        "the view pans {adv} to the {d}",
        "the camera sweeps {adv} to the {d}",
        "the camera swings {adv} to the {d}",
        "the shot pans {d}",
        "the camera pans {adv} from {o} to {d}",
        "the camera makes a {adj} pan to the {d}",
        "the camera performs a {adj} {d}ward pan",
        "the lens pans {adv} towards the {d}",
        "the camera glides to the {d} in a {adj} pan",
        "the camera pans {d} across the scene",
    ),
    "tilt": (
        "the camera tilts {adv} {d}",
        "the camera tilts {adv} {d}wards",
        "the view tilts {adv} {d}",
        "the shot tilts {d}",
        "the camera angles {adv} {d}wards",
        "the camera swings {adv} {d}wards",
        "the camera makes a {adj} tilt {d}",
        "the camera performs a {adj} {d}ward tilt",
        "the lens tilts {adv} {d}wards",
        "the camera tilts {d} along the scene",
        "the camera moves {d} in a {adj} tilt",
        "the camera {raises} its gaze in a {adj} tilt",
    ),
    "zoom_in": (
        "the camera zooms in {adv}",
        "the camera zooms in {adv} on {x}",
        "the view zooms in {adv}",
        "the shot zooms in on {x}",
        "the camera zooms {adv} in towards {x}",
        "the camera makes a {adj} zoom in",
        "the lens zooms in {adv}",
        "the camera pushes in {adv} on {x}",
        "the camera closes in {adv} on {x}",
        "the picture zooms in on {x}",
        "the camera moves {adv} closer to {x}",
        "the camera zooms closer to {x}",
    ),
    "zoom_out": (
        "the camera zooms out {adv}",
        "the camera zooms {adv} out from {x}",
        "the view zooms out {adv}",
        "the shot zooms out",
        "the camera makes a {adj} zoom out",
        "the lens zooms out {adv}",
        "the camera pulls back {adv}",
        "the camera pulls back {adv} from {x}",
        "the picture zooms out",
        "the camera zooms out, showing more of the surroundings",
        "the camera zooms out {adv} to reveal more of the scene",
        "the camera moves {adv} away from {x}",
    ),
}
MOVE_NOUNS: dict[str, tuple[str, ...]] = {
    "pan": ("a {adj} pan to the {d}", "a {d}ward pan", "a {adj} {d}ward pan of the camera", "a pan from {o} to {d}"),
    "tilt": ("a {adj} tilt {d}", "a {adj} {d}ward tilt", "a {d}ward tilt of the camera"),
    "zoom_in": ("a {adj} zoom in", "a {adj} zoom in on {x}", "a {adj} inward zoom"),
    "zoom_out": ("a {adj} zoom out", "a {adj} outward zoom", "a zoom out"),
}
MOVE_NOUN_FRAMES = (
    "there is {n}.",
    "{n} follows.",
    "{n} shifts what can be seen.",
    "the camera work consists of {n}.",
    "{n} alters the framing.",
)

STATIC = (
    "the camera remains static.",
    "the camera does not move.",
    "the camera stays completely still.",
    "the camera holds its position.",
    "the camera is locked off.",
    "the scene is filmed with a fixed camera.",
    "there is no camera movement.",
    "the camera keeps perfectly still.",
    "everything is recorded by a stationary camera.",
    "the camera rests on the scene without moving.",
    "the footage comes from a static camera.",
    "the camera never moves.",
    "no pan, tilt or zoom disturbs the view.",
)
TAKE = (
    "the clip is a single continuous take.",
    "the whole clip unfolds in one uninterrupted shot.",
    "there are no cuts.",
    "the clip was filmed in one take without any cut.",
    "the video consists of a single unbroken shot.",
    "no cut interrupts the clip.",
    "everything is shown in one continuous shot.",
    "the action plays out without a single cut.",
    "the clip contains no scene changes.",
    "the clip is one long, unedited take.",
    "from beginning to end we stay within the same shot.",
    "the footage is one continuous shot without cuts.",
)
MUSIC = (
    "instrumental music plays in the background.",
    "music accompanies the pictures.",
    "an instrumental piece plays from start to finish.",
    "background music can be heard.",
    "the soundtrack includes music.",
    "a tune plays underneath.",
    "the scene is underscored by music.",
    "instrumental music fills the background.",
    "the audio features an instrumental melody.",
    "music sets the tone.",
    "music runs underneath the pictures.",
    "an instrumental melody is heard.",
    "the images are set to music.",
)
SILENCE = (
    "the clip has no sound.",
    "the video is completely silent.",
    "there is no audio at all.",
    "no sound accompanies the pictures.",
    "the soundtrack is silent.",
    "not a sound is heard.",
    "everything happens in complete silence.",
    "the clip plays without sound.",
    "no sound of any kind can be heard.",
    "the images are shown in total silence.",
    "there is silence from beginning to end.",
    "there is neither speech nor music to be heard.",
    "the audio is silent.",
)
NO_SPEECH = (
    "nobody speaks.",
    "no one says a word.",
    "there is no dialogue.",
    "no speech is heard.",
    "no words are spoken.",
    "there is neither dialogue nor narration.",
    "the clip contains no spoken words.",
    "nothing is said.",
    "no voice is heard.",
    "there is no narration.",
    "the scene goes without dialogue.",
    "not a single word is spoken.",
)
NO_TEXT = (
    "no text appears on the screen.",
    "there is no on-screen text.",
    "no captions or titles are shown.",
    "the picture carries no text.",
    "no words are written on the picture.",
    "there are no text overlays.",
    "the clip contains no written words.",
    "no title is displayed.",
    "not a single line of text is shown.",
    "the screen stays free of text.",
    "there are neither titles nor subtitles.",
    "no graphics or text are superimposed.",
)
DARK = (
    "the picture is very dark.",
    "the scene is dimly lit.",
    "the lighting is low and gloomy.",
    "darkness dominates the image.",
    "the image is dark throughout.",
    "the whole scene lies in near darkness.",
    "the image is heavily underexposed.",
    "the scene is shrouded in darkness.",
    "the lighting is very dim.",
    "the video is so dark that details are hard to make out.",
    "the scene takes place in the dark.",
    "dim light leaves most of the picture in the dark.",
)
BRIGHT = (
    "the scene is brightly lit.",
    "bright light fills the picture.",
    "the lighting is bright.",
    "the image is flooded with light.",
    "the scene is bathed in bright light.",
    "the picture is very bright.",
    "the image is bright throughout.",
    "bright daylight fills the scene.",
    "the whole scene is brilliantly illuminated.",
    "the lighting is bright and even.",
    "the video is light and bright.",
    "the exposure is bright.",
)
FALSE_SOUNDS = (
    "soft piano music plays in the background.",
    "birds chirp in the background.",
    "cheerful music accompanies the pictures.",
    "the sound of the wind can be heard.",
    "footsteps are audible.",
    "a dog barks in the distance.",
    "an engine roars loudly.",
    "upbeat background music is heard.",
    "the audio features the sound of rushing water.",
    "a crowd can be heard cheering.",
    "gentle guitar music plays.",
    "a bell rings in the distance.",
    "applause can be heard.",
    "a woman sings softly.",
)
FALSE_SPEECH = (
    "a man talks about his plans for the weekend.",
    "a woman's voice explains what is happening.",
    "the narrator describes the scene in detail.",
    "two people can be heard talking to each other.",
    "a male voice gives instructions to the viewer.",
    "a woman speaks excitedly about what she sees.",
    "a voice-over comments on the events.",
    "someone is heard telling a story.",
    "a child asks several questions.",
    "a man speaks to the audience in a deep voice.",
    "a female narrator introduces the topic.",
    "a reporter talks about the latest news.",
)
"""Speech claimed where there is none: at the end of the sentence a quote may follow instead."""

SLOW, QUICK, SMOOTH = ("slowly", "gently", "gradually"), ("quickly", "swiftly"), ("smoothly", "steadily", "")
SLOW_ADJ, QUICK_ADJ, SMOOTH_ADJ = ("slow", "gentle", "gradual"), ("quick", "swift"), ("smooth", "steady")
