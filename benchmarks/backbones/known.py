"""Encoders that have a short name here."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Known:
    """A short name, the hub id (with `@revision` where it is pinned), and where it was published."""

    name: str
    hub: str
    source: str
    embedded: bool = False


KNOWN = (
    Known("mini", "", "embedded: 3 layers, pre-trained on generated text (docs/mini-world.md)", embedded=True),
    Known(
        "bert-base",
        "google-bert/bert-base-uncased@86b5e0934494bd15c9632b12f734a8a67f723594",
        "Devlin et al. 2019; the encoder of Tables 1-7",
    ),
    Known("minilm-12", "microsoft/MiniLM-L12-H384-uncased", "Wang et al. 2020; the encoder of Table 8"),
    Known("roberta-base", "FacebookAI/roberta-base", "Liu et al. 2019"),
    Known("distilbert", "distilbert/distilbert-base-uncased", "Sanh et al. 2019"),
    Known("electra-small", "google/electra-small-discriminator", "Clark et al. 2020"),
)
