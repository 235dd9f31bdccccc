"""Which licences text may be learnt from, and how a package's metadata and a repository's licence file state them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.message import Message
from importlib.metadata import PackageMetadata

from tabtab_local.errors import DocumentError

# SPDX identifiers, classifiers, and what older metadata says in its own words; all of a source's must be among these.
_SPDX: Mapping[str, str] = {
    **{name: name for name in ("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT")},
    **{name: name for name in ("BSL-1.0", "HPND", "MIT-0", "MIT-CMU", "PSF-2.0", "Unlicense", "Zlib")},
    "Apache": "Apache-2.0",
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "BSD-3-clause": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "New BSD": "BSD-3-Clause",
    "Simplified BSD": "BSD-2-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "The Unlicense (Unlicense)": "Unlicense",
    "Python Software Foundation License": "PSF-2.0",
}

# What only the text of that licence says. The first that is found counts.
_TELLING = (
    ("Apache-2.0", r"Apache License\s+Version 2\.0"),
    ("Apache-2.0", r"Licensed under the Apache License, Version 2\.0"),
    ("MIT", r"Permission is hereby granted, free of charge, to any person obtaining a copy.{1,900}subject to"),
    ("MIT-0", r"Permission is hereby granted, free of charge, to any person obtaining a copy"),
    ("BSD-3-Clause", r"Redistribution and use in source and binary forms.{1,1500}Neither the name"),
    ("BSD-2-Clause", r"Redistribution and use in source and binary forms"),
    ("ISC", r"Permission to use, copy, modify, and(/or)? distribute this software for any purpose"),
    ("CC0-1.0", r"CC0 1\.0 Universal"),
    ("Unlicense", r"This is free and unencumbered software released into the public domain"),
)
# More is the licence itself.
_LONGEST_NAME = 200

# Terms that bind what is made of the text, wherever they stand.
_BINDING = re.compile(
    r"GNU (LESSER |AFFERO )?GENERAL PUBLIC LICENSE|ShareAlike|NonCommercial|NoDerivatives", re.IGNORECASE
)


def is_permissive(licence: str) -> bool:
    """Return whether `licence`, an SPDX expression, names permissive licences alone."""
    parts = _parts(licence)
    return bool(parts) and all(part in _SPDX for part in parts)


def of_metadata(fields: Message | PackageMetadata) -> str:
    """Return the SPDX expression of a distribution's metadata.

    Raises `DocumentError`, which names what it says, where that is not permissive licences alone.
    """
    named = names(fields)
    if len(named) == 1 and len(text := min(named)) > _LONGEST_NAME:
        named = {of_text(text)}
    if not named or any(name not in _SPDX for name in named):
        raise DocumentError(f"not under permissive licences alone (it says {sorted(name[:60] for name in named)})")
    return " AND ".join(sorted({_SPDX[name] for name in named}))


def names(fields: Message | PackageMetadata) -> set[str]:
    """Return how metadata names its licences: in its expression, else its classifiers, else in its own words."""
    if expressions := fields.get_all("License-Expression"):
        return _parts(expressions[0])
    classifiers = [line for line in fields.get_all("Classifier") or () if line.startswith("License ::")]
    named = {line.split(" :: ")[-1] for line in classifiers} - {"OSI Approved"}
    return named or {" ".join(text.split()) for text in fields.get_all("License") or ()} - {""}


def of_text(text: str) -> str:
    """Return the SPDX identifier of a licence's text. Raises `DocumentError` for one that is not a known one."""
    text = " ".join(text.split())
    if binding := _BINDING.search(text):
        raise DocumentError(f"not under a permissive licence (its text says {binding[0]!r})")
    for name, pattern in _TELLING:
        if re.search(pattern, text, re.IGNORECASE):
            return name
    raise DocumentError(f"the licence is not one that is known (its text begins {text[:60]!r})")


def _parts(expression: str) -> set[str]:
    return {part for part in re.split(r"[\s()]+", expression) if part not in ("", "AND", "OR")}
