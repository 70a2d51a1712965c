"""A request model as people must fill it in: the same model, in which an unknown field is a mistake, at every depth."""

from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, create_model


@cache
def strict(model: type[BaseModel]) -> type[BaseModel]:
    """The variant of `model` that refuses unknown fields; validators and limits stay as they are."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        annotation = _strict_annotation(field.annotation)
        if annotation is not field.annotation:
            fields[name] = (annotation, field)
    base = create_model(model.__name__, __base__=model, __module__=model.__module__, **fields)
    base.model_config = ConfigDict(**{**model.model_config, "extra": "forbid"})
    base.model_rebuild(force=True)
    return base


def _strict_annotation(annotation: Any) -> Any:
    if isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, BaseModel):
        return strict(annotation)
    arguments = get_args(annotation)
    if not arguments:
        return annotation
    stricter = tuple(_strict_annotation(argument) for argument in arguments)
    if stricter == arguments:
        return annotation
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return Union[stricter]  # noqa: UP007 (built from a tuple)
    if origin is Annotated:
        return Annotated[stricter]
    return origin[stricter]
