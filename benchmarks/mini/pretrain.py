"""Pre-trains the mini BERT by masked-language modelling: `python -m benchmarks.mini.pretrain --out DIR`."""

import argparse
import hashlib
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForPreTraining, PreTrainedTokenizerFast

from benchmarks.mini.text import corpus
from benchmarks.mini.words import vocabulary, word_classes

SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNK, CLS, SEP, MASK = range(5)
WEIGHTS: Final = "model.safetensors"


@dataclass(frozen=True)
class Recipe:
    """All that decides the weights: the shape of the encoder and how it is trained."""

    hidden_size: int = 96
    intermediate_size: int = 256
    layers: int = 4
    heads: int = 4
    positions: int = 48
    lines: int = 240_000
    batch_size: int = 48
    learning_rate: float = 1.5e-3
    warmup: float = 0.08
    weight_decay: float = 0.01
    seed: int = 20220


def tokenizer() -> PreTrainedTokenizerFast:
    """The mini world's word-level tokenizer; pairs are written [CLS] first [SEP] second [SEP]."""
    ids = {word: place for place, word in enumerate((*SPECIAL, *vocabulary()))}
    inner = Tokenizer(models.WordLevel(ids, unk_token=SPECIAL[UNK]))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token=SPECIAL[UNK],
        pad_token=SPECIAL[PAD],
        cls_token=SPECIAL[CLS],
        sep_token=SPECIAL[SEP],
        mask_token=SPECIAL[MASK],
        model_max_length=Recipe.positions,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def config(recipe: Recipe) -> BertConfig:
    """The encoder's configuration."""
    return BertConfig(
        vocab_size=len(SPECIAL) + len(vocabulary()),
        hidden_size=recipe.hidden_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        intermediate_size=recipe.intermediate_size,
        max_position_embeddings=recipe.positions,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.04,
        pad_token_id=PAD,
    )


@dataclass(frozen=True)
class Batch:
    """One step: ids and segments [lines, length], hidden places and answers [hidden], judged lines and follows."""

    ids: Tensor
    segments: Tensor
    hidden: Tensor
    answers: Tensor
    judged: Tensor
    follows: Tensor


@dataclass(frozen=True)
class _Encoded:
    ids: list[int]
    start: int  # of the second segment
    follows: int


def _encoded(recipe: Recipe) -> list[_Encoded]:
    """The corpus as token ids."""
    ids = {word: place for place, word in enumerate((*SPECIAL, *vocabulary()))}
    found = []
    for line in corpus(recipe.lines):
        words = [CLS, *(ids[word] for word in line.first.split()), SEP]
        start = len(words)
        if line.second is not None:
            words += [*(ids[word] for word in line.second.split()), SEP]
        found.append(_Encoded(words, start, int(line.follows)))
    return found


def _hide(ids: Tensor, segments: Tensor, heavy: Tensor, words: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Choose the places to predict and overwrite some of them.

    A line hides 15 % of its words; a heavy one 55 % of one segment and 5 % of the other, so that a word's role, not
    only its absence elsewhere, has to be found across the segments. Of the hidden places 60 % read [MASK], 20 %
    another word, half the time of the same line, and 20 % stay as they are.
    """
    size, length = ids.shape
    word = ids >= len(SPECIAL)
    side = (torch.rand(size, 1, generator=rng) < 0.7).long()
    rate = torch.where(heavy[:, None], torch.where(segments == side, 0.55, 0.05), 0.15)
    hidden = word & (torch.rand(size, length, generator=rng) < rate)
    draw = torch.rand(size, length, generator=rng)
    neighbour = ids.gather(1, torch.randint(length, (size, length), generator=rng))
    anything = torch.randint(len(SPECIAL), words, (size, length), generator=rng)
    other = torch.where((neighbour >= len(SPECIAL)) & (draw < 0.7), neighbour, anything)
    shown = torch.where(draw < 0.6, torch.full_like(ids, MASK), torch.where(draw < 0.8, other, ids))
    return torch.where(hidden, shown, ids), hidden


class _Tamper:
    """Changes words of a line for others that fit their place, or exchanges two words."""

    def __init__(self) -> None:
        ids = {word: place for place, word in enumerate((*SPECIAL, *vocabulary()))}
        classes = [torch.tensor([ids[word] for word in words]) for words in word_classes()]
        self.sizes = torch.tensor([0] + [len(members) for members in classes])
        self.members = torch.nn.utils.rnn.pad_sequence([torch.zeros(1, dtype=torch.long), *classes], batch_first=True)
        self.class_of = torch.zeros(len(ids), dtype=torch.long)  # 0: a function word
        for place, members in enumerate(classes, start=1):
            self.class_of[members] = place

    def __call__(self, ids: Tensor, segments: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Tamper with half of the lines: about a fifth of one segment's content words, or a pair of its words.

        Returns:
            The ids as shown, the places to predict (all content words and what was moved, [lines, length]), and
            which lines were changed, [lines].
        """
        kinds = self.class_of[ids]
        side = (torch.rand(len(ids), 1, generator=rng) < 0.7).long() * segments.amax(1, keepdim=True)
        inside = (segments == side) & (ids >= len(SPECIAL))
        touched = torch.rand(len(ids), generator=rng) < 0.55
        swapped = touched & (torch.rand(len(ids), generator=rng) < 0.45)
        picked = (torch.rand(ids.shape, generator=rng) * self.sizes[kinds]).long()
        replaced = inside & (kinds > 0) & (torch.rand(ids.shape, generator=rng) < 0.25)
        replaced &= (touched & ~swapped)[:, None]
        shown = torch.where(replaced, self.members[kinds, picked], ids)
        for row in swapped.nonzero().squeeze(1).tolist():
            places = inside[row].nonzero().squeeze(1)
            if torch.rand((), generator=rng) < 0.75:  # two content words, wherever they stand
                places = places[kinds[row, places] > 0]
                pair = places[torch.randperm(len(places), generator=rng)[:2]]
            else:  # two neighbours
                start = int(torch.randint(max(1, len(places) - 1), (), generator=rng))
                pair = places[start : start + 2]
            shown[row, pair] = ids[row, pair.flip(0)]
        changed = shown != ids
        return shown, (inside & (kinds > 0)) | changed, changed.any(1)


def _batches(recipe: Recipe, words: int) -> Iterator[Batch]:
    """All batches; lines of like length share a batch, batches come in random order."""
    rng = torch.Generator().manual_seed(recipe.seed)
    tamper = _Tamper()
    lines = sorted(_encoded(recipe), key=lambda line: len(line.ids))
    starts = list(range(0, len(lines), recipe.batch_size))
    for pick in torch.randperm(len(starts), generator=rng).tolist():
        chosen = lines[starts[pick] : starts[pick] + recipe.batch_size]
        length = max(len(line.ids) for line in chosen)
        ids = torch.tensor([line.ids + [PAD] * (length - len(line.ids)) for line in chosen])
        places = torch.arange(length)
        segments = torch.stack([(places >= line.start) & (places < len(line.ids)) for line in chosen]).long()
        follows = torch.tensor([line.follows for line in chosen])
        paired = segments.any(1)
        draw = torch.rand(len(chosen), generator=rng)
        heavy = paired & (follows == 1) & (draw < 0.25)
        whole = (follows == 1) & (draw > 0.45)
        shown, hidden = _hide(ids, segments, heavy, words, rng)
        shown[whole], hidden[whole], changed = tamper(ids[whole], segments[whole], rng)
        follows[whole] -= changed.long()
        flat = hidden.flatten().nonzero().squeeze(1)
        judged = (whole | (paired & ~heavy)).nonzero().squeeze(1)
        yield Batch(shown, segments, flat, ids.flatten()[flat], judged, follows[judged])


def train(recipe: Recipe, *, report: bool = False) -> BertForPreTraining:
    """Train the mini BERT from scratch on one thread; the same recipe gives the same weights on the same machine."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(recipe.seed)
    model = BertForPreTraining(config(recipe))
    matrices = [weight for weight in model.parameters() if weight.dim() > 1]
    vectors = [weight for weight in model.parameters() if weight.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    steps = math.ceil(recipe.lines / recipe.batch_size)

    def rate(step: int) -> float:
        done = (step + 1) / steps
        return done / recipe.warmup if done < recipe.warmup else max(0.0, (1 - done) / (1 - recipe.warmup))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    begin, losses = time.perf_counter(), []
    model.train()
    for step, batch in enumerate(_batches(recipe, model.config.vocab_size), start=1):
        states, pooled = model.bert(
            input_ids=batch.ids,
            token_type_ids=batch.segments,
            attention_mask=(batch.ids != PAD).long(),
            return_dict=False,
        )
        words, follows = model.cls(states.flatten(0, 1)[batch.hidden], pooled[batch.judged])
        loss = cross_entropy(words, batch.answers)
        second = cross_entropy(follows, 1 - batch.follows) if len(batch.judged) else torch.zeros(())  # 0: follows
        (loss + second).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(torch.stack((loss, second)).detach())
        if report and (step % 500 == 0 or step == steps):
            hidden, following = torch.stack(losses[-500:]).mean(0).tolist()
            seconds = time.perf_counter() - begin
            sys.stderr.write(f"{step}/{steps} words {hidden:.3f} following {following:.3f} {seconds:.0f} s\n")
    model.eval()
    return model


def write(model: BertForPreTraining, folder: Path) -> None:
    """Write weights, configuration, tokenizer and a MANIFEST.json with the SHA-256 of each."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: value.detach().contiguous()
        for name, value in sorted(model.state_dict().items())
        if not name.startswith("cls.predictions.decoder")  # tied to the word embeddings and the output bias
    }
    (folder / WEIGHTS).write_bytes(save(weights, metadata={"format": "pt"}))
    model.config.architectures = ["BertForPreTraining"]
    model.config.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    names = sorted(path.name for path in folder.iterdir() if path.suffix in {".json", ".safetensors"})
    hashes = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names if name != "MANIFEST.json"
    }
    (folder / "MANIFEST.json").write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Rebuild the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write the encoder to")
    arguments = parser.parse_args()
    write(train(Recipe(), report=True), arguments.out)


if __name__ == "__main__":
    main()
