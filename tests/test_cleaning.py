"""Cleaning within limits, and what becomes of cleaned content when rules change."""

import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import Pipe

import pytest
from conftest import Clock, Tree, items
from sites import Site

from feedsvc import content
from feedsvc.children import Child
from feedsvc.cleaning import Cleaner, is_costly
from feedsvc.errors import CleaningError
from feedsvc.refresh import fingerprints, stages

Open = Callable[..., Site]
POLICY = content.Policy(link_base="https://x.example/a", media_base="https://x.example/")
LONG = "<p>one</p>" * 100

# In the shape of the real files: a promotional block with its style, an editor's line, escapes.
REAL = """
---
title: '2年内实现规模突破2000亿元'
categories:
 - 金融
 - 新浪财经
date: Wed, 23 Feb 2022 13:06:12 GMT
author: 新浪财经
headimg: 'https://n.sinaimg.cn/lead.jpg'
---

<div>
<p>　　原标题：两年内实现“信息飞鱼”岛、\
<span id="stock"><a href="https://finance.sina.com.cn/x.shtml" class="keyword" target="_blank">\
机器人</a></span><span id="quote"></span>谷；２.5%，共计&nbsp;3750亿元。</p>
<div class="img_wrapper">\
<img id="0" src="https://n.sinaimg.cn/a.jpg" alt referrerpolicy="no-referrer">\
<span class="img_descr"></span></div>
<p><img src="https://n.sinaimg.cn/b.jpg" alt referrerpolicy="no-referrer"></p>\
<!-- news_keyword_pub,stock -->


<!-- 文末二维码 start -->


            <style>
            .appendQr_wrap&#123;border:1px solid #E6E6E6;padding:8px;&#125;
            </style>
            <div class="clearfix appendQr_wrap">
                <div class="appendQr_normal"><img src="https://n.sinaimg.cn/qr.png"></div>
                <div class="appendQr_normal_txt">海量资讯、精准解读，尽在新浪财经APP</div>
            </div>

<p class="article-editor">责任编辑：王珊珊 </p>


</div>
"""


def test_what_is_long_is_cleaned_by_another_process_to_the_same_end() -> None:
    cleaner = Cleaner(short=10)
    assert cleaner.clean(LONG, "html", POLICY) == content.clean(LONG, "html", POLICY)
    child = cleaner._child
    assert child is not None
    assert cleaner.clean(LONG + "<script>x</script>", "html", POLICY).removed
    assert cleaner._child is child, "one process serves many"
    cleaner.close()
    assert child._process.returncode is not None


def test_what_runs_past_the_limit_is_cut_off_and_the_next_is_cleaned() -> None:
    cleaner = Cleaner(short=10, seconds=0.0)  # no process even starts so fast
    with pytest.raises(CleaningError, match="more than 0 seconds"):
        cleaner.clean(LONG, "html", POLICY)
    cleaner._seconds = 60
    assert cleaner.clean(LONG, "html", POLICY).html
    cleaner.close()


def test_an_article_that_ends_the_process_ends_no_more_than_that() -> None:
    cleaner = Cleaner(short=10)
    cleaner.clean(LONG, "html", POLICY)
    assert cleaner._child is not None
    os.kill(cleaner._child._process.pid, signal.SIGSEGV)
    with pytest.raises(CleaningError, match="ended the process"):
        cleaner.clean(LONG, "html", POLICY)
    assert cleaner.clean(LONG, "html", POLICY).html
    cleaner.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
def test_memory_has_a_limit() -> None:
    cleaner = Cleaner(short=10, memory=400 * 1024**2, seconds=120)
    assert cleaner.clean(LONG, "html", POLICY).html
    with pytest.raises(CleaningError):
        cleaner.clean("<p>one<b>two</b></p>" * 1_000_000, "html", POLICY)
    cleaner.close()


# No configuration lets such a rule through, so it stands for whatever nobody foresaw.
BROKEN = replace(POLICY, cleaning=replace(POLICY.cleaning, replace=(("(", "x"),)))


@pytest.mark.parametrize("short", [10, 10_000], ids=["in the child", "at once"])
def test_an_error_that_nobody_foresaw_is_of_its_article_alone(
    short: int, caplog: pytest.LogCaptureFixture
) -> None:
    cleaner = Cleaner(short=short)
    cleaner.clean(LONG, "html", POLICY)
    child = cleaner._child
    for _ in range(3):
        with pytest.raises(CleaningError, match=r"^cleaning its HTML failed \(ValueError\)$"):
            cleaner.clean(LONG, "html", BROKEN)
    (record,) = caplog.records
    assert "Traceback (most recent call last)" in record.getMessage()
    assert POLICY.link in record.getMessage()
    assert cleaner.clean(LONG, "html", POLICY).html
    assert cleaner._child is child, "the process lives on"
    cleaner.close()


class Deaf(Child):
    """A child that has answered already, whatever it is asked."""

    def __init__(self, answer: bytes) -> None:
        self.connection, self.theirs = Pipe()
        self.theirs.send_bytes(answer)
        self.killed = False

    def kill(self) -> None:
        self.killed = True


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff",
        b"[1]",
        b"{}",
        b'{"cleaned": null}',
        b'{"cleaned": null, "failed": 1, "trace": "x"}',
        b'{"cleaned": {"html": "x"}, "failed": "", "trace": ""}',
        *(
            b'{"cleaned": {"html": "x", %b "formatted": true}, "failed": "", "trace": ""}' % members
            for members in (
                b'"summary": null, "removed": [],',
                b'"summary": "", "removed": [["x"]],',
                b'"summary": "", "removed": [["x", "y"]],',
                b'"summary": "", "removed": [], "html": 1,',
            )
        ),
        b"[" * 100_000,
    ],
)
def test_an_answer_that_is_none_ends_the_process_and_is_of_its_article_alone(answer: bytes) -> None:
    cleaner, child = Cleaner(short=10), Deaf(answer)
    cleaner._child = child
    with pytest.raises(CleaningError, match="gave no answer"):
        cleaner.clean(LONG, "html", POLICY)
    assert child.killed
    assert cleaner.clean(LONG, "html", POLICY).html
    cleaner.close()


def test_what_is_costly_is_told_by_more_than_its_length() -> None:
    assert not is_costly(REAL, "html")
    assert not is_costly("word " * 12_000, "text")
    assert not is_costly(
        "\n\n".join(["A paragraph with *stars* and [a link](/x)."] * 50), "markdown"
    )
    assert is_costly("word " * 20_000, "text")
    assert is_costly("[a]: /x\n\n" + "[a] " * 2_000, "markdown")
    assert is_costly("<img src=x>" * 1_000, "html")
    assert is_costly("".join(f"<b a{n}=1><p>" for n in range(2_000)), "html")


def test_a_costly_article_is_cleaned_by_another_process_however_short() -> None:
    cleaner = Cleaner()
    cleaner.clean(REAL, "html", POLICY)
    assert cleaner._child is None
    body = "<img src=/x>" * 1_000
    assert cleaner.clean(body, "html", POLICY) == content.clean(body, "html", POLICY)
    assert cleaner._child is not None
    cleaner.close()


def test_an_article_that_cannot_be_cleaned_is_its_summary_and_a_link_and_a_problem(
    tree: Tree, open_site: Open
) -> None:
    tree.write(
        "long.html", f"---\ntitle: Long\nsummary: a < b\nlink: https://x.example/o\n---\n{LONG}"
    )
    tree.write("short.html", "---\ntitle: Short\n---\n<p>all of it</p>")
    site = open_site(cleaner=Cleaner(short=100, seconds=0.0))
    site.refresh()
    found = {one["title"]: one["content_html"] for one in items(site)}
    assert found["Short"] == "<p>all of it</p>"
    assert found["Long"] == (
        '<p>a &lt; b</p><p><a href="https://x.example/o" rel="noopener noreferrer">'
        "https://x.example/o</a></p>"
    )
    (problem,) = site.problems()
    assert problem.published
    assert str(problem) == (
        "long.html: body: cleaning its HTML takes more than 0 seconds, so only its summary and a"
        " link are published; shorten the article, or write its HTML more simply"
    )
    tree.write("long.html", "---\ntitle: Long\n---\n<p>mended</p>")
    site.refresh()
    assert "<p>mended</p>" in [one["content_html"] for one in items(site)]
    assert site.problems() == ()


def test_other_rules_clean_again_newest_first_and_nothing_waits_for_it(
    tree: Tree, open_site: Open, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "_CLEANED_AT_ONCE", 2)
    monkeypatch.setattr(stages, "CLEANING_SECONDS", 0.0)
    for day in range(1, 6):
        tree.write(
            f"{day}.html", f"---\ndate: 2022-01-0{day}\n---\n<p>{day} <b class=ad>ad</b></p>"
        )
    before = open_site()
    before.refresh()
    first = before.document("/feeds/all.atom")
    clock.advance(hours=1)

    site = open_site(content={"remove": [".ad"]})
    assert [one["content_html"].count("ad") for one in items(site)] == [1] * 5
    passes = [site.refresh()]
    assert site.document("/feeds/all.atom").etag != first.etag
    assert [one["content_html"].count("ad") for one in items(site)] == [0, 1, 1, 1, 1]
    assert passes[0].again_in == 0.0
    passes += [site.refresh() for _ in range(4)]
    assert [one["content_html"].count("ad") for one in items(site)] == [0] * 5
    site.refresh()
    assert site.refresh().again_in is None
    assert site.document("/feeds/all.atom").last_modified > first.last_modified


def test_rules_that_change_nothing_keep_every_etag(tree: Tree, open_site: Open) -> None:
    tree.write("a.html", "---\ndate: 2022-01-01\n---\n<p>x</p>")
    before = open_site()
    before.refresh()
    site = open_site(content={"remove": [".ad"]})
    site.refresh()
    assert site.document("/feeds/all.atom").etag == before.document("/feeds/all.atom").etag


def test_a_category_has_rules_of_its_own_and_the_first_that_names_one_counts(
    tree: Tree, open_site: Open
) -> None:
    body = "<p class=a>a</p><p class=b>b</p><p class=c>c</p>"
    for terms in ("x", "y", "x, y", "z"):
        tree.write(f"{terms}.html", f"---\ntitle: {terms}\ntags: [{terms}]\n---\n{body}")
    site = open_site(
        content={"remove": [".c"], "footer": "<i>f</i>"},
        categories=[
            {"slug": "cx", "terms": ["x"], "content": {"remove": [".a"]}},
            {"slug": "cy", "terms": ["y"], "content": {"remove": [".b"], "footer": ""}},
        ],
    )
    site.refresh()
    shown = {one["title"]: re.sub(r"<[^>]*>|\s", "", one["content_html"]) for one in items(site)}
    assert shown == {"x": "bcf", "y": "ac", "x, y": "bc", "z": "abf"}
    assert items(site, "cx")[0]["content_html"] in {one["content_html"] for one in items(site)}


def test_a_real_file_loses_its_promotion_and_nothing_else(tree: Tree, open_site: Open) -> None:
    tree.write("real.md", REAL)
    site = open_site(content={"remove": [".appendQr_wrap", ".article-editor"]})
    site.refresh()
    (item,) = items(site)
    html = item["content_html"]
    for gone in ("二维码", "海量资讯", "责任编辑", "qr.png", "border", "style", "<!--"):
        assert gone not in html
    images = re.findall(r"<img[^>]*>", html)
    assert [re.findall('src="([^"]*)"', image)[0] for image in images] == [
        "https://n.sinaimg.cn/a.jpg",
        "https://n.sinaimg.cn/b.jpg",
    ]
    assert all('referrerpolicy="no-referrer"' in image for image in images)
    assert (
        re.sub(r"<[^>]*>|\n", "", html)
        == "原标题：两年内实现“信息飞鱼”岛、机器人谷；２.5%，共计\u00a03750亿元。"
    )
    assert (
        '<a href="https://finance.sina.com.cn/x.shtml" rel="noopener noreferrer">机器人</a>' in html
    )


def test_the_real_file_keeps_its_indent_where_texts_are_not_tidied(
    tree: Tree, open_site: Open
) -> None:
    tree.write("real.md", REAL)
    site = open_site(content={"tidy_text": False})
    site.refresh()
    assert "<p>　　原标题" in items(site)[0]["content_html"]


def test_titles_and_summaries_are_converted_with_the_text(tree: Tree, open_site: Open) -> None:
    pytest.importorskip("opencc")
    tree.write("a.md", "---\ntitle: 汉字\ntags: [简体]\n---\n<p>简体转换</p>")
    site = open_site(categories=[{"slug": "c", "terms": ["简体"], "content": {"convert": "s2t"}}])
    site.refresh()
    (item,) = items(site)
    assert (item["title"], item["summary"]) == ("漢字", "簡體轉換")
    assert item["content_html"] == "<p>簡體轉換</p>"
    assert item["tags"] == ["简体"], "terms name feeds and stay"


def test_images_go_by_way_of_the_proxy_and_only_those_addresses_are_served(
    tree: Tree, open_site: Open
) -> None:
    tree.write(
        "a.html",
        "---\nheadimg: https://a.sinaimg.cn/lead.jpg\n---\n"
        "<img src=https://a.sinaimg.cn/x.png><img src=https://b.example/y.png>",
    )
    rules = {"images": [{"hosts": ["*.sinaimg.cn"], "via": "proxy"}]}
    site = open_site(content=rules)
    site.refresh()
    (item,) = items(site)
    proxied, direct = re.findall('src="([^"]*)"', item["content_html"])
    assert direct == "https://b.example/y.png"
    assert re.fullmatch(r"https://feeds\.example\.org/image/[\w-]+/[\w-]+", proxied)
    assert item["image"].startswith("https://feeds.example.org/image/")
    (attachment,) = item["attachments"]
    assert attachment["mime_type"] == "image/jpeg"
    assert items(open_site(content=rules)) == [item], "the same addresses after a restart"

    client = site.app().test_client()
    path = proxied.removeprefix("https://feeds.example.org")
    assert client.get(path[:-2]).status_code == 404
    assert client.get(path.replace("/image/", "/image/A")).status_code == 404
    # It is let through to the fetching, which finds no such host here.
    assert client.get(path).status_code in {502, 504}
    assert open_site().app().test_client().get(path).status_code == 404, "off by default"


def test_images_go_by_way_of_another_proxy(tree: Tree, open_site: Open) -> None:
    tree.write("a.html", "<img src='https://a.sinaimg.cn/x.png?a=1&amp;b=2'>")
    via = "https://proxy.example/?url={url_encoded}"
    site = open_site(content={"images": [{"hosts": ["*.sinaimg.cn"], "via": via}]})
    site.refresh()
    assert (
        'src="https://proxy.example/?url=https%3A%2F%2Fa.sinaimg.cn%2Fx.png%3Fa%3D1%26b%3D2"'
        in items(site)[0]["content_html"]
    )


def test_the_key_of_the_proxy_is_in_no_page_feed_or_report(
    tree: Tree, open_site: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.write("a.html", "<img src=https://a.example/x.png>")
    site = open_site(content={"images": [{"hosts": ["*"], "via": "proxy"}]})
    report = site.refresh()
    key = site.contents.image_key()
    assert key is not None
    shown = [str(report), str(list(site.explain("a.html"))), repr(site.config)]
    shown += [site.document(f"/feeds/all.{one}").body.decode() for one in ("atom", "rss", "json")]
    assert not any(key.hex() in one for one in shown)
