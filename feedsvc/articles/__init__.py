"""Articles: the bytes of one file in, one `Article` out.

Not inside: reading files, cleaning HTML, deciding ids, the clock. An article that cannot be read
raises `ArticleError`; a field that cannot be read is passed over and named in `Article.problems`.
"""

from feedsvc.articles.emptiness import is_empty
from feedsvc.articles.glance import ENOUGH, glance
from feedsvc.articles.parse import POLICY, Reading, explain, parse

__all__ = ["ENOUGH", "POLICY", "Reading", "explain", "glance", "is_empty", "parse"]
