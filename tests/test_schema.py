"""The JSON Schema accepts what feedsvc reads and refuses what it refuses, as an editor does."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from conftest import ROOT
from jsonschema import Draft7Validator
from test_docs import blocks

from feedsvc.cli import main
from feedsvc.config import schema

CASES = Path(__file__).parent / "cases" / "config-refused"
# Only a look at the disk tells that these are wrong, or YAML refuses them before any schema.
OF_THE_DISK = {"an-icon-that-is-not-there"}
OF_THE_ENVIRONMENT = {"a-variable-that-is-not-set", "a-secret-file-that-is-not-there"}
OF_YAML = {
    "a-colon-in-a-text",
    "a-date-for-a-title",
    "a-tab",
    "an-open-bracket",
    "keys-in-two-columns",
    "not-yaml",
}
A_KEY_TWICE = {"a-key-twice"}  # editors mark it by themselves; PyYAML takes the last one

SAMPLE = (ROOT / "config.yaml").read_text("utf-8")


def mistakes(document: Any) -> list[str]:
    built = schema.build(SAMPLE)
    Draft7Validator.check_schema(built)
    judge = Draft7Validator(built, format_checker=Draft7Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in judge.iter_errors(document)]


def test_the_schema_that_is_shipped_is_the_one_that_the_code_makes() -> None:
    assert schema.FILE.read_text("utf-8") == schema.as_text(schema.build(SAMPLE)), "`make schema`"
    assert CliRunner().invoke(main, ["schema"]).output == schema.FILE.read_text("utf-8")


def test_the_sample_names_the_schema_and_is_accepted() -> None:
    first = SAMPLE.splitlines()[0]
    assert (ROOT / first.removeprefix("# yaml-language-server: $schema=")) == schema.FILE
    assert mistakes(yaml.safe_load(SAMPLE)) == []


def test_the_configurations_of_the_readme_are_accepted() -> None:
    for text in blocks("yaml"):
        assert mistakes(yaml.safe_load(text)) == []


@pytest.mark.parametrize("name", sorted(file.stem for file in CASES.glob("*.yaml")))
def test_what_feedsvc_refuses_the_schema_refuses(name: str) -> None:
    text = (CASES / f"{name}.yaml").read_text("utf-8")
    if name in OF_YAML:
        with pytest.raises((yaml.YAMLError, ValueError)):
            yaml.safe_load(text)
        return
    found = mistakes(yaml.safe_load(text))
    assert bool(found) == (name not in OF_THE_DISK | OF_THE_ENVIRONMENT | A_KEY_TWICE), found


def test_a_value_may_be_left_out_or_refer_to_a_variable() -> None:
    text = "site:\nfeeds: {limit: '${LIMIT}', content: '${HOW}'}\nstatus: {token: '${file:/t}'}\n"
    assert mistakes(yaml.safe_load(text)) == []
    assert mistakes({"feeds": {"limit": "many"}})


def test_each_key_has_a_description() -> None:
    sections = schema.build(SAMPLE)["properties"]
    categories = sections["categories"]["items"]["properties"]
    for name, part in [*sections.items(), ("categories[]", {"properties": categories})]:
        for key, value in part.get("properties", {}).items():
            assert value.get("description"), f"{name}.{key}"
    text = "in its address, /feeds/finance.atom [required]"
    assert categories["slug"]["description"] == text
