"""A directory of made-up articles in the family's shape and sizes, the same for the same seed.

Bodies run from 0.6 to 48 KB with a median near 7 KB, in Chinese, with images, comments, a style
block and a promotional block at the end, as crawled articles have them.
"""

import os
import random
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
_TERMS = [f"类别{n:02d}" for n in range(CATEGORIES)]
_START = datetime(2022, 1, 1, tzinfo=UTC)


def make(folder: Path, articles: int, *, seed: int = 1) -> int:
    """Write `articles` files into `folder` and return how many bytes they hold."""
    chance = random.Random(seed)
    total = 0
    for number in range(articles):
        file = folder / f"{number // 1000:03d}" / f"{number:06d}_{chance.getrandbits(64):016x}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        when = _START + timedelta(minutes=number)
        data = _article(chance, number, when).encode()
        file.write_bytes(data)
        os.utime(file, (when.timestamp(), when.timestamp()))
        total += len(data)
    return total


def _article(chance: random.Random, number: int, when: datetime) -> str:
    size = min(48_000, max(600, int(chance.lognormvariate(8.6, 0.75))))
    term = chance.choice(_TERMS)
    image = f"https://img.example.org/w550h387/{chance.getrandbits(48):012x}.jpg"
    paragraphs = []
    while size > 0:
        text = _words(chance, chance.randint(40, 160))
        paragraphs.append(f"<p>　　{text}。</p>")
        size -= 3 * len(text)
        if chance.random() < 0.1:
            paragraphs.append(
                f'<div class="img_wrapper"><img id="0" src="{image}" alt'
                ' referrerpolicy="no-referrer"><span class="img_descr"></span></div>'
            )
    body = "\n".join(paragraphs)
    return f"""
---
title: '{_words(chance, 18)} {number}'
categories:{" "}
 - {term}
 - 样本通讯
 - 样本通讯－{_TERMS.index(term) % 4}
headimg: '{image}'
author: 样本通讯
comments: false
date: {format_datetime(when, usegmt=True)}
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
    return "".join(chance.choices(_HAN, k=length))
