"""The schema that editors read."""

from pathlib import Path

import jsonschema
import msgspec
import pytest

from tianting.settings.json_schema import SCHEMA_FILE, schema_text

BASELINES = sorted((Path(__file__).parent.parent / "baselines" / "settings").iterdir())


def test_shipped_schema_is_the_present_one() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run `python -m tianting.settings.json_schema`"


@pytest.mark.parametrize("path", BASELINES, ids=lambda path: path.name)
def test_settings_of_today_s_agents_keep_to_it(path: Path) -> None:
    jsonschema.validate(msgspec.json.decode(path.read_bytes()), msgspec.json.decode(schema_text()))


def test_every_key_is_explained() -> None:
    document = msgspec.json.decode(schema_text())
    properties = document["$defs"]["Settings"]["properties"]

    assert [name for name, facts in properties.items() if not {"description", "$ref"} & set(_flat(facts))] == []


def _flat(facts: dict[str, object]) -> list[str]:
    inner = facts.get("allOf") or facts.get("anyOf") or []
    return [*facts, *(key for item in inner for key in item)] if isinstance(inner, list) else list(facts)
