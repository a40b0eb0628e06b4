"""Makes the model end a turn with data of a given shape: `--json-schema`.

The tool `StructuredOutput` takes the schema as its own. A call that fits ends the turn; a misfit is answered with
the place and the complaint. Loaded only when a schema is given: `jsonschema` is no light import.
"""

from typing import Any

import jsonschema
import jsonschema.validators

from tianting.protocol.errors import ConfigError
from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.contract import RawArguments, ToolFailed

TOOL_NAME = "StructuredOutput"


class RequiredOutput:
    """The tool, and what it was given."""

    def __init__(self, schema: dict[str, Any]) -> None:
        """Raises `ConfigError` for a schema that is none, or whose top is no object."""
        if schema.get("type") != "object":
            raise ConfigError('--json-schema: the top of the schema must be {"type": "object", …}.')
        validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        try:
            validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise ConfigError(f"--json-schema: {error.message} (at {error.json_path}).") from None
        self._validator = validator(schema)
        self.spec = ToolSpec(
            name=TOOL_NAME,
            description="Give the final answer as data. Call it once, at the end; the work must be done before.",
            input_schema=schema,
        )
        self.parameters = RawArguments
        self.most_failures = 5
        self.begin()

    def begin(self) -> None:
        """Forget what the turn before was given."""
        self.value: dict[str, Any] | None = None
        """The data that fitted."""
        self.failures = 0
        """Misfits, and answers that came without it."""

    def accesses(self, parameters: RawArguments) -> tuple[Access, ...]:
        """It touches nothing."""
        return (Access(effect="note"),)

    async def run(self, parameters: RawArguments) -> ToolOutput:
        """Take the data, or say where it does not fit."""
        misfit = next(iter(self._validator.iter_errors(parameters.values)), None)
        if misfit is not None:
            self.failures += 1
            raise ToolFailed(f"The data does not fit the schema at {misfit.json_path}: {misfit.message[:300]}")
        self.value = parameters.values
        return ToolOutput(content="Taken.")
