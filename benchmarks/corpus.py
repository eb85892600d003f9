"""A directory of made-up articles in the shape and sizes of crawled ones, equal for equal seeds.

Bodies are in Chinese, from 0.6 to 48 KB with a median near 7 KB, with images, comments, a style
block and a promotional block at the end.

Each folder of a thousand articles has its own seed, so several processes can make folders at once,
and a larger corpus begins with the smaller one.
"""

import multiprocessing
import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

CATEGORIES = 36

_HAN = (
    "的一是了我不人在他有这上们来到时大地为子中你说生国年着就那和要她出也得里后自以会"
    "家可下而过天去能对小多然于心学么之都好看起发当没成只如事把还用第样道想作种开美总"
    "从无情己面最女但现前些所同日手又行意动方期它头经长儿回位分爱老因很给名法间斯知世"
    "什两次使身者被高已亲其进此话常与活正感见明问力理尔点文几定本公特做外孩相西果走将"
    "月十实向声车全信重三机工物气每并别真打太新比才便夫再书部水像眼等体却加电主界门利"
    "海受听表德少克代员许先口由死安写性马光白或住难望教命花结乐色"
)
LETTERS = "".join(random.Random(0).choices(_HAN, k=1 << 18))  # texts are pieces of it
_START = datetime(2022, 1, 1, tzinfo=UTC)
_FOLDER = 1000  # articles
TERMS = [f"类别{n:02d}" for n in range(CATEGORIES)]


def make(folder: Path, articles: int, *, first: int = 0, tags: int = 0, seed: int = 1) -> int:
    """Write `articles` files into `folder`, numbered from `first`; return their size in bytes.

    With `tags`, each article names one more term, one of `tags` terms, drawn by Zipf's law.
    The articles numbered below `tags` name each of them once.
    """
    end = first + articles
    parts = [
        (folder, range(max(first, start), min(end, start + _FOLDER)), tags, seed)
        for start in range(first - first % _FOLDER, end, _FOLDER)
    ]
    if articles <= 2 * _FOLDER:
        return sum(map(_part, parts))
    with multiprocessing.get_context("spawn").Pool(min(8, os.cpu_count() or 1)) as pool:
        return sum(pool.imap_unordered(_part, parts))


def article(number: int, *, term: str, seed: int = 1) -> bytes:
    """Return one article of a category, later than all with lower numbers.

    >>> article(7, term="类别00") == article(7, term="类别00")
    True
    """
    return _article(random.Random(f"{seed} {number}"), number, term, ()).encode()


def _part(arguments: tuple[Path, Sequence[int], int, int]) -> int:
    folder, numbers, tags, seed = arguments
    chance = random.Random(f"{seed} {numbers[0]}")
    parent = folder / f"{numbers[0] // _FOLDER:03d}"
    parent.mkdir(parents=True, exist_ok=True)
    total = 0
    for number in numbers:
        name = f"{number:06d}_{chance.getrandbits(64):016x}.txt"
        own_tags = () if not tags else (_tag(chance, number, tags),)
        data = _article(chance, number, chance.choice(TERMS), own_tags).encode()
        file = parent / name
        file.write_bytes(data)
        seconds = _date(number).timestamp()
        os.utime(file, (seconds, seconds))
        total += len(data)
    return total


def _date(number: int) -> datetime:
    return _START + timedelta(minutes=number)


def _tag(chance: random.Random, number: int, tags: int) -> str:
    # By Zipf's law, the logarithm of the rank is spread evenly.
    rank = number if number < tags else min(tags - 1, int((tags + 1) ** chance.random()) - 1)
    return f"tag-{rank:04d}"


def _article(chance: random.Random, number: int, term: str, tags: Sequence[str]) -> str:
    size = min(48_000, max(600, int(chance.lognormvariate(8.6, 0.75))))
    image = f"https://img.example.org/w550h387/{chance.getrandbits(48):012x}.jpg"
    paragraphs = []
    while size > 0:
        text = _words(chance, 40 + int(121 * chance.random()))
        paragraphs.append(f"<p>　　{text}。</p>")
        size -= 3 * len(text)
        if chance.random() < 0.1:
            paragraphs.append(
                f'<div class="img_wrapper"><img id="0" src="{image}" alt'
                ' referrerpolicy="no-referrer"><span class="img_descr"></span></div>'
            )
    body = "\n".join(paragraphs)
    tags_line = f"\ntags: [{', '.join(tags)}]" if tags else ""
    return f"""
---
title: '{_words(chance, 18)} {number}'
categories:{" "}
 - {term}
 - 样本通讯
 - 样本通讯－{TERMS.index(term) % 4}{tags_line}
headimg: '{image}'
author: 样本通讯
comments: false
date: {format_datetime(_date(number), usegmt=True)}
thumbnail: '{image}'
---

<div>{"   "}
{body}<!-- keyword -->




            <style>
            .append&#123;border:1px solid #E6E6E6;padding:8px;&#125;
            </style>
            <div class="clearfix append"><img src="{image}" referrerpolicy="no-referrer"></div>

{"  "}
</div>
            """


def _words(chance: random.Random, length: int) -> str:
    start = int(chance.random() * (len(LETTERS) - length))
    return LETTERS[start : start + length]
