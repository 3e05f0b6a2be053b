"""Values that are made with every look, or by the thousand at a restart."""

from dataclasses import fields, make_dataclass
from typing import Any, TypeVar

T = TypeVar("T")


def frozen_by_types(cls: type[T]) -> type[T]:
    """Leave it to the type checker alone that nobody changes a frozen dataclass.

    Freezing at run time makes each of its values several times as dear: every field is set by a call. The
    fields, and so what it is called with, stay as they are.
    """
    kept: Any = cls
    plain: Any = make_dataclass(cls.__name__, [(f.name, f.type, f) for f in fields(kept)])
    kept.__init__ = plain.__init__
    del kept.__setattr__, kept.__delattr__
    return cls
