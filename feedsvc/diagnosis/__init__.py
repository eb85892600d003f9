"""Diagnosis for the operator: problems of all articles, and an explanation of one."""

from feedsvc.diagnosis.check import Checked, check
from feedsvc.diagnosis.explain import Explainer, Explanation
from feedsvc.diagnosis.feeds import FeedWarning
from feedsvc.diagnosis.ignored import Ignored, ignored
from feedsvc.diagnosis.live import Fault, LiveCheck

__all__ = [
    "Checked",
    "Explainer",
    "Explanation",
    "Fault",
    "FeedWarning",
    "Ignored",
    "LiveCheck",
    "check",
    "ignored",
]
