"""The official SDKs' own types as an oracle for what we send.

Validating against a `TypedDict` as it is proves little: `Iterable` fields are checked lazily and unknown keys pass.
So the schema is rebuilt with lists for iterables and unknown keys forbidden.
"""

from functools import cache
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import SchemaValidator


@cache
def strict(tp: Any) -> SchemaValidator:
    """A validator for bodies of the SDK type `tp`; building one takes up to a second, so each is built once.

    `strict(tp).validate_python(body)` raises `pydantic_core.ValidationError` for anything the type does not name.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(tp)
    adapter.rebuild(force=True)  # models of openai defer building
    # A validator that the SDK has built for itself in the meantime would be taken over, lenient as it is.
    return SchemaValidator(_strictly(adapter.core_schema), _use_prebuilt=False)


def _strictly(node: Any) -> Any:
    if isinstance(node, list | tuple):
        return type(node)(map(_strictly, node))
    if not isinstance(node, dict):
        return node
    is_schema = isinstance(node.get("type"), str)  # a mapping of fields may hold a field called "type"
    out = {key: _strictly(value) for key, value in node.items() if not (is_schema and key in _NOT_SCHEMA)}
    match out.get("type"):
        case "generator":
            return {"type": "list", **{key: out[key] for key in ("items_schema", "ref") if key in out}}
        case "typed-dict" | "model-fields":
            out["extra_behavior"] = "forbid"
            out.pop("config", None)
            out.pop("extras_schema", None)
        case "model":
            out.get("config", {}).pop("extra_fields_behavior", None)
    return out


_NOT_SCHEMA = ("metadata", "serialization")
