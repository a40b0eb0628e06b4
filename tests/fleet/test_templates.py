"""A wrong policy is refused before anything of it counts, and says what is wrong."""

from typing import Any

import msgspec
import pytest

from tianting.fleet.templates import FleetPolicy, Template, check_policy
from tianting.protocol.errors import FleetError

GOOD: dict[str, Any] = {"name": "coder", "kind": "claude", "cwd": "/work", "pool": {"min": 1}}


def test_good_policy_is_given_back() -> None:
    policy = msgspec.convert({"templates": [GOOD], "mostWindows": 4}, FleetPolicy)

    assert check_policy(policy) is policy
    assert policy.template("coder") == msgspec.convert(GOOD, Template)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"name": ""}, "A template needs a name.", id="no name"),
        pytest.param(
            {"cwd": None},
            "Template 'coder' has a pool: it needs a `cwd` for its spares to start in.",
            id="pool without a directory",
        ),
        pytest.param(
            {"care": {"heartbeat": 0}},
            "Template 'coder': `heartbeat` must be above 0 and `grace` at least 0 seconds.",
            id="heartbeat",
        ),
        pytest.param(
            {"limits": {"memory": 5}},
            "Template 'coder': limits.memory is 5: no agent starts with less than 64000000. 0 means no limit.",
            id="memory",
        ),
    ],
)
def test_wrong_template_is_refused(change: dict[str, Any], said: str) -> None:
    policy = FleetPolicy(templates=(msgspec.convert(GOOD | change, Template),))

    with pytest.raises(FleetError) as caught:
        check_policy(policy)

    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"templates": [GOOD, GOOD]}, "Two templates are called 'coder'.", id="twice"),
        pytest.param({"mostWindows": 0}, "`mostWindows` must be at least 1.", id="no room"),
    ],
)
def test_wrong_policy_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(FleetError) as caught:
        check_policy(msgspec.convert(fields, FleetPolicy))

    assert str(caught.value) == said


def test_unknown_setting_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `colour`"):
        msgspec.convert(GOOD | {"colour": "red"}, Template)
