"""The mini world's words: what exists, what is called what, and which word is a kind of which."""

from collections.abc import Mapping
from typing import Final

# A concept is named by its first word; a second word, where there is one, means the same.
KINDS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "animal": (
        ("dog", "hound"), ("cat",), ("horse",), ("goat",), ("rabbit", "bunny"), ("bear",), ("lion",), ("duck",),
    ),
    "person": (
        ("teacher", "tutor"), ("doctor", "physician"), ("farmer", "grower"), ("robber", "burglar"),
        ("singer", "vocalist"), ("painter", "artist"), ("baker",), ("queen",),
    ),
    "creature": (("whale",), ("shark",), ("seal",), ("crab",), ("otter",), ("turtle", "tortoise")),
    "worker": (("captain", "skipper"), ("pilot",), ("diver", "swimmer"), ("sailor", "mariner"), ("angler", "fisher"),
               ("cook", "chef")),
}  # fmt: skip
VERB_GROUPS: Final = (
    ("chase", "pursue"), ("help", "assist"), ("watch", "observe"), ("attack", "assault"), ("scare", "frighten"),
    ("follow", "trail"), ("greet", "welcome"), ("praise", "commend"), ("blame", "accuse"), ("love", "adore"),
    ("hate", "detest"), ("call", "summon"), ("trick", "deceive"), ("wash", "clean"), ("guard", "protect"),
    ("push", "shove"),
)  # fmt: skip
ADJECTIVE_GROUPS: Final = (
    ("small", "little"), ("large", "big"), ("old", "aged"), ("clever", "smart"), ("angry", "furious"),
    ("tired", "weary"), ("quiet", "silent"), ("brave", "bold"), ("young",), ("hungry",),
)  # fmt: skip

GENRES: Final[Mapping[str, tuple[str, str]]] = {"land": ("animal", "person"), "sea": ("creature", "worker")}
PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "land": ("in the garden", "in the forest", "at the market", "in the kitchen", "in the park", "on the hill"),
    "sea": ("at the harbour", "on the beach", "on the island", "in the water", "on the deck", "at the pier"),
}
TIMES: Final = ("yesterday", "today", "tonight", "monday", "friday", "sunday")

GOOD: Final = ("great", "good", "lovely", "funny", "fresh", "brilliant", "moving", "charming", "superb", "witty")
BAD: Final = ("bad", "dull", "awful", "boring", "weak", "terrible", "clumsy", "silly", "stale", "tedious")
ASPECTS: Final = ("film", "story", "acting", "music", "plot", "ending", "cast", "script")
LIKED: Final = ("liked", "enjoyed", "admired")
DISLIKED: Final = ("disliked", "regretted", "resented")
ADVERBS: Final = ("very", "really", "quite", "rather")

KIND_OF: Final = {group[0]: kind for kind, groups in KINDS.items() for group in groups}
MEMBERS: Final = {kind: tuple(group[0] for group in groups) for kind, groups in KINDS.items()}
SYNONYMS: Final = {
    group[0]: group for groups in (*KINDS.values(), VERB_GROUPS, ADJECTIVE_GROUPS) for group in groups
}  # fmt: skip
VERBS: Final = tuple(group[0] for group in VERB_GROUPS)
ADJECTIVES: Final = tuple(group[0] for group in ADJECTIVE_GROUPS)

_FUNCTION_WORDS: Final = (
    "the a some every no this these did not does do was were is are by in at on near it that who whom where when "
    "itself themselves but although i we nobody everybody think thought said doubt agreed neither nor hardly far from"
)


def past(verb: str) -> str:
    """Past tense and past participle, which agree for every verb of the mini world."""
    return verb + ("d" if verb.endswith("e") else "ed")


def third(verb: str) -> str:
    """Third person singular of the present tense."""
    return verb + ("es" if verb.endswith(("ch", "sh", "ss")) else "s")


def plural(noun: str) -> str:
    """Plural of a noun; all nouns of the mini world are regular."""
    return noun + "s"


def word_classes() -> tuple[tuple[str, ...], ...]:
    """Words that can stand in each other's place: nouns, verbs by form, adjectives, words of opinion, and so on."""
    verbs = tuple(word for group in VERB_GROUPS for word in group)
    nouns = tuple(word for groups in KINDS.values() for group in groups for word in group)
    described = tuple(word for group in ADJECTIVE_GROUPS for word in group)
    places = tuple(place.split()[-1] for genre in PLACES.values() for place in genre)
    return (
        (*nouns, *KINDS), tuple(map(plural, nouns)), verbs, tuple(map(past, verbs)), tuple(map(third, verbs)),
        described, (*GOOD, *BAD), (*LIKED, *DISLIKED), ASPECTS, places, TIMES, ADVERBS, ("some", "every", "no"),
    )  # fmt: skip


def vocabulary() -> tuple[str, ...]:
    """Every word the grammar can write, each once, in a fixed order."""
    return tuple(dict.fromkeys([*_FUNCTION_WORDS.split(), *(word for words in word_classes() for word in words)]))
