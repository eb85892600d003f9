"""Diagnosis: what is wrong with articles, and what becomes of one, for the operator."""

from feedsvc.diagnosis.check import Checked, check
from feedsvc.diagnosis.explain import Explainer, Explanation
from feedsvc.diagnosis.ignored import Ignored, ignored

__all__ = ["Checked", "Explainer", "Explanation", "Ignored", "check", "ignored"]
