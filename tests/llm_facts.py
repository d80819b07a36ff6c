"""What can be true of a simulated clip: slots with their possible values, each said by three sentences.

A line of the table is `name | value; value; ... | wording | wording | wording`; `@` before a name means that the fact
has a time, `{}` in a wording stands for the value. Wordings begin in lower case, so that a time can stand before them.
Camera moves, cuts, light, text on screen and what is said have the measured annotator's own sentence as their first
wording, so that measured facts and told ones are the same facts.
"""

from __future__ import annotations

from dataclasses import dataclass

_TABLE = """
scene.place | kitchen; harbour; library; mountain valley | the clip is set in a {}. | everything takes place in a {}. | a {} forms the setting of the clip.
scene.season | spring; summer; autumn; winter | the surroundings show that it is {}. | outside it is clearly {}. | the season appears to be {}.
scene.hour | early morning; late morning; early afternoon; late afternoon | the hour is that of the {}. | everything happens in the {}. | by the look of the sky it is {}.
scene.weather | steady rain; heavy snow; thick fog; strong wind | outside there is {}. | the weather brings {}. | beyond the window {} can be made out.
scene.floor | wooden boards; grey tiles; wet asphalt; short grass | the ground is covered with {}. | underfoot there is nothing but {}. | people walk over {} in this place.
scene.walls | bare brick; white plaster; green paint; blue wallpaper | the walls are finished in {}. | all around, the walls show {}. | the walls at the back have {}.
scene.background | passing trams; parked bicycles; moored boats; grazing sheep | the background holds {}. | behind everything there are {}. | far behind, {} can be made out.
scene.plants | palm trees; pine trees; rose bushes; tall reeds | {} grow along the edge of the place. | the place is lined with {}. | at its border stand {}.
scene.size | cramped; spacious; long and narrow; round | as a space, the setting is {}. | the surroundings feel {}. | the area that can be seen is {}.
scene.filling | almost empty; half full; crowded; deserted | the location is {}. | one finds the location {}. | during the clip the location is {}.
scene.roof | a glass roof; wooden beams; a striped awning; hanging cables | overhead there is {}. | above the people one sees {}. | the top of the place is closed by {}.
scene.furniture | long benches; metal shelves; small round tables; wicker chairs | the place is furnished with {}. | {} stand about in the place. | its furniture consists of {}.
characters.number | one person; two people; three people; a group of seven people | {} can be seen in the clip. | the clip shows {}. | in the picture one counts {}.
characters.age | twenty; thirty; fifty; seventy | the main figure is about {} years old. | one would take the main figure for {} years of age. | the main figure looks roughly {}.
characters.job | baker; sailor; nurse; carpenter | the main figure works as a {}. | by the clothes the main figure is a {}. | the main figure appears to be a {}.
characters.hair | short black hair; long red hair; curly grey hair; a shaved head | the main figure has {}. | the hair stands out: {}. | one notices {} on the main figure.
characters.coat | a yellow raincoat; a blue overall; a white apron; a leather jacket | the main figure wears {}. | the main figure is dressed in {}. | for clothes the main figure has {}.
characters.hat | a straw hat; a woollen cap; a hard hat; a red headscarf | on the head there is {}. | the main figure's head is covered by {}. | the outfit is completed by {}.
characters.animal | a brown dog; a tabby cat; a white goat; two pigeons | {} keeps the main figure company. | near the main figure there is {}. | as for animals, one sees {}.
characters.vehicle | a delivery van; an old tractor; a cargo bicycle; a fishing boat | {} belongs to the people here. | the people have come with {}. | at the side waits {}.
characters.build | tall and thin; short and sturdy; broad-shouldered; slightly stooped | in build the main figure is {}. | the main figure is {} in stature. | physically the main figure comes across as {}.
characters.glasses | round glasses; sunglasses; safety goggles; a monocle | the main figure has {} on. | the eyes are behind {}. | the main figure's face carries {}.
characters.second | an old neighbour; a teenage boy; a woman in a wheelchair; a young mother | the second figure is {}. | beside the main figure one sees {}. | the companion is {}.
characters.posture | with crossed arms; leaning on one leg; with hands in the pockets; bolt upright | the main figure stands {}. | the posture is plain: {}. | most of the time the main figure waits {}.
objects.table | a wooden crate; a steel bucket; a wicker basket; a cardboard box | {} stands in the foreground. | in front one sees {}. | closest to the viewer is {}.
objects.colour | red; blue; green; yellow | the largest object is painted {}. | {} is the colour of the largest object. | the largest object has a coat of {} paint.
objects.tool | a hammer; a paint brush; a garden fork; a screwdriver | {} lies within reach. | among the tools there is {}. | as a tool one makes out {}.
objects.food | a loaf of bread; a bowl of cherries; a whole fish; a round cheese | {} is laid out. | there is {} to eat. | the food that can be seen is {}.
objects.vessel | a glass jug; a copper kettle; a clay pot; a tin cup | {} is placed at the left. | at the left edge stands {}. | on the left side one finds {}.
objects.right | a stack of books; a coil of rope; a potted plant; a folded blanket | {} is placed at the right. | at the right edge lies {}. | on the right side one finds {}.
objects.state | brand new; badly worn; freshly washed; covered in dust | the equipment is {}. | all the equipment looks {}. | in condition the equipment is {}.
objects.material | oak; iron; plastic; marble | the counter is made of {}. | {} is what the counter consists of. | the counter's material is {}.
objects.lamp | a paper lantern; a desk lamp; a hanging bulb; a storm lantern | {} hangs or stands near the middle. | near the middle there is {}. | the middle is marked by {}.
objects.number | four; five; six; nine | there are {} identical bottles. | one counts {} bottles of the same kind. | the bottles of one kind number {}.
objects.clock | a pocket watch; a wall calendar; an old radio; a brass bell | {} can be found on the shelf. | on the shelf one notices {}. | the shelf carries {}.
@objects.sign | OPEN DAILY; PLATFORM FOUR; FRESH BREAD; NO PARKING | the text "{}" appears at the bottom of the picture. | a sign reading "{}" comes into view. | the text "{}" can be read on a board.
@actions.lift | lifts the load; drops the load; turns the load over; ties up the load | the main figure {}. | one sees how the main figure {}. | with both hands the main figure {}.
@actions.walk | to the left; to the right; towards the door; up the stairs | the main figure walks {}. | steps lead the main figure {}. | the main figure moves {} on foot.
@actions.sit | sits down; stands up; kneels; lies down | the second figure {}. | the companion visibly {}. | beside the main figure the companion {}.
@actions.door | opens the door; closes the gate; pulls the curtain; unlocks the drawer | a hand {}. | somebody {} without haste. | then a hand slowly {}.
@actions.throw | throws a ball; catches a ball; kicks a stone; rolls a wheel | a child {}. | in passing, a child {}. | a child at the side {}.
@actions.pour | pours water; stirs the mixture; kneads the dough; cuts the bread | the main figure {} at the counter. | at the counter the main figure {} with care. | work goes on: the main figure {}.
@actions.wave | waves to someone; nods briefly; points upwards; bows | the main figure {} for a moment. | as a gesture the main figure {}. | a short gesture follows: the main figure {}.
@actions.animal | jumps onto the wall; runs across the yard; drinks from a bowl; falls asleep | the animal {}. | without warning the animal {}. | meanwhile the animal {}.
@actions.machine | starts to turn; comes to a stop; tips over; begins to swing | a machine {}. | a wheel of the machine visibly {}. | the heavy machine {}.
@actions.hand | a letter; a set of keys; a parcel; some coins | the companion receives {}. | the main figure hands over {}. | {} changes hands.
@actions.repair | a bicycle; a fence; a net; a chair | the main figure repairs {}. | the main figure sets about mending {}. | work begins on {}, which is broken.
@actions.carry | three planks; a ladder; a heavy sack; two buckets | a helper carries {} past. | past the group a helper brings {}. | a helper comes by with {}.
@narrative_elements.start | a delivery arrives; a quarrel is settled; a guest is awaited; the work day begins | the story opens as {}. | it all starts when {}. | the events begin: {}.
@narrative_elements.turn | something is missing; help comes; the plan changes; the tool breaks | a turn comes when {}. | the course of events shifts because {}. | the turning point is that {}.
@narrative_elements.end | the job is done; everyone leaves; the guest arrives; the prize is handed out | the sequence ends once {}. | at the close, {}. | the story finishes as {}.
narrative_elements.theme | patience; teamwork; farewell; craftsmanship | the clip is about {}. | its theme is {}. | as a theme, {} runs through the clip.
narrative_elements.pace | slow and steady; quick and restless; even; ever faster | the pacing is {}. | events follow each other in a way that is {}. | as for its rhythm, the clip is {}.
narrative_elements.cause | the rain; an empty shelf; a broken part; an old promise | the cause of it all is {}. | {} is why all this happens. | everything goes back to {}.
@narrative_elements.key | a letter is read; a hand is shaken; a lid is lifted; a knot comes loose | the key moment comes when {}. | what matters most is that {}. | attention rests on one event: {}.
@narrative_elements.surprise | an unknown person; a runaway animal; a sudden gust; a forgotten bag | {} comes as a surprise. | nobody expected {}. | the group is surprised by {}.
narrative_elements.goal | to finish before noon; to win a bet; to help a neighbour; to learn a trade | the aim of the main figure is {}. | what the main figure wants is {}. | all effort serves one aim: {}.
@narrative_elements.result | a finished chair; a full basket; a clean boat; a decorated cake | the outcome is {}. | the work results in {}. | in the end there is {}.
narrative_elements.frame | as a lesson; as a memory; as a contest; as a daily routine | the events are told {}. | the clip is built {}. | one understands the clip {}.
@narrative_elements.pause | a lunch break; a moment of waiting; a phone call; a short rest | {} interrupts the events. | the events pause for {}. | in between there is {}.
!@speech.line1 | The ferry leaves from the north pier.; My brother painted this fence yesterday.; We need twelve more apples for the cake.; Please keep the engine running for me. | a voice says, "{}" | someone says, "{}" | a woman says, "{}"
@speech.line2 | Nobody has seen the captain since Tuesday.; Our museum closes early in December.; Turn the handle twice and then let go.; I left the blue umbrella in the taxi. | a voice says, "{}" | someone says, "{}" | a man says, "{}"
@speech.line3 | Bring the long ladder from the cellar.; There is honey on the upper shelf.; She promised to write every single week.; That bridge was built by my grandfather. | a voice says, "{}" | someone says, "{}" | a neighbour says, "{}"
speech.music | piano; guitar; brass; accordion | {} music plays softly behind everything. | the background music is played on {} instruments. | one hears {} music in the background.
speech.voice | hoarse; clear; deep; cheerful | the voice that is heard most sounds {}. | of the voices, the main one is {}. | in tone the main voice is {}.
speech.accent | Scottish; Irish; Australian; Canadian | the main voice has a {} accent. | by its accent the main voice is {}. | one notices a {} accent in the main voice.
@speech.bang | a door slams; a glass breaks; a bell rings; an engine starts | {} audibly. | one hears how {}. | a sudden noise: {}.
@speech.bark | a dog barks; gulls cry; a horse neighs; a rooster crows | {} nearby. | somewhere {}. | from outside the picture {}.
speech.hum | a ventilator; a refrigerator; distant traffic; running water | the steady noise of {} is heard. | underneath one hears {}. | {} makes a constant noise.
speech.pace | slowly; hurriedly; haltingly; evenly | the words are spoken {}. | the delivery goes {}. | those who speak do so {}.
speech.echo | a strong echo; no echo at all; a muffled tone; a tinny tone | the recording has {}. | the sound is marked by {}. | to the ear the room gives {}.
@speech.steps | heavy; light; quick; dragging | {} footsteps are heard. | one can hear {} footsteps come near. | the floor sounds under {} footsteps.
!camera.light | dark; dimly lit; evenly lit; bright | the picture is {}. | as a whole the picture is {}. | on average the picture is {}.
@camera.move | pans left; pans right; tilts up; tilts down | the camera {}. | with an even movement the camera {}. | taking its time, the camera {}.
@camera.zoom | zooms in; zooms out | the camera {}. | steadily the camera {}. | bit by bit the camera {}.
@camera.cut | cut | the picture cuts to another shot. | there is a cut to a new shot. | a cut leads to a different shot.
camera.angle | a low angle; a high angle; eye level; directly overhead | the scene is filmed from {}. | the camera looks on from {}. | the viewpoint is {}.
camera.shot | a wide shot; a medium shot; a close-up; an extreme close-up | most of the clip is {}. | the framing is mostly that of {}. | the usual shot size is {}.
camera.focus | the hands; the face; the foreground; the far background | the focus lies on {}. | sharpness is kept on {}. | what is in focus is {}.
camera.colour | warm; cold; washed-out; saturated | the colours of the picture are {}. | the colour grading is {}. | in colour the picture seems {}.
camera.depth | shallow; deep | the depth of field is {}. | a {} depth of field is used. | the lens gives a {} depth of field.
camera.grain | grainy; crisp; slightly blurred; spotless | the image is {}. | in quality the image is {}. | the texture of the image is {}.
camera.composition | centred; off-centre; symmetrical; diagonal | the composition is {}. | the main figure is placed in a {} composition. | a {} composition is used.
camera.atmosphere | documentary; dreamlike; nostalgic; clinical | the visual atmosphere is {}. | visually the clip has a {} feel. | the look of the clip is {}.
emotions.mood | calm; tense; festive; melancholic | the overall mood is {}. | as a mood, the clip is {}. | one senses a {} mood.
emotions.main | proud; worried; relieved; bored | the main figure seems {}. | from the face, the main figure is {}. | one reads from the main figure's bearing: {}.
emotions.second | amused; impatient; grateful; embarrassed | the companion seems {}. | the companion's face is {}. | to judge by the eyes, the companion is {}.
@emotions.change | brightens into a smile; turns serious; relaxes; hardens | the main figure's face {}. | the expression {}. | one sees how the face of the main figure {}.
@emotions.gesture | clenched fists; a shrug; trembling hands; a raised chin | a feeling shows in {}. | emotion is betrayed by {}. | {} gives the feeling away.
emotions.group | affectionate; rivalrous; formal; playful | the people's manner with each other is {}. | their relation comes across as {}. | between the people things are {}.
@emotions.peak | joy; anger; fear; wonder | {} reaches its height. | the feeling of {} is strongest here. | for a moment {} fills the face.
emotions.energy | subdued; lively; exhausted; eager | the emotional energy is {}. | in spirit everyone is {}. | the people come across as {}.
emotions.tension | rises; falls; stays the same; comes and goes | the tension {} in the course of the clip. | over the whole clip the tension {}. | as time goes on the tension {}.
emotions.viewer | sympathy; curiosity; unease; admiration | the clip invites {}. | a viewer is likely to feel {}. | what the clip evokes is {}.
@emotions.tear | wipes away a tear; bites the lip; closes the eyes; lifts the eyebrows | moved, the main figure {}. | in a quiet moment the main figure {}. | as a sign of feeling the main figure {}.
emotions.tone | sincere; ironic; solemn; light-hearted | the emotional tone is {}. | the feelings are shown in a {} way. | in feeling the clip stays {}.
"""  # noqa: E501


@dataclass(frozen=True)
class Slot:
    """One thing that can be said of a clip: `attribute.name`, the values it can have, three wordings.

    `timed`: it happens at a time. `always`: every clip has it, since a sensor always says something of it.
    """

    name: str
    values: tuple[str, ...]
    wordings: tuple[str, str, str]
    timed: bool
    always: bool

    @property
    def attribute(self) -> str:
        """The attribute it belongs to."""
        return self.name.partition(".")[0]

    def body(self, value: str, wording: int) -> str:
        """A sentence without its time, beginning in lower case."""
        return self.wordings[wording].format(value)


def _slot(line: str) -> Slot:
    name, values, *wordings = (part.strip() for part in line.split(" | "))
    marks, name = name[: len(name) - len(name.lstrip("!@"))], name.lstrip("!@")
    return Slot(name, tuple(v.strip() for v in values.split(";")), tuple(wordings), "@" in marks, "!" in marks)


SLOTS = {slot.name: slot for slot in map(_slot, _TABLE.strip().splitlines())}
"""Name -> slot, by attribute in the order of the schema."""

BODIES = {
    slot.body(value, wording): (slot.name, value)
    for slot in SLOTS.values()
    for value in slot.values
    for wording in range(3)
}
"""Sentence without its time -> slot and value."""
