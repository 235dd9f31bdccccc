"""Where else something has to change after an edit: the places that the second Tab goes to. Pure.

`find.py` is the way in. `rename.py` and `resign.py` say what an edit has done to names and to signatures; `flow.py`,
`variable.py` and `scope.py` which places are one variable; `piece.py`, `loose.py` and `literal.py` read code that is
half typed.
"""

from tabtab_local.place.find import Place, next_places, renamed, resigned

__all__ = ["Place", "next_places", "renamed", "resigned"]
