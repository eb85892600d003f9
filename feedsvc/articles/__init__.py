"""Articles: the bytes of one file in, one `Article` out.

Pure: no file is opened, no clock is read. An article that cannot be read raises `ArticleError`; a
field that cannot be read is left out and named in `Article.problems`.
"""

from feedsvc.articles.emptiness import is_empty
from feedsvc.articles.guess import ENOUGH, guess_date
from feedsvc.articles.parse import POLICY, ParsedFile, explain, parse

__all__ = ["ENOUGH", "POLICY", "ParsedFile", "explain", "guess_date", "is_empty", "parse"]
