"""How values of the standard library, numpy and pandas cross: each as the name of its type and plain data.

`reduce` takes a value apart, `restore` builds a real one from a closed list of types. A library is imported only when a
value of it has come, and then is imported already where the value comes from. It knows nothing of handles.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NAMED: dict[tuple[str, tuple[str, ...]], Any] = {}


def reduce(value: Any) -> tuple[str, Any] | None:
    """Return the type's name and plain data for `value`, None where its type is not known."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    take = _REDUCE.get(name)
    if take is not None:
        module = sys.modules.get(_HOME.get(name, kind.__module__))
        # A class of the program can have any name; only the library's own counts.
        genuine = name in _VIEWS or getattr(module, kind.__qualname__, None) is kind
        return (name, take(value)) if genuine else None
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        fields = kind._fields
        if type(fields) is tuple and len(fields) == len(value) and all(type(field) is str for field in fields):
            return "namedtuple", (kind.__name__, fields, tuple(value))
    if kind.__module__.partition(".")[0] == "numpy":
        return _numpy(value)
    if kind.__module__.partition(".")[0] == "pandas":
        return _pandas(value)
    return None


def restore(plain: Any) -> Any:
    """Return the value that `reduce` took apart."""
    name, data = plain
    return _RESTORE[name](data)


def _numpy(value: Any) -> tuple[str, Any] | None:
    numpy = sys.modules["numpy"]
    if type(value) is numpy.ndarray:
        if value.dtype == object:
            return "numpy.objects", (value.shape, value.ravel().tolist())
        if value.dtype.names is None:
            return "numpy.ndarray", (value.dtype.str, value.shape, value.tobytes())
    elif isinstance(value, numpy.generic) and value.dtype.names is None and value.dtype != object:
        return "numpy.generic", (value.dtype.str, value.tobytes())
    elif isinstance(value, numpy.dtype) and value.names is None:
        return "numpy.dtype", value.str
    return None


def _array(data: Any) -> Any:
    import numpy

    text, shape, raw = data
    dtype = numpy.dtype(text)
    if dtype.hasobject:
        raise ValueError("objects cannot come as bytes")
    if dtype.itemsize == 0:
        return numpy.zeros(shape, dtype)
    return numpy.frombuffer(raw, dtype).reshape(shape).copy()


def _generic(data: Any) -> Any:
    return _array((data[0], (1,), data[1]))[0]


def _objects(data: Any) -> Any:
    import numpy

    shape, items = data
    array = numpy.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    return array.reshape(shape)


def _dtype(data: Any) -> Any:
    import numpy

    return numpy.dtype(data)


def _pandas(value: Any) -> tuple[str, Any] | None:
    pandas = sys.modules["pandas"]
    if value is pandas.NaT or value is pandas.NA:
        return ("pandas.NaT" if value is pandas.NaT else "pandas.NA"), None
    kind = type(value)
    if kind is pandas.Timestamp:
        zone = None if value.tz is None else str(value.tz)
        return "pandas.Timestamp", (value.tz_convert("UTC").tz_localize(None).asm8 if zone else value.asm8, zone)
    if kind is pandas.Timedelta:
        return "pandas.Timedelta", value.asm8
    if kind is pandas.Period:
        return "pandas.Period", (value.ordinal, value.freqstr)
    if kind is pandas.Interval:
        return "pandas.Interval", (value.left, value.right, value.closed)
    if kind is pandas.DataFrame:
        columns = [_column(value.iloc[:, place]) for place in range(value.shape[1])]
        return "pandas.DataFrame", (value.columns, value.index, columns)
    if kind is pandas.Series:
        return "pandas.Series", (value.name, value.index, _column(value))
    if isinstance(value, pandas.Index):
        return _index(value)
    if kind is pandas.CategoricalDtype:
        return "pandas.CategoricalDtype", (value.categories, value.ordered)
    if isinstance(value, pandas.api.extensions.ExtensionDtype):
        return "pandas.dtype", str(value)
    if isinstance(value, pandas.api.extensions.ExtensionArray):
        return "pandas.array", _column(pandas.Series(value))
    return None


def _index(value: Any) -> tuple[str, Any]:
    pandas = sys.modules["pandas"]
    if isinstance(value, pandas.MultiIndex):
        codes = [[int(code) for code in row] for row in value.codes]
        return "pandas.MultiIndex", (list(value.levels), codes, list(value.names))
    if isinstance(value, pandas.RangeIndex):
        return "pandas.RangeIndex", (value.start, value.stop, value.step, value.name)
    return "pandas.Index", (value.name, _column(value.to_series()), getattr(value, "freqstr", None))


def _column(series: Any) -> tuple[str, Any]:
    """Return a Series' values as the kind of array and plain data."""
    import numpy

    dtype = series.dtype
    if isinstance(dtype, numpy.dtype):
        return "numpy", series.to_numpy()
    if str(dtype) == "category":
        categorical = series.array
        return "category", (categorical.codes, categorical.categories, bool(categorical.ordered))
    return str(dtype), list(series)


def _values(column: tuple[str, Any]) -> Any:
    import pandas

    kind, data = column
    if kind == "numpy":
        return data
    if kind == "category":
        codes, categories, ordered = data
        return pandas.Categorical.from_codes(codes, categories=categories, ordered=ordered)
    return pandas.array(data, dtype=kind)


def _frame(data: Any) -> Any:
    import pandas

    columns, index, values = data
    frame = pandas.DataFrame({place: _values(column) for place, column in enumerate(values)}, index=index)
    frame.columns = columns
    return frame


def _series(data: Any) -> Any:
    import pandas

    name, index, column = data
    values = _values(column)
    return pandas.Series(values, index=index, name=name, dtype=values.dtype)


def _any_index(data: Any) -> Any:
    import pandas

    name, column, freq = data
    values = _values(column)
    index = pandas.Index(values, name=name, dtype=values.dtype)
    if freq is not None and isinstance(index, (pandas.DatetimeIndex, pandas.TimedeltaIndex)):
        index.freq = freq
    return index


def _multi_index(data: Any) -> Any:
    import pandas

    levels, codes, names = data
    return pandas.MultiIndex(levels=levels, codes=codes, names=names)


def _pandas_call(name: str) -> Callable[[Any], Any]:
    def build(data: Any) -> Any:
        import pandas

        if name in ("NaT", "NA"):
            return getattr(pandas, name)
        return getattr(pandas, name)(*data) if isinstance(data, tuple) else getattr(pandas, name)(data)

    return build


def _range_index(data: Any) -> Any:
    import pandas

    start, stop, step, name = data
    return pandas.RangeIndex(start, stop, step, name=name)


def _timestamp(data: Any) -> Any:
    import pandas

    moment, zone = data
    stamp = pandas.Timestamp(moment)
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone)


def _period(data: Any) -> Any:
    import pandas

    return pandas.Period(ordinal=data[0], freq=data[1])


def _pandas_dtype(data: Any) -> Any:
    import pandas

    return pandas.api.types.pandas_dtype(data)


def _standard(name: str) -> Callable[[Any], Any]:
    """Return what builds a value of the standard library's class `name` from a tuple of arguments."""

    def build(data: Any) -> Any:
        module, _, attribute = name.rpartition(".")
        __import__(module)
        return getattr(sys.modules[module], attribute)(*data)

    return build


def _named(data: Any) -> Any:
    from collections import namedtuple

    name, fields, values = data
    kind = _NAMED.get((name, fields))
    if kind is None:
        kind = _NAMED[name, fields] = namedtuple(name, fields)
    return kind(*values)


def _moment(data: Any) -> Any:
    import datetime

    *parts, fold = data
    return datetime.datetime(*parts, fold=fold)


def _time(data: Any) -> Any:
    import datetime

    *parts, fold = data
    return datetime.time(*parts, fold=fold)


def _clock(value: Any) -> tuple[Any, ...]:
    return value.hour, value.minute, value.second, value.microsecond, value.tzinfo, value.fold


_VIEWS = {"builtins.dict_keys", "builtins.dict_values", "builtins.dict_items"}
# Classes whose module is not where their name says they are.
_HOME: dict[str, str] = {}
_REDUCE: dict[str, Callable[[Any], Any]] = {
    "builtins.dict_keys": list,
    "builtins.dict_values": list,
    "builtins.dict_items": list,
    "collections.OrderedDict": lambda value: list(value.items()),
    "collections.Counter": lambda value: list(value.items()),
    "collections.defaultdict": lambda value: list(value.items()),
    "collections.deque": lambda value: (list(value), value.maxlen),
    "decimal.Decimal": lambda value: (str(value),),
    "fractions.Fraction": lambda value: (value.numerator, value.denominator),
    "datetime.date": lambda value: (value.year, value.month, value.day),
    "datetime.timedelta": lambda value: (value.days, value.seconds, value.microseconds),
    "datetime.datetime": lambda value: (value.year, value.month, value.day, *_clock(value)),
    "datetime.time": _clock,
    "datetime.timezone": lambda value: (value.utcoffset(None),),
    "zoneinfo.ZoneInfo": lambda value: (value.key,),
    "uuid.UUID": lambda value: (value.hex,),
    "pathlib.PosixPath": lambda value: (str(value),),
    "pathlib.PurePosixPath": lambda value: (str(value),),
}
_RESTORE: dict[str, Callable[[Any], Any]] = {
    "builtins.dict_keys": lambda data: dict.fromkeys(data).keys(),
    "builtins.dict_values": lambda data: dict(enumerate(data)).values(),
    "builtins.dict_items": lambda data: dict(data).items(),
    "collections.OrderedDict": lambda data: _standard("collections.OrderedDict")((data,)),
    "collections.Counter": lambda data: _standard("collections.Counter")((dict(data),)),
    "collections.defaultdict": dict,
    **{name: _standard(name) for name in _REDUCE if name not in _VIEWS and not name.startswith("collections.")},
    "collections.deque": _standard("collections.deque"),
    "datetime.datetime": _moment,
    "datetime.time": _time,
    "namedtuple": _named,
    "numpy.ndarray": _array,
    "numpy.objects": _objects,
    "numpy.generic": _generic,
    "numpy.dtype": _dtype,
    "pandas.NaT": _pandas_call("NaT"),
    "pandas.NA": _pandas_call("NA"),
    "pandas.Timestamp": _timestamp,
    "pandas.Timedelta": _pandas_call("Timedelta"),
    "pandas.Period": _period,
    "pandas.Interval": _pandas_call("Interval"),
    "pandas.CategoricalDtype": _pandas_call("CategoricalDtype"),
    "pandas.DataFrame": _frame,
    "pandas.Series": _series,
    "pandas.RangeIndex": _range_index,
    "pandas.MultiIndex": _multi_index,
    "pandas.Index": _any_index,
    "pandas.dtype": _pandas_dtype,
    "pandas.array": _values,
}
