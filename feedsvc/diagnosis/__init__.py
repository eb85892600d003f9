"""Diagnosis for the operator: problems of all articles, and an explanation of one."""

from feedsvc.diagnosis.check import Checked, check
from feedsvc.diagnosis.explain import Explainer, Explanation
from feedsvc.diagnosis.ignored import Ignored, ignored

__all__ = ["Checked", "Explainer", "Explanation", "Ignored", "check", "ignored"]
